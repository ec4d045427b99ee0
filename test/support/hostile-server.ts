import { once } from "node:events";
import type { AddressInfo } from "node:net";
import ssh2, { type Attributes, type Connection, type SFTPWrapper } from "ssh2";
import { protocolOf, socketOf } from "../../src/ssh/internals.ts";
import { DisconnectReason, sendDisconnect } from "../../src/ssh/send.ts";

const { Server, utils } = ssh2;
const { STATUS_CODE } = utils.sftp;

/** What a listing says of a name. */
export interface HostileEntry {
  readonly name: string;
  readonly mode: number;
  readonly size?: number;
}

export const FILE = 0o100644;
export const DIRECTORY = 0o040755;
export const LINK = 0o120777;

/** How a server answers that means no good. */
export interface HostileAnswers {
  /** asked for each directory; undefined: there is no such one */
  list(path: string): readonly HostileEntry[] | undefined;
  /** the mode and size that STAT and LSTAT tell */
  attrs(path: string, follow: boolean): { mode: number; size?: number } | undefined;
  /** what READ gives; undefined: the end */
  read?(path: string, offset: number, length: number): Buffer | undefined;
  /** true: READ at this offset gets no answer */
  silent?(offset: number): boolean;
  /** true: the path may not be opened */
  denies?(path: string): boolean;
  /** what is written, false: refused; without it nothing can be */
  written?(path: string, offset: number, data: Buffer): boolean | Promise<boolean>;
  renamed?(from: string, to: string): void;
  /** the largest packet it takes, as it says in CHANNEL_OPEN_CONFIRMATION */
  readonly packetSize?: number;
}

export interface HostileServer {
  readonly port: number;
  /** Ends all connections, with a text that it has for its user. @param stays it says so, and keeps the line */
  dismiss(text: string, stays?: boolean): void;
  close(): Promise<void>;
}

function attributes({ mode, size = 4 }: { mode: number; size?: number }): Attributes {
  return { mode, size, uid: 0, gid: 0, atime: 1, mtime: 1 };
}

function serve(sftp: SFTPWrapper, answers: HostileAnswers): void {
  const handles = new Map<number, { path: string; listed: boolean }>();
  let next = 0;
  const open = (request: number, path: string): void => {
    const handle = Buffer.alloc(4);
    handle.writeUInt32BE(next);
    handles.set(next++, { path, listed: false });
    sftp.handle(request, handle);
  };
  const of = (handle: Buffer) => handles.get(handle.readUInt32BE(0)) ?? { path: "", listed: true };
  const stat = (follow: boolean) => (request: number, path: string) => {
    const found = answers.attrs(path, follow);
    if (found === undefined) sftp.status(request, STATUS_CODE.NO_SUCH_FILE);
    else sftp.attrs(request, attributes(found));
  };
  sftp.on("STAT", stat(true));
  sftp.on("LSTAT", stat(false));
  sftp.on("REALPATH", (request, path) => {
    const real = path === "." ? "/" : path;
    sftp.name(request, [
      { filename: real, longname: real, attrs: attributes({ mode: DIRECTORY }) },
    ]);
  });
  sftp.on("OPENDIR", open);
  sftp.on("OPEN", (request, path) => {
    if (answers.denies?.(path)) sftp.status(request, STATUS_CODE.PERMISSION_DENIED);
    else open(request, path);
  });
  sftp.on("WRITE", async (request, handle, offset, data) => {
    const taken = (await answers.written?.(of(handle).path, offset, data)) ?? false;
    sftp.status(request, taken ? STATUS_CODE.OK : STATUS_CODE.FAILURE);
  });
  sftp.on("RENAME", (request, from, to) => {
    answers.renamed?.(from, to);
    sftp.status(request, STATUS_CODE.OK);
  });
  sftp.on("FSETSTAT", (request) => sftp.status(request, STATUS_CODE.OK));
  sftp.on("READDIR", (request, handle) => {
    const directory = of(handle);
    const entries = directory.listed ? undefined : answers.list(directory.path);
    directory.listed = true;
    if (entries === undefined) {
      sftp.status(request, STATUS_CODE.EOF);
      return;
    }
    const names = entries.map(({ name, ...rest }) => {
      return { filename: name, longname: "", attrs: attributes(rest) };
    });
    sftp.name(request, names);
  });
  sftp.on("READ", (request, handle, offset, length) => {
    const read =
      answers.read ?? ((_path, at) => (at < 4 ? Buffer.from("evil").subarray(at) : undefined));
    if (answers.silent?.(offset)) return;
    const data = read(of(handle).path, offset, length);
    if (data === undefined) sftp.status(request, STATUS_CODE.EOF);
    else sftp.data(request, data);
  });
  sftp.on("CLOSE", (request) => sftp.status(request, STATUS_CODE.OK));
  sftp.on("error", () => {});
}

function takesPacketsOf(connection: Connection, size: number): void {
  type Confirm = (theirs: number, ours: number, window: number, packet: number) => void;
  const { _protocol } = connection as unknown as { _protocol: { channelOpenConfirm: Confirm } };
  const confirm = _protocol.channelOpenConfirm.bind(_protocol);
  _protocol.channelOpenConfirm = (theirs, ours, window) => confirm(theirs, ours, window, size);
}

/** A server that lets everybody in and answers as it is told. */
export async function startHostileServer(answers: HostileAnswers): Promise<HostileServer> {
  const key = utils.generateKeyPairSync("ecdsa", { bits: 256 }).private;
  const connections = new Set<Connection>();
  const server = new Server({ hostKeys: [key] }, (connection) => {
    connections.add(connection);
    if (answers.packetSize !== undefined) takesPacketsOf(connection, answers.packetSize);
    connection.on("error", () => {});
    connection.on("authentication", (context) => context.accept());
    connection.on("session", (accept) => {
      accept().on("sftp", (acceptSftp) => serve(acceptSftp(), answers));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    dismiss(text, stays = false) {
      for (const connection of connections) {
        sendDisconnect(protocolOf(connection), DisconnectReason.byApplication, text);
        if (stays) socketOf(connection).allowHalfOpen = true;
        else connection.end();
      }
      if (!stays) connections.clear();
    },
    async close() {
      for (const connection of connections) socketOf(connection).destroy();
      server.close();
      await once(server, "close");
    },
  };
}
