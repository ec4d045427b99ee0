import fc from "fast-check";
import { expect } from "vitest";
import { FsError } from "../../src/errors.ts";
import type { Account } from "../../src/store/types.ts";
import type { Books } from "../../src/vfs/books.ts";
import { fromText } from "../../src/vfs/path.ts";
import type { OpenFile, UserFileSystem } from "../../src/vfs/types.ts";
import {
  APPEND,
  EXCLUSIVE,
  onDisk,
  PUT,
  READ,
  RESUME,
  type TestInstance,
  WRITE,
} from "./instance.ts";

/** Small: every growth is near the limit. Large: most are far from it and charged ahead. */
export const SCALES = [1, 10_000];
const UNIT_QUOTA = 5_000;
const FILES = 12;
const NAMES = ["a", "b", "c", "d/a", "d/b", "d/e/a", "l", "d", "d/e"];
const FLAGS = [READ, WRITE, PUT, RESUME, APPEND, EXCLUSIVE];

export type Step =
  | { op: "open"; who: number; name: string; flags: number }
  | { op: "write"; file: number; at: number; length: number }
  | { op: "resize"; file: number; size: number }
  | { op: "close"; file: number }
  | { op: "setsize"; who: number; name: string; size: number }
  | { op: "remove" | "rmdir" | "mkdir"; who: number; name: string }
  | { op: "rename" | "link" | "symlink"; who: number; name: string; to: string; replace: boolean }
  | { op: "copy"; from: number; to: number };

const who = fc.nat(2);
const name = fc.constantFrom(...NAMES);
const file = fc.nat(20);
const size = fc.oneof(fc.nat(2_000), fc.nat(12_000), fc.constant(1e12));

export const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ op: fc.constant("open" as const), who, name, flags: fc.nat(5) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      op: fc.constant("write" as const),
      file,
      at: size,
      length: fc.nat(2_500),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("resize" as const), file, size }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant("close" as const), file }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("setsize" as const), who, name, size }) },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constantFrom("remove" as const, "rmdir" as const, "mkdir" as const),
      who,
      name,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constantFrom("rename" as const, "link" as const, "symlink" as const),
      who,
      name,
      to: name,
      replace: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("copy" as const), from: file, to: file }) },
);

/** Two sessions in one process and one in another (or the same again), over the same home. */
export class World {
  readonly homes: UserFileSystem[] = [];
  readonly open: OpenFile[] = [];
  readonly account: Account;
  readonly instances: TestInstance[];
  readonly scale: number;
  readonly quota: number;

  constructor(instances: TestInstance[], account: Account, scale: number) {
    this.instances = instances;
    this.account = account;
    this.scale = scale;
    this.quota = UNIT_QUOTA * scale;
  }

  /** @param watch the books as the homes see them */
  static async create(
    instances: TestInstance[],
    user: string,
    scale: number,
    watch: (books: Books, account: Account) => Books = (books) => books,
  ): Promise<World> {
    const [first, second = first] = instances as [TestInstance, ...TestInstance[]];
    const account = await first.addUser(user, UNIT_QUOTA * scale, FILES);
    const world = new World(instances, account, scale);
    for (const instance of [first, first, second]) {
      world.homes.push(await instance.home(account, watch(instance.ledger, account)));
    }
    return world;
  }

  /** What the disk holds, removed files that are still open included. */
  async truth(): Promise<{ bytes: number; files: number }> {
    const { bytes, files } = onDisk((this.instances[0] as TestInstance).path(this.account.name));
    const unlinked = new Map<string, number>();
    for (const open of this.open) {
      const stat = await open.stat();
      if (stat.nlink === 0) unlinked.set(open.inode, stat.size);
    }
    return { bytes: bytes + [...unlinked.values()].reduce((sum, n) => sum + n, 0), files };
  }

  async check(): Promise<void> {
    const truth = await this.truth();
    const before = await (this.instances[0] as TestInstance).store.ledger.usage(this.account.id);
    expect(truth.bytes).toBeLessThanOrEqual(before.usedBytes);
    expect(before.usedBytes).toBeLessThanOrEqual(this.quota);
    expect(before.usedFiles).toBe(truth.files);
    expect(truth.files).toBeLessThanOrEqual(FILES);
    for (const instance of this.instances) await instance.ledger.giveBack(this.account.id);
    const after = await (this.instances[0] as TestInstance).store.ledger.usage(this.account.id);
    expect(after.usedBytes).toBe(truth.bytes);
  }

  async run(step: Step): Promise<void> {
    const before = await this.truth();
    try {
      await this.#act(step);
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(FsError);
      if ((thrown as FsError).code === "EDQUOT") await this.#mustNotHaveFitted(step, before);
    }
  }

  async #mustNotHaveFitted(step: Step, before: { bytes: number; files: number }) {
    if (step.op === "write" || step.op === "resize") {
      const open = this.#file(step.file) as OpenFile;
      const { size } = await open.stat();
      const at =
        step.op === "write" && open.flags.append
          ? size
          : step.op === "write"
            ? step.at * this.scale
            : 0;
      const end = step.op === "write" ? at + step.length : step.size * this.scale;
      expect(before.bytes + end - size).toBeGreaterThan(this.quota);
    } else if (step.op !== "setsize" && step.op !== "copy") {
      expect(before.files).toBe(FILES);
    }
  }

  #file(index: number): OpenFile | undefined {
    return this.open[index % Math.max(1, this.open.length)];
  }

  async #act(step: Step): Promise<void> {
    if (step.op === "copy") {
      const [from, to] = [this.#file(step.from), this.#file(step.to)];
      if (from !== undefined && to !== undefined && from.inode !== to.inode) {
        await (this.homes[0] as UserFileSystem).copy(from, 0, 0, to, 0);
      }
      return;
    }
    if ("file" in step) return this.#onFile(step, this.#file(step.file));
    const home = this.homes[step.who] as UserFileSystem;
    const path = fromText(step.name);
    if (step.op === "open") {
      const opened = await home.open(path, FLAGS[step.flags] ?? READ);
      this.open.push(opened);
    } else if (step.op === "setsize")
      await home.setStat(path, { size: step.size * this.scale }, true);
    else if (step.op === "remove") await home.remove(path);
    else if (step.op === "rmdir") await home.removeDirectory(path);
    else if (step.op === "mkdir") await home.makeDirectory(path);
    else if (step.op === "rename") await home.rename(path, fromText(step.to), step.replace);
    else if (step.op === "link") await home.hardLink(path, fromText(step.to));
    else if (step.op === "symlink") await home.symlink(fromText(step.to), path);
  }

  async #onFile(step: Extract<Step, { file: number }>, open: OpenFile | undefined): Promise<void> {
    if (open === undefined) return;
    if (step.op === "write") {
      await open.write([Buffer.alloc(step.length, 1)], step.length, step.at * this.scale);
    } else if (step.op === "resize") await open.setStat({ size: step.size * this.scale });
    else {
      this.open.splice(this.open.indexOf(open), 1);
      await open.close();
    }
  }

  async end(): Promise<void> {
    for (const open of this.open.splice(0)) await open.close();
    await this.check();
    const usage = await (this.instances[0] as TestInstance).store.ledger.usage(this.account.id);
    const disk = onDisk((this.instances[0] as TestInstance).path(this.account.name));
    expect({ bytes: usage.usedBytes, files: usage.usedFiles }).toEqual(disk);
  }
}
