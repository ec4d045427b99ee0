import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FsError } from "../../../src/errors.ts";
import { rescan } from "../../../src/quota/rescan.ts";
import type { Account } from "../../../src/store/types.ts";
import { fromText } from "../../../src/vfs/path.ts";
import type { OpenFile, UserFileSystem } from "../../../src/vfs/types.ts";
import { APPEND, onDisk, PUT, READ, RESUME, TestInstance } from "../../support/instance.ts";

const QUOTA = 100_000;
const MiB = 1024 * 1024;

let instance: TestInstance;
let account: Account;
let home: UserFileSystem;

// One contract, whether the books are in memory or each change is a transaction.
describe.each([
  ["held", true],
  ["shared", false],
] as const)("the books of a home that is %s", (_how, holds) => {
  beforeEach(async () => {
    instance = await TestInstance.create({ holds });
    account = await instance.addUser("ann", QUOTA);
    home = await instance.home(account);
  });

  afterEach(() => instance.close());

  const used = async () => (await instance.store.ledger.usage(account.id)).usedBytes;
  const disk = () => onDisk(instance.path("ann"));

  async function put(name: string, size: number, flags = PUT): Promise<OpenFile> {
    const file = await home.open(fromText(name), flags);
    await write(file, 0, size);
    return file;
  }

  async function store(name: string, size: number): Promise<void> {
    await (await put(name, size)).close();
  }

  function write(file: OpenFile, at: number, length: number): Promise<void> {
    return file.write([Buffer.alloc(length, 7)], length, at);
  }

  async function refused(attempt: Promise<unknown>): Promise<string> {
    const thrown = await attempt.then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(thrown).toBeInstanceOf(FsError);
    expect((thrown as FsError).code).toBe("EDQUOT");
    return (thrown as FsError).message;
  }

  async function balanced(): Promise<void> {
    await instance.ledger.giveBack(account.id);
    expect(await used()).toBe(disk().bytes);
  }

  test("the last byte fits, one more is refused with used, limit and needed, and the rest stays", async () => {
    const file = await put("f", QUOTA - 1);
    await write(file, QUOTA - 1, 1);
    expect(await refused(write(file, QUOTA, 1))).toBe(
      "Quota exceeded: 100000 of 100000 bytes used, 1 more needed",
    );
    await write(file, 10, 1000);
    await file.close();
    expect(disk().bytes).toBe(QUOTA);
    await balanced();
  });

  test("N parallel uploads at the last bytes: in sum never over, and what is left is used", async () => {
    await store("old", QUOTA - 50_000);
    const files = await Promise.all(
      Array.from({ length: 16 }, (_, i) => home.open(fromText(`p${i}`), PUT)),
    );
    const results = await Promise.allSettled(
      files.flatMap((file) => [0, 1, 2, 3].map((k) => write(file, k * 1000, 1000))),
    );
    expect(results.filter((r) => r.status === "fulfilled")).toHaveLength(50);
    expect(await used()).toBe(QUOTA);
    for (const file of files) await file.close();
    await balanced();
  });

  test("one byte at offset 1 TB is charged for all of it", async () => {
    const file = await put("f", 10);
    await refused(write(file, 1e12, 1));
    await file.close();
    expect(disk().bytes).toBe(10);
  });

  test("SETSTAT and FSETSTAT growth is charged, shrinking gives back at once", async () => {
    await store("f", 1000);
    await refused(home.setStat(fromText("f"), { size: QUOTA + 1 }, true));
    await home.setStat(fromText("f"), { size: QUOTA }, true);
    await refused((await put("g", 0)).write([Buffer.alloc(1)], 1, 0));
    await home.setStat(fromText("f"), { size: 500 }, true);
    const file = await put("g", QUOTA - 500);
    await file.setStat({ size: 0 });
    expect(await used()).toBe(500);
    await refused(file.setStat({ size: QUOTA }));
    await file.close();
    await balanced();
  });

  test("TRUNC over an old file frees it first: at 100 % a big file is replaced by a smaller one", async () => {
    await store("big", QUOTA);
    await store("big", QUOTA - 1);
    expect(await used()).toBe(QUOTA - 1);
  });

  test("rename over a file frees the old one; its open handles keep it charged until closed", async () => {
    await store("a", 60_000);
    await store("b", 30_000);
    const reader = await home.open(fromText("b"), READ);
    await home.rename(fromText("a"), fromText("b"), true);
    expect(await used()).toBe(90_000);
    await reader.close();
    expect(await used()).toBe(60_000);
    await balanced();
  });

  test("unlink while open, then write on: charged until closed, then free", async () => {
    const file = await put("f", 40_000);
    await home.remove(fromText("f"));
    await write(file, 40_000, 50_000);
    expect(await used()).toBe(90_000);
    await refused((await put("g", 0)).write([Buffer.alloc(20_000)], 20_000, 0));
    await file.close();
    expect(await used()).toBe(0);
    await store("h", QUOTA);
    await balanced();
  });

  test("open for reading and unlinked files can't pile up unseen", async () => {
    const held: OpenFile[] = [];
    for (let i = 0; i < 2; i += 1) {
      await store("f", 50_000);
      held.push(await home.open(fromText("f"), READ));
      await home.remove(fromText("f"));
    }
    const file = await put("g", 0);
    await refused(write(file, 0, 1));
    for (const open of held) await open.close();
    await write(file, 0, QUOTA);
    await file.close();
    await balanced();
  });

  test("hard links are charged once, and freed with the last name", async () => {
    await store("f", 60_000);
    await home.hardLink(fromText("f"), fromText("g"));
    expect(await used()).toBe(60_000);
    const file = await home.open(fromText("g"), RESUME);
    await write(file, 60_000, 40_000);
    await file.close();
    expect(await used()).toBe(QUOTA);
    await home.remove(fromText("f"));
    expect(await used()).toBe(QUOTA);
    await home.remove(fromText("g"));
    expect(await used()).toBe(0);
  });

  test("copy-data is charged like any write", async () => {
    const source = await put("f", 60_000, { ...PUT, read: true });
    const target = await home.open(fromText("g"), PUT);
    await refused(home.copy(source, 0, 0, target, 0));
    expect(await home.copy(source, 0, 40_000, target, 0)).toBe(40_000);
    expect(await used()).toBe(QUOTA);
    await source.close();
    await target.close();
    await balanced();
  });

  test("a whole file is copied in the kernel: same bytes, own permissions, exact charge", async () => {
    await instance.store.users.set(account.id, { quotaBytes: 8 * MiB });
    const data = randomBytes(3 * MiB);
    const source = await home.open(fromText("f"), { ...PUT, read: true }, 0o640);
    await source.write([data], data.length, 0);
    const target = await home.open(fromText("g"), PUT, 0o600);
    expect(await home.copy(source, 0, 0, target, 0)).toBe(data.length);
    expect(readFileSync(instance.path("ann", "g")).equals(data)).toBe(true);
    expect((await target.stat()).mode & 0o777).toBe(0o600);
    await balanced();
    const third = await home.open(fromText("h"), PUT);
    await refused(home.copy(source, 0, 0, third, 0));
    for (const file of [source, target, third]) await file.close();
    await balanced();
  });

  test("a source that grows while it is copied can't take the copy over the quota", async () => {
    await instance.store.users.set(account.id, { quotaBytes: 64 * MiB });
    const source = await home.open(fromText("f"), { ...PUT, read: true });
    await source.setStat({ size: 30 * MiB });
    const target = await home.open(fromText("g"), PUT);
    const grower = await home.open(fromText("f"), RESUME);
    const [copied, grown] = await Promise.allSettled([
      home.copy(source, 0, 0, target, 0),
      grower.setStat({ size: 34 * MiB }),
    ]);
    expect([copied.status, grown.status]).toEqual(["fulfilled", "fulfilled"]);
    expect((await target.stat()).size).toBe(30 * MiB);
    await refused(target.setStat({ size: 30 * MiB + 1 }));
    for (const file of [source, target, grower]) await file.close();
    await balanced();
  });

  test("appends from several handles follow each other and stop at the limit", async () => {
    const files = await Promise.all([1, 2, 3].map(() => home.open(fromText("log"), APPEND)));
    const results = await Promise.allSettled(
      Array.from({ length: 60 }, (_, i) => write(files[i % 3] as OpenFile, 0, 2_000)),
    );
    expect(results.filter((r) => r.status === "fulfilled")).toHaveLength(50);
    for (const file of files) await file.close();
    expect(disk()).toEqual({ bytes: QUOTA, files: 1 });
    await balanced();
  });

  test("the same file open twice in two processes is charged once", async () => {
    const other = await instance.another();
    const file = await put("f", 10_000);
    const elsewhere = await (await other.home(account)).open(fromText("f"), RESUME);
    await elsewhere.write([Buffer.alloc(50_000)], 50_000, 0);
    await write(file, 0, 50_000);
    await write(file, 50_000, 50_000);
    expect(await used()).toBe(QUOTA);
    await file.close();
    expect(await used()).toBe(QUOTA);
    await elsewhere.setStat({ size: 10 });
    await elsewhere.close();
    expect(await used()).toBe(10);
    await other.close();
  });

  test("what another process holds ahead of need is given back when it is needed", async () => {
    await instance.store.users.set(account.id, { quotaBytes: 200 * MiB });
    const other = await instance.another();
    const ahead = await (await other.home(account)).open(fromText("ahead"), PUT);
    await ahead.write([Buffer.alloc(MiB)], MiB, 0);
    expect(await used()).toBeGreaterThan(MiB);
    // What a running server does when it sees the change.
    let last = await other.store.changes.latestId();
    const watch = setInterval(async () => {
      for (const change of await other.store.changes.since(last)) {
        last = change.id;
        await other.ledger.onChange(change);
      }
    }, 10);
    const file = await home.open(fromText("f"), PUT);
    await file.setStat({ size: 199 * MiB });
    await refused(write(file, 199 * MiB, 1));
    clearInterval(watch);
    await file.close();
    await ahead.close();
    expect(await used()).toBe(200 * MiB);
    await other.close();
  });

  test("what is held ahead of need is given back when limits of a group are others", async () => {
    await instance.store.users.set(account.id, { quotaBytes: 1024 * MiB });
    const file = await put("f", 200_000);
    expect(await used()).toBeGreaterThan(200_000);
    await instance.ledger.onChange({ id: 1, kind: "group-set", userId: 0, detail: "" });
    expect(await used()).toBe(200_000);
    await file.close();
  });

  test("far from the limit growth is charged ahead, and given back at close", async () => {
    await instance.store.users.set(account.id, { quotaBytes: 1024 * MiB });
    const file = await put("f", 200_000);
    expect(await used()).toBeGreaterThan(200_000);
    expect((await home.fileSystemStat()).bfree).toBe(1024n * 1024n - 196n);
    await file.close();
    expect(await used()).toBe(200_000);
  });

  test("a limit of entries counts files, directories and links, and over it nothing is made", async () => {
    await instance.store.users.set(account.id, { quotaFiles: 4 });
    await store("f", 1);
    await home.makeDirectory(fromText("d"));
    await home.symlink(fromText("f"), fromText("s"));
    await home.hardLink(fromText("f"), fromText("h"));
    const text = await refused(home.makeDirectory(fromText("e")));
    expect(text).toBe("Quota exceeded: 4 of 4 files used");
    await refused(home.open(fromText("new"), PUT));
    await refused(home.hardLink(fromText("f"), fromText("h2")));
    expect(disk().files).toBe(4);
    await home.remove(fromText("h"));
    await store("new", 1);
    expect((await instance.store.ledger.usage(account.id)).usedFiles).toBe(4);
  });

  test("a quota lowered under the usage: reads, rewrites and deletes work, growth is refused", async () => {
    await store("f", 80_000);
    await store("g", 10_000);
    await instance.store.users.set(account.id, { quotaBytes: 50_000 });
    const file = await home.open(fromText("f"), { ...RESUME, read: true });
    expect(await file.read(Buffer.alloc(10), 0, 10, 79_995)).toBe(5);
    await write(file, 0, 80_000);
    await refused(write(file, 79_999, 2));
    await file.setStat({ size: 1_000 });
    await home.remove(fromText("g"));
    await write(file, 0, 50_000);
    await file.close();
    await balanced();
  });

  test("a failed creation is not counted", async () => {
    await store("f", 1);
    await expect(home.makeDirectory(fromText("f"))).rejects.toMatchObject({ code: "EEXIST" });
    await expect(home.makeDirectory(fromText("no/d"))).rejects.toMatchObject({ code: "ENOENT" });
    await expect(home.open(fromText(`${"x".repeat(256)}`), PUT)).rejects.toMatchObject({
      code: "ENAMETOOLONG",
    });
    await expect(home.hardLink(fromText("f"), fromText("f"))).rejects.toMatchObject({
      code: "EEXIST",
    });
    expect((await instance.store.ledger.usage(account.id)).usedFiles).toBe(1);
  });

  test("rescan finds files put there by other means, beside open ones", async () => {
    const file = await put("f", 5_000);
    writeFileSync(instance.path("ann", "foreign"), Buffer.alloc(3_000));
    expect(await rescan(instance.store, instance.root, account)).toMatchObject({ files: 2 });
    await file.close();
    expect(await used()).toBe(8_000);
  });

  test("rescan beside an open file that grew by other means: it counts once", async () => {
    const file = await put("f", 5_000);
    writeFileSync(instance.path("ann", "f"), Buffer.alloc(9_000));
    expect(await rescan(instance.store, instance.root, account)).toMatchObject({ bytes: 9_000 });
    await file.close();
    expect(await used()).toBe(9_000);
  });

  test("a process that ends in order leaves no intent behind", async () => {
    const intents = () =>
      readdirSync(join(instance.root, "db")).filter((name) => name.startsWith("intent-"));
    const other = await instance.another();
    await (await other.home(account)).makeDirectory(fromText("d"));
    expect(intents()).toEqual([`intent-${other.store.nodeId}`]);
    await other.close();
    expect(intents()).toEqual([]);
  });

  test("one file can't be opened without end: each close would look at all the others", async () => {
    await store("f", 10);
    const files: OpenFile[] = [];
    for (let i = 0; i < 1024; i += 1) files.push(await home.open(fromText("f"), READ));
    const another = home.open(fromText("f"), READ);
    await expect(another).rejects.toThrow("The file is open too often");
    await (files.pop() as OpenFile).close();
    files.push(await home.open(fromText("f"), READ));
    for (const file of files) await file.close();
    await balanced();
  });

  test("growth that the disk refuses is not charged", async () => {
    const rich = await instance.addUser("eve", null);
    const file = await (await instance.home(rich)).open(fromText("f"), PUT);
    const petabyte = 2 ** 50;
    await file.setStat({ size: petabyte }).catch(() => undefined);
    const { size } = await file.stat();
    expect((await instance.ledger.exactUsage(rich.id)).usedBytes).toBe(size);
    await file.write([Buffer.alloc(1)], 1, petabyte).catch(() => undefined);
    const after = (await file.stat()).size;
    expect((await instance.ledger.exactUsage(rich.id)).usedBytes).toBe(after);
    await file.close();
  });

  test("giving back asks only for what is charged ahead of need", async () => {
    await instance.store.users.set(account.id, { quotaBytes: 1000 * MiB });
    const files = await Promise.all(["a", "b", "c"].map((name) => put(name, 100)));
    const ahead = async () => (await instance.store.ledger.slackHere(account.id)).length;
    expect(await ahead()).toBe(3);
    await balanced();
    expect(await ahead()).toBe(0);
    await write(files[1] as OpenFile, 0, 2 * MiB);
    expect(await ahead()).toBe(1);
    await balanced();
    expect(await ahead()).toBe(0);
    for (const file of files) await file.close();
  });
});
