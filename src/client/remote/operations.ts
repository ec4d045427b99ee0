import {
  AttrFlag,
  CHECK_ALONG,
  MAX_DATA,
  PacketType,
  StatusCode,
} from "../../sftp/wire/constants.ts";
import type { Reader } from "../../sftp/wire/reader.ts";
import { SPACES } from "../../sftp/wire/spaces.ts";
import { Writer } from "../../sftp/wire/writer.ts";
import { decodeName, encodeName } from "../../text/names.ts";
import { RemoteError } from "../errors.ts";
import type { FolderSpace, RemoteAttrs, RemoteEntry, Space } from "../types.ts";
import { type Reply, type SftpClientChannel, statusError } from "./sftp.ts";
import { readSpaces } from "./spaces.ts";

/** What every server takes: the draft's section 3 lets packets have 34000 bytes. */
const PLAIN_DATA = 32 * 1024;

const S_IFMT = 0xf000;
const TYPES: Readonly<Record<number, RemoteAttrs["type"]>> = {
  32768: "file",
  16384: "directory",
  40960: "link",
};

/** A file or directory that is open on the server. */
export interface RemoteHandle {
  readonly id: Buffer;
  readonly path: string;
}

export interface AttrChange {
  readonly size?: number;
  readonly mode?: number;
  readonly times?: { readonly atime: number; readonly mtime: number };
}

/** The requests of SFTP version 3 and OpenSSH's extensions, as calls. All reject with RemoteError. */
export class Operations {
  readonly channel: SftpClientChannel;
  /** the largest READ and WRITE, in bytes */
  maxRead = PLAIN_DATA;
  maxWrite = PLAIN_DATA;

  /** to tell the server with OPEN how large a file will be: others may make it so large */
  readonly tellsSize: boolean;

  constructor(channel: SftpClientChannel, tellsSize = false) {
    this.channel = channel;
    this.tellsSize = tellsSize;
  }

  has(extension: string): boolean {
    return this.channel.extensions.has(extension);
  }

  /** Resolves to the directory where the user begins. */
  async start(): Promise<string> {
    const { first } = await this.channel.start();
    // Nobody waits for it: what is asked next is answered after it.
    this.#learnSizes().catch(() => {});
    return nameOf(".", await first);
  }

