import { OpenFlag } from "../../src/sftp/wire/constants.ts";
import { PacketConnection } from "./packet-client.ts";
import type { SftpClient } from "./sftp-client.ts";
import { str, u64 } from "./sftp-client-packets.ts";
import type { KeyPair, Target } from "./ssh-client.ts";

const MIB = 1024 * 1024;
const NAMES = 4;
const LARGE = 32 * MIB;
const CREATE = OpenFlag.WRITE | OpenFlag.CREAT | OpenFlag.TRUNC;

/** Numbers from 0 up to 1, the same for the same seed (mulberry32). */
export function chances(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * What one user does all at once, over connections of its own, until the server is gone: uploads,
 * removals, renames, copies by the shell and by copy-data, and truncation of what is being copied.
 */
export class MixedLoad {
  readonly #connections: PacketConnection[];
  readonly #random: () => number;
  readonly #loops: Promise<void>[];
  /** what was begun, by kind */
  readonly done = new Map<string, number>();
  /** what stands before each name: "", or a directory with a slash behind it */
  readonly #at: string;
  #ending = false;

  private constructor(
    connections: PacketConnection[],
    channels: SftpClient[],
    seed: number,
    at: string,
  ) {
    this.#connections = connections;
    this.#at = at;
    this.#random = chances(seed);
    const [puts, renames, cuts, copies] = channels as [
      SftpClient,
      SftpClient,
      SftpClient,
      SftpClient,
    ];
    const [first, second] = connections as [PacketConnection, PacketConnection];
    this.#loops = [
      this.#loop("put", () => this.#put(puts)),
      this.#loop("rename", () => this.#rename(renames)),
      this.#loop("cut", () => this.#cut(cuts, first)),
      this.#loop("copy-data", () => this.#copyData(copies)),
      this.#loop("cp", () => first.exec(`cp ${this.#name()} ${this.#name()}`)),
      this.#loop("tree", () => second.exec(this.#tree())),
    ];
  }

  /** @param at where, with a slash behind it; else in the home */
  static async start(
    target: Target,
    user: string,
    key: KeyPair,
    seed: number,
    at = "",
  ): Promise<MixedLoad> {
    const methods = ["publickey"] as const;
    const login = { ident: "load", methods, password: "", key: key.private, user };
    const connections = [];
    for (let number = 0; number < 2; number += 1) {
      connections.push(await PacketConnection.open(target, login));
    }
    const channels = [];
    for (const connection of [...connections, ...connections]) {
      const channel = await connection.sftp();
      await channel.init();
      channels.push(channel);
    }
    return new MixedLoad(connections, channels, seed, at);
  }

  /** Drops the connections. Resolves when nothing is waited for any more. */
  async end(): Promise<void> {
    this.#ending = true;
    for (const connection of this.#connections) connection.drop();
    await Promise.all(this.#loops);
  }

  async #loop(kind: string, act: () => Promise<unknown>): Promise<void> {
    while (!this.#ending) {
      this.done.set(kind, (this.done.get(kind) ?? 0) + 1);
      try {
        await act();
      } catch {
        // The server is gone, or refused it: the quota is small on purpose.
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    }
  }

  #name(): string {
    return `${this.#at}f${Math.floor(this.#random() * NAMES)}`;
  }

  #size(): number {
    return Math.floor(this.#random() ** 2 * 24 * MIB);
  }

  async #put(sftp: SftpClient): Promise<void> {
    const r = sftp.requests;
    const handle = await sftp.open(this.#name(), CREATE);
    const piece = Buffer.alloc(200_000, 1);
    for (let left = this.#size(), at = 0; left > 0; left -= piece.length, at += piece.length) {
      await sftp.call(r.write(handle, at, piece));
    }
    await sftp.call(r.close(handle));
  }

  async #rename(sftp: SftpClient): Promise<void> {
    const r = sftp.requests;
    const [from, to] = [this.#name(), this.#name()];
    if (this.#random() < 0.3) await sftp.call(r.remove(from));
    else await sftp.call(r.extended("posix-rename@openssh.com", str(from), str(to)));
    await new Promise((resolve) => setTimeout(resolve, this.#random() * 20));
  }

  /** Copies a large file, which gets shorter meanwhile. */
  async #cut(sftp: SftpClient, other: PacketConnection): Promise<void> {
    const r = sftp.requests;
    const handle = await sftp.open(`${this.#at}large`, CREATE);
    await sftp.all(r.fsetstat(handle, { size: LARGE }), r.close(handle));
    const copying = other.exec(`cp ${this.#at}large ${this.#at}copy`);
    copying.catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, this.#random() * 60));
    await sftp.call(r.setstat(`${this.#at}large`, { size: Math.floor(this.#random() * MIB) }));
    await copying;
    await sftp.call(r.setstat(this.#name(), { size: this.#size() }));
  }

  async #copyData(sftp: SftpClient): Promise<void> {
    const r = sftp.requests;
    const source = await sftp.open(this.#name(), OpenFlag.READ);
    const target = await sftp.open(this.#name(), CREATE);
    const range = [str(source), u64(0), u64(0), str(target), u64(0)];
    await sftp.all(r.extended("copy-data", ...range), r.close(source), r.close(target));
  }

  #tree(): string {
    const number = Math.floor(this.#random() * 3);
    const [one, other] = [`${this.#at}t${number}`, `${this.#at}u${number}`];
    const make = `mkdir -p ${one}/a/b/c; cp ${this.#name()} ${one}/a/b/x`;
    return this.#random() < 0.5 ? `${make}; cp -r ${one} ${other}` : `rm -rf ${one} ${other}`;
  }
}
