import { writeFileSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Account } from "../../../src/store/types.ts";
import { fromText } from "../../../src/vfs/path.ts";
import { afterKill, looking } from "../../support/after-kill.ts";
import { onDisk, PUT, TestInstance } from "../../support/instance.ts";
import { connectionTo } from "../../support/store-engine.ts";

let instance: TestInstance;
let ann: Account;

beforeEach(async () => {
  instance = await TestInstance.create({ holds: true, quietMs: 0 });
  ann = await instance.addUser("ann", 1_000_000);
});

afterEach(() => instance.close());

async function expectExact(): Promise<void> {
  const { usedBytes, usedFiles } = await instance.store.ledger.usage(ann.id);
  expect({ bytes: usedBytes, files: usedFiles }).toEqual(onDisk(instance.path("ann")));
}

async function microtasks(count: number): Promise<void> {
  for (let done = 0; done < count; done += 1) await undefined;
}

test("a home that is given up just as it was taken is not worked on by its old book", async () => {
  const home = await instance.home(ann);
  for (let hops = 0; hops < 40; hops += 1) {
    await instance.store.leases.share(ann.id);
    const making = home.makeDirectory(fromText(`d${hops}`));
    await microtasks(hops);
    await instance.store.leases.share(ann.id);
    await making;
    await expectExact();
  }
});

test.each([
  { what: "in use", idleMs: 0, isHeld: false },
  { what: "not used for a second", idleMs: 1_001, isHeld: true },
])(
  "who holds a home that another process wants: $what for a second, held $isHeld",
  async ({ idleMs, isHeld }) => {
    const holding = { holds: true, quietMs: 60_000 };
    const first = await TestInstance.create(holding);
    const bob = await first.addUser("bob", 1_000_000);
    const second = await first.another(holding);
    await (await first.home(bob)).makeDirectory(fromText("d"));
    const { leases } = first.store;
    const holder = leases.holderOf(bob.id);
    const real = performance.now.bind(performance);
    const clock = vi.spyOn(performance, "now").mockImplementation(() => real() + idleMs);
    try {
      const home = await second.home(bob);
      for (const name of ["e", "f"]) await home.makeDirectory(fromText(name));
      expect(holder).toBeDefined();
      expect(leases.holderOf(bob.id) !== undefined).toBe(isHeld);
      expect(leases.holderOf(bob.id)).not.toBe(holder);
    } finally {
      clock.mockRestore();
      await second.close();
      await first.close();
    }
  },
);

test("names that two want to make at once: a kill before the second one fails counts one", async () => {
  const connection = await connectionTo(instance.root);
  const seen: unknown[] = [];
  const look = (): void => {
    const found = afterKill(connection, instance, ann);
    if (found !== undefined) seen.push([found, onDisk(instance.path("ann"))]);
  };
  try {
    const home = await instance.home(ann, looking(instance.ledger, look));
    for (const make of [
      () => home.makeDirectory(fromText("d")),
      async () => (await home.open(fromText("f"), PUT)).close(),
    ]) {
      await instance.store.leases.share(ann.id);
      await Promise.allSettled([make(), make()]);
    }
  } finally {
    connection.close();
  }
  expect(seen.length).toBeGreaterThan(3);
  for (const [found, disk] of seen as [unknown, unknown][]) expect(found).toEqual(disk);
});

test("while another program has the database's lock, a long journal waits for one fold", async () => {
  const home = await instance.home(ann);
  await home.makeDirectory(fromText("d"));
  const connection = await connectionTo(instance.root);
  const { leases } = instance.store;
  const { fold } = leases;
  let folds = 0;
  leases.fold = (...all) => {
    folds += 1;
    return fold.apply(leases, all);
  };
  expect(connection.begin(ann.id)).toBe(true);
  try {
    for (let n = 0; n < 300; n += 1) {
      await home.makeDirectory(fromText(`${"x".repeat(200)}${n}`));
      if (leases.journal.isLong) await turn();
    }
    expect(leases.journal.isLong).toBe(true);
    expect(folds).toBe(1);
  } finally {
    connection.rollback();
    connection.close();
  }
  await expectExact();
});