  /** limits@openssh.com (OpenSSH PROTOCOL section 4.8). */
  async #learnSizes(): Promise<void> {
    if (!this.has("limits@openssh.com")) return;
    const body = await this.#extended("limits@openssh.com", undefined, (writer) => writer);
    if (body === undefined) return;
    body.u64();
    const [read, write] = [body.u64(), body.u64()];
    const bounded = (size: number): number =>
      Math.min(Math.max(size || PLAIN_DATA, 1024), MAX_DATA);
    this.maxRead = bounded(read);
    this.maxWrite = bounded(write);
  }

  /** Which checksums this server computes while a file arrives, when it is told so with OPEN. */
  get checksAlong(): readonly string[] {
    return this.channel.extensions.get(CHECK_ALONG)?.split(",") ?? [];
  }

  /**
   * @param size bytes that the file will have, for a server that wants to know
   * @param along the checksum that will be asked for, one of {@link checksAlong}
   */
  open(
    path: string,
    flags: number,
    mode?: number,
    size = 0,
    along?: string,
  ): Promise<RemoteHandle> {
    return this.#handle(PacketType.OPEN, path, (writer) => {
      const told = this.tellsSize && size > 0;
      writer.u32(flags);
      const present =
        (told ? AttrFlag.SIZE : 0) |
        (mode === undefined ? 0 : AttrFlag.PERMISSIONS) |
        (along === undefined ? 0 : AttrFlag.EXTENDED);
      writer.u32(present >>> 0);
      if (told) writer.u64(size);
      if (mode !== undefined) writer.u32(mode);
      if (along !== undefined) writer.u32(1).text(CHECK_ALONG).text(along);
    });
  }

  opendir(path: string): Promise<RemoteHandle> {
    return this.#handle(PacketType.OPENDIR, path, () => {});
  }

  async close(handle: RemoteHandle): Promise<void> {
    await this.#ok(PacketType.CLOSE, handle.path, (w) => w.string(handle.id));
  }

  /** undefined at the end of the file. */
  async read(handle: RemoteHandle, offset: number, length: number): Promise<Buffer | undefined> {
    const reply = await this.#send(PacketType.READ, (writer) =>
      writer.string(handle.id).u64(offset).u32(length),
    );
    if ("data" in reply) return reply.data;
    if ("code" in reply && reply.code === StatusCode.EOF) return undefined;
    throw failure(handle.path, reply);
  }

  /** One WRITE, of maxWrite bytes at most. */
  write(handle: RemoteHandle, offset: number, bytes: Buffer): Promise<void> {
    return this.#ok(PacketType.WRITE, handle.path, (writer) =>
      writer.string(handle.id).u64(offset).string(bytes),
    );
  }

  /** undefined at the end of the directory. */
  async readdir(handle: RemoteHandle): Promise<RemoteEntry[] | undefined> {
    const reply = await this.#send(PacketType.READDIR, (writer) => writer.string(handle.id));
    if ("code" in reply && reply.code === StatusCode.EOF) return undefined;
    const body = bodyOf(handle.path, reply, PacketType.NAME);
    const count = counted(body);
    // As OpenSSH's client takes it; lists of nothing could go on for ever.
    if (count === 0) return undefined;
    return Array.from({ length: count }, () => ({
      name: decodeName(body.string()),
      longname: decodeName(body.string()),
      ...readAttrs(body),
    }));
  }

  stat(path: string): Promise<RemoteAttrs> {
    return this.#attrs(PacketType.STAT, path, (writer) => writer.string(encodeName(path)));
  }

  lstat(path: string): Promise<RemoteAttrs> {
    return this.#attrs(PacketType.LSTAT, path, (writer) => writer.string(encodeName(path)));
  }

  fstat(handle: RemoteHandle): Promise<RemoteAttrs> {
    return this.#attrs(PacketType.FSTAT, handle.path, (writer) => writer.string(handle.id));
  }

  setstat(path: string, change: AttrChange): Promise<void> {
    return this.#ok(PacketType.SETSTAT, path, (writer) =>
      writeAttrs(writer.string(encodeName(path)), change),
    );
  }

  fsetstat(handle: RemoteHandle, change: AttrChange): Promise<void> {
    return this.#ok(PacketType.FSETSTAT, handle.path, (writer) =>
      writeAttrs(writer.string(handle.id), change),
    );
  }

  mkdir(path: string, mode?: number): Promise<void> {
    return this.#ok(PacketType.MKDIR, path, (writer) =>
      writeAttrs(writer.string(encodeName(path)), mode === undefined ? {} : { mode }),
    );
  }

  rmdir(path: string): Promise<void> {
    return this.#ok(PacketType.RMDIR, path, (writer) => writer.string(encodeName(path)));
  }

  remove(path: string): Promise<void> {
    return this.#ok(PacketType.REMOVE, path, (writer) => writer.string(encodeName(path)));
  }

  /** Replaces what is there, where the server can (posix-rename@openssh.com, PROTOCOL section 4.3). */
  async rename(from: string, to: string): Promise<void> {
    const both = (writer: Writer): Writer => writer.string(encodeName(from)).string(encodeName(to));
    if (!this.has("posix-rename@openssh.com")) return this.#ok(PacketType.RENAME, from, both);
    await this.#extended("posix-rename@openssh.com", from, both);
  }

  realpath(path: string): Promise<string> {
    return this.#name(PacketType.REALPATH, path);
  }

  readlink(path: string): Promise<string> {
    return this.#name(PacketType.READLINK, path);
  }

  /**
   * statvfs@openssh.com (PROTOCOL section 4.4); undefined where the server doesn't have it, or the
   * filesystem has no blocks, as /proc, or it is not told: where files may be put but not seen.
   */
  async space(path: string): Promise<Space | undefined> {
    if (!this.has("statvfs@openssh.com")) return undefined;
    const asked = this.#extended("statvfs@openssh.com", path, (writer) =>
      writer.string(encodeName(path)),
    );
    const body = await asked.catch((error: unknown) => {
      if (error instanceof RemoteError && error.status === StatusCode.PERMISSION_DENIED) return;
      throw error;
    });
    if (body === undefined) return undefined;
    body.u64();
    const unit = body.u64();
    const blocks = body.u64();
    body.u64();
    const free = body.u64();
    const files = body.u64();
    body.u64();
    const freeFiles = body.u64();
    if (blocks === 0) return undefined;
    const space = { totalBytes: blocks * unit, freeBytes: free * unit };
    return files === 0 ? space : { ...space, files: { total: files, free: freeFiles } };
  }

  /** spaces@moorage (sftp/extensions/spaces.ts); undefined where the server doesn't have it. */
  async spaces(): Promise<FolderSpace[] | undefined> {
    if (!this.has(SPACES)) return undefined;
    const body = await this.#extended(SPACES, undefined, (writer) => writer);
    return body === undefined ? undefined : readSpaces(body);
  }

  /**
   * check-file-name (draft-ietf-secsh-filexfer-extensions-00, section 3): the digest of the first
   * `length` bytes, or of the whole file; undefined where the answer isn't one.
   */
  async checkFile(
    path: string,
    algorithm: string,
    length: number | undefined,
  ): Promise<Buffer | undefined> {
    const body = await this.#extended(
      "check-file-name",
      path,
      (writer) =>
        writer
          .string(encodeName(path))
          .text(algorithm)
          .u64(0)
          .u64(length ?? 0)
          .u32(0),
      true,
    );
    if (body === undefined || body.string().toString("latin1") !== algorithm) return undefined;
    return body.rest();
  }

  async #send(type: number, fields: (writer: Writer) => unknown, patient = false): Promise<Reply> {
    const id = this.channel.id();
    const writer = new Writer(type).u32(id);
    fields(writer);
    return this.channel.send(id, writer.finish(), undefined, patient);
  }

  async #ok(type: number, path: string, fields: (writer: Writer) => unknown): Promise<void> {
    const reply = await this.#send(type, fields);
    if (!("code" in reply) || reply.code !== StatusCode.OK) throw failure(path, reply);
  }

  /** The body of the reply; undefined for a plain OK. */
  async #extended(
    name: string,
    path: string | undefined,
    fields: (writer: Writer) => unknown,
    patient = false,
  ): Promise<Reader | undefined> {
    const add = (writer: Writer): unknown => fields(writer.text(name));
    const reply = await this.#send(PacketType.EXTENDED, add, patient);
    if ("code" in reply && reply.code === StatusCode.OK) return undefined;
    return bodyOf(path, reply, PacketType.EXTENDED_REPLY);
  }

  async #handle(
    type: number,
    path: string,
    fields: (writer: Writer) => void,
  ): Promise<RemoteHandle> {
    const reply = await this.#send(type, (writer) => fields(writer.string(encodeName(path))));
    return { id: bodyOf(path, reply, PacketType.HANDLE).string(), path };
  }

  async #attrs(
    type: number,
    path: string,
    fields: (writer: Writer) => unknown,
  ): Promise<RemoteAttrs> {
    const reply = await this.#send(type, fields);
    return readAttrs(bodyOf(path, reply, PacketType.ATTRS));
  }

  async #name(type: number, path: string): Promise<string> {
    return nameOf(path, await this.#send(type, (writer) => writer.string(encodeName(path))));
  }
}

