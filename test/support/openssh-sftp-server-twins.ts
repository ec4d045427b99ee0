import { type SftpSession, serveSftp } from "../../src/sftp/session.ts";
import { PacketType } from "../../src/sftp/wire/constants.ts";
import { ownerOf } from "../../src/vfs/homes.ts";
import { S_IFMT, type UserFileSystem } from "../../src/vfs/types.ts";
import { TestInstance } from "./instance.ts";
import { MemoryChannel } from "./memory-channel.ts";
import {
  makeRoot,
  type OpenSshSession,
  type OpenSshSftpServer,
  writeAccounts,
} from "./openssh-sftp-server.ts";
import { type Command, encode } from "./openssh-sftp-server-commands.ts";
import { listing, outcome, treeText } from "./openssh-sftp-server-compare.ts";
import type { Probe } from "./openssh-sftp-server-differences.ts";
import type { Burst } from "./sequences.ts";
import { memoryWire, SftpClient } from "./sftp-client.ts";
import type { Reply } from "./sftp-client-packets.ts";

/** Requests sent at once, at most. */
const BURST = 6;

/** READDIRs for one directory, at most. */
const PAGES = 20;

/** A handle that neither server ever gave out. */
const NEVER = Buffer.from("ffffffff", "hex");

const USER = "ann";

/** How the two servers answered one request. */
export interface Answer {
  readonly command: Command;
  readonly theirs: string;
  readonly ours: string;
}

interface Exchange {
  readonly command: Command;
  readonly theirs: Reply;
  readonly ours: Reply;
}

interface Slot {
  readonly theirs: Buffer;
  readonly ours: Buffer;
  open: boolean;
}

/** One of the two servers, with what it serves. */
interface Side {
  readonly client: SftpClient;
  readonly directory: string;
  /** what VERSION listed */
  readonly extensions: ReadonlyMap<string, string>;
  stop(): Promise<void>;
}

/** The same requests to OpenSSH's sftp-server and to Moorage, each with a home that is empty. */
export class Twins {
  readonly theirs: Side;
  readonly ours: Side;
  readonly #slots: Slot[] = [];

  private constructor(theirs: Side, ours: Side) {
    this.theirs = theirs;
    this.ours = ours;
  }

  static async start(program: OpenSshSftpServer): Promise<Twins> {
    const ours = await startOurs();
    try {
      return new Twins(await startTheirs(program), ours);
    } catch (thrown) {
      await ours.stop();
      throw thrown;
    }
  }

  /** Sends the commands, some at once. Gives the answers one by one, in order. */
  async *run(commands: readonly Command[]): AsyncGenerator<Answer> {
    for (let at = 0; at < commands.length; ) {
      const burst = firstBurst(commands.slice(at));
      at += burst.length;
      yield* this.#burst(burst);
    }
  }

  /**
   * Sends what a client sent, each burst at once. Directories are listed by what the client asked for,
   * and their handles are slots like those of files.
   */
  async *replay(bursts: readonly Burst[]): AsyncGenerator<Answer> {
    for (const burst of bursts) {
      for (const { command, theirs, ours } of await this.#exchange(burst)) {
        yield { command, theirs: replayed(command, theirs), ours: replayed(command, ours) };
        this.#keep({ theirs, ours });
      }
    }
  }

  /** What Moorage has at a path, as the differences ask for it. */
  readonly probe: Probe = async (path) => {
    const { client } = this.ours;
    const name = Buffer.from(path, "latin1");
    const replies = await client.all(client.requests.lstat(name), client.requests.stat(name));
    const [link = 0, target = 0] = replies.map((reply) => {
      return reply.type === PacketType.ATTRS ? reply.attrs.mode & S_IFMT : 0;
    });
    return { link, target };
  };

  /** What the two file systems hold now, for a comparison. */
  trees(): { theirs: string[]; ours: string[] } {
    return { theirs: treeText(this.theirs.directory), ours: treeText(this.ours.directory) };
  }

  async stop(): Promise<void> {
    await Promise.all([this.theirs.stop(), this.ours.stop()]);
  }