test("a file that the books have lost can be closed after a write to it was refused", async () => {
  const home = await instance.home(ann);
  const file = await home.open(fromText("f"), PUT);
  await instance.ledger.tend();
  await home.makeDirectory(fromText("d"));
  await home.removeDirectory(fromText("d"));
  const connection = await connectionTo(instance.root);
  // As who takes this process for dead.
  connection.prepare("UPDATE homes SET holder = NULL").run();
  connection.prepare("DELETE FROM open_files").run();
  connection.close();
  await instance.ledger.tend();
  const data = Buffer.alloc(10);
  // The first one takes the home again, the second one finds it held.
  await expect(file.write([data], 10, 0)).rejects.toThrow();
  await expect(file.write([data], 10, 0)).rejects.toThrow();
  await expect(file.close()).rejects.toThrow();
  await expectExact();
});

test("one home of a dead process that can't be looked at keeps nobody from another", async () => {
  const bob = await instance.addUser("bob", null);
  const connection = await connectionTo(instance.root);
  connection
    .prepare(`INSERT INTO nodes (id, kind, pid, start_time, boot_id, version, started_at)
      VALUES ('dead', 'server', 1, '1', 'another boot', 'test', 1)`)
    .run();
  connection.prepare("UPDATE homes SET holder = 'dead'").run();
  connection
    .prepare(`INSERT INTO open_files (user_id, inode, node_id, number, path, charged)
      VALUES (?, '1:1:1', 'dead', 1, ?, 0)`)
    .run(bob.id, Buffer.from("f"));
  connection.close();
  writeFileSync(instance.path("bob"), "no directory");
  const home = await instance.home(ann);
  await home.makeDirectory(fromText("d"));
  await expectExact();
  await instance.store.leases.exact();
  await expect(instance.store.leases.share(bob.id)).rejects.toThrow("homes/bob");
});

test("a file that the books have lost is not charged again and again in a shared home", async () => {
  const other = await instance.another();
  const home = await other.home(ann);
  const file = await home.open(fromText("f"), PUT);
  const connection = await connectionTo(instance.root);
  // As who takes this process for dead; the file is empty.
  connection.prepare("DELETE FROM open_files").run();
  connection.prepare("UPDATE homes SET used_bytes = 0").run();
  connection.close();
  const data = Buffer.alloc(100_000);
  await expect(file.write([data], data.length, 0)).rejects.toThrow();
  await expectExact();
  await other.close();
});

test("who could not give up a home when it was asked is asked again", async () => {
  const other = await instance.another({ holds: true, quietMs: 0 });
  const home = await instance.home(ann);
  await home.makeDirectory(fromText("d"));
  const { leases } = instance.store;
  const { fold } = leases;
  leases.fold = () => {
    leases.fold = fold;
    return Promise.reject(new Error("not now"));
  };
  await (await other.home(ann)).makeDirectory(fromText("e"));
  await expectExact();
  await other.close();
  await expect(instance.close()).rejects.toThrow("not now");
  instance = await TestInstance.create();
});

test("a file that is closed just as its slack is given back is charged its size", async () => {
  const bob = await instance.addUser("bob", 1e9);
  const other = await instance.another();
  const file = await (await other.home(bob)).open(fromText("f"), PUT);
  await file.write([Buffer.alloc(100)], 100, 0);
  const { ledger } = other.store;
  const { trim } = ledger;
  let trims = 0;
  ledger.trim = async (...all) => {
    trims += 1;
    await file.close();
    return trim.apply(ledger, all);
  };
  await other.ledger.giveBack(bob.id);
  expect(trims).toBe(1);
  expect(await ledger.usage(bob.id)).toMatchObject({ usedBytes: 100, usedFiles: 1 });
  await other.close();
});

test("what is done while the answer to a fold is in doubt is told with the next one", async () => {
  const home = await instance.home(ann);
  await home.makeDirectory(fromText("d"));
  const { leases } = instance.store;
  const { fold } = leases;
  let settle = (): void => {};
  const doubt = new Promise<void>((resolve) => {
    settle = resolve;
  });
  leases.fold = (books, release, done) =>
    fold.call(leases, books, release, (...told) => void doubt.then(() => done(...told)));
  await instance.ledger.tend();
  await home.makeDirectory(fromText("e"));
  settle();
  await doubt;
  leases.fold = fold;
  await instance.ledger.tend();
  await expectExactInDatabase();
});

async function expectExactInDatabase(): Promise<void> {
  const { usedFiles } = (await instance.store.users.byName("ann")) ?? {};
  expect(usedFiles).toBe(onDisk(instance.path("ann")).files);
}