function nameOf(path: string, reply: Reply): string {
  const body = bodyOf(path, reply, PacketType.NAME);
  if (body.u32() !== 1) throw new RemoteError(path, "the server's answer can't be read");
  return decodeName(body.string());
}

function bodyOf(path: string | undefined, reply: Reply, type: number): Reader {
  if (!("body" in reply) || reply.type !== type) throw failure(path, reply);
  return reply.body;
}

/** Also for a reply of a kind that doesn't belong to the request. */
export function failure(path: string | undefined, reply: Reply): RemoteError {
  if ("code" in reply && reply.code !== StatusCode.OK) {
    return statusError(path, reply.code, reply.text);
  }
  return new RemoteError(path, "the server's answer doesn't fit the question");
}

/** A count that lies ends here, not in memory: an entry takes twelve bytes at least. */
function counted(body: Reader): number {
  const count = body.u32();
  if (count * 12 > body.remaining) throw new RemoteError(undefined, "the server's list is damaged");
  return count;
}

function readAttrs(body: Reader): RemoteAttrs {
  const flags = body.u32();
  const size = flags & AttrFlag.SIZE ? body.u64() : 0;
  if (flags & AttrFlag.UIDGID) {
    body.u32();
    body.u32();
  }
  const permissions = flags & AttrFlag.PERMISSIONS ? body.u32() : 0x8000 | 0o644;
  const times = flags & AttrFlag.ACMODTIME;
  const atime = times ? body.u32() : 0;
  const mtime = times ? body.u32() : 0;
  if (flags & AttrFlag.EXTENDED) {
    for (let count = body.u32(); count > 0; count--) {
      body.string();
      body.string();
    }
  }
  const type = TYPES[permissions & S_IFMT] ?? "other";
  return { type, size, mode: permissions & 0o7777, mtime, atime };
}

function writeAttrs(writer: Writer, { size, mode, times }: AttrChange): Writer {
  writer.u32(
    (size === undefined ? 0 : AttrFlag.SIZE) |
      (mode === undefined ? 0 : AttrFlag.PERMISSIONS) |
      (times === undefined ? 0 : AttrFlag.ACMODTIME),
  );
  if (size !== undefined) writer.u64(size);
  if (mode !== undefined) writer.u32(mode);
  if (times !== undefined) writer.u32(times.atime).u32(times.mtime);
  return writer;
}