  async *#burst(burst: readonly Command[]): AsyncGenerator<Answer> {
    for (const { command, theirs, ours } of await this.#exchange(burst)) {
      yield { command, theirs: outcome(theirs), ours: outcome(ours) };
      yield* this.#opened(command, { theirs, ours });
    }
  }

  async #exchange(burst: readonly Command[]): Promise<Exchange[]> {
    const slots = burst.map((command) => this.#resolve(command));
    const frames = (side: "theirs" | "ours"): Buffer[] =>
      burst.map((command, index) =>
        encode(this[side].client.requests, command, (number) => {
          return slots[index]?.(number)?.[side] ?? NEVER;
        }),
      );
    const [theirs, ours] = await Promise.all([
      this.theirs.client.all(...frames("theirs")),
      this.ours.client.all(...frames("ours")),
    ]);
    return burst.map((command, index) => {
      return { command, theirs: theirs[index] as Reply, ours: ours[index] as Reply };
    });
  }

  #keep({ theirs, ours }: Record<"theirs" | "ours", Reply>): void {
    if (theirs.type !== PacketType.HANDLE || ours.type !== PacketType.HANDLE) return;
    this.#slots.push({ theirs: theirs.handle, ours: ours.handle, open: true });
  }

  /** The handles a command means, as they are when it is sent; the latest slot is number 0. */
  #resolve(command: Command): (number: number) => Slot | undefined {
    const slots = [...this.#slots];
    const inUse = new Set(
      slots.filter(({ open }) => open).map((slot) => slot.theirs.toString("hex")),
    );
    const find = (number: number): Slot | undefined => {
      const slot = slots.at(-1 - (number % Math.max(1, slots.length)));
      // OpenSSH gives out the numbers of closed handles again.
      return slot?.open || !inUse.has(slot?.theirs.toString("hex") ?? "") ? slot : undefined;
    };
    const found = new Map<number, Slot | undefined>();
    for (const key of ["slot", "target"] as const) {
      const number = (command as unknown as Record<string, unknown>)[key];
      if (typeof number === "number") found.set(number, find(number));
    }
    if (command.op === "close") {
      const closed = found.get(command.slot);
      if (closed !== undefined) closed.open = false;
    }
    return (number) => found.get(number);
  }

  /** Keeps the handles of a file, and lists a directory to its end. */
  async *#opened(command: Command, { theirs, ours }: Record<"theirs" | "ours", Reply>) {
    if (command.op === "open") this.#keep({ theirs, ours });
    if (command.op !== "opendir") return;
    if (theirs.type !== PacketType.HANDLE || ours.type !== PacketType.HANDLE) return;
    const [all, mine] = await Promise.all([
      list(this.theirs.client, theirs.handle),
      list(this.ours.client, ours.handle),
    ]);
    yield { command, theirs: all, ours: mine };
  }
}

/** Of these the numbers are the disk's. */
const NUMBERS = new Set(["statvfs", "fstatvfs", "limits"]);

/** As {@link outcome}; the order of a directory's entries is the disk's. */
function replayed({ op }: Command, reply: Reply): string {
  if (op === "readdir") return listing([reply]);
  const isForm = NUMBERS.has(op) && reply.type === PacketType.EXTENDED_REPLY;
  return isForm ? `EXTENDED_REPLY of ${reply.body.length} bytes` : outcome(reply);
}

/** What others need the outcome of: handles, or what stands there right after it. */
const LAST = new Set(["open", "opendir", "rename"]);

/** The first commands that need nothing that one of them brings about. */
function firstBurst(commands: readonly Command[]): readonly Command[] {
  const opens = commands.findIndex(({ op }) => LAST.has(op));
  const length = opens === -1 ? commands.length : opens + 1;
  return commands.slice(0, Math.min(length, BURST));
}

/** Reads a directory to its end, twice there, and closes it. */
async function list(client: SftpClient, handle: Buffer): Promise<string> {
  const { requests } = client;
  const replies: Reply[] = [];
  for (let page = 0; page < PAGES; page += 1) {
    const reply = await client.call(requests.readdir(handle));
    replies.push(reply);
    if (reply.type !== PacketType.NAME) break;
  }
  replies.push(...(await client.all(requests.readdir(handle), requests.close(handle))));
  return listing(replies);
}

async function startTheirs(program: OpenSshSftpServer): Promise<Side> {
  const root = makeRoot(ownerOf({ id: 1, name: USER }));
  const session: OpenSshSession = await program.start(root, ownerOf({ id: 1, name: USER }));
  const { client, extensions } = session;
  return { client, extensions, directory: root, stop: () => session.stop() };
}

async function startOurs(): Promise<Side> {
  const instance = await TestInstance.create();
  const account = await instance.addUser(USER, null);
  const fs: UserFileSystem = await instance.home(account);
  writeAccounts(instance.path(USER), fs.owner);
  const channel = new MemoryChannel();
  const client = new SftpClient(memoryWire(channel));
  const clientIdent = "SSH-2.0-OpenSSH_9.2p1";
  const session: SftpSession = serveSftp(channel, fs, { maxHandles: 256, clientIdent });
  const { extensions } = await client.init();
  return {
    client,
    extensions,
    directory: instance.path(USER),
    async stop() {
      await session.close();
      await instance.close();
    },
  };
}
