import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { onDisk, TestInstance } from "../../support/instance.ts";
import { connectionTo, ENGINE } from "../../support/store-engine.ts";

let one: TestInstance;
let other: TestInstance;
let [ann, bob] = [0, 0];

beforeEach(async () => {
  one = await TestInstance.create();
  other = await one.another();
  ann = (await one.addUser("ann", null)).id;
  bob = (await one.addUser("bob", null)).id;
  for (const name of ["ann", "bob"]) mkdirSync(one.path(name), { recursive: true });
});

afterEach(async () => {
  await other.close();
  await one.close();
});

/** Makes a directory in a home as the ledger's user would; `meanwhile` runs before that is booked. */
function make(
  { store, path }: TestInstance,
  userId: number,
  place: readonly [user: string, name: string],
  meanwhile = (): void => {},
): Promise<unknown> {
  const perform = (): undefined => {
    mkdirSync(path.call(one, ...place));
    meanwhile();
  };
  return store.ledger.create(userId, Buffer.from(`/${place[1]}`), 0, perform);
}

async function expectExact(...users: readonly (readonly [string, number])[]): Promise<void> {
  for (const [name, id] of users) {
    const { usedBytes: bytes, usedFiles: files } = await one.store.ledger.usage(id);
    expect({ name, bytes, files }).toEqual({ name, ...onDisk(one.path(name)) });
  }
}

test("what a process is about to do in one home is left alone by who works in another", async () => {
  let meanwhile: Promise<unknown> | undefined;
  await make(one, ann, ["ann", "d"], () => {
    meanwhile = make(other, bob, ["bob", "d"]);
  });
  await meanwhile;
  await expectExact(["ann", ann], ["bob", bob]);
});

test("what a process has not booked in a home is booked by who comes next into that home", async () => {
  const { nodeId } = one.store;
  const path = Buffer.from("/left").toString("base64");
  const text = Buffer.from(JSON.stringify({ kind: "create", userId: bob, path, number: 1 }));
  const slot = Buffer.alloc(16 + text.length);
  slot.writeUIntBE(1, 0, 6);
  slot.writeUInt32BE(text.length, 6);
  text.copy(slot, 10);
  slot.writeUIntBE(1, 10 + text.length, 6);
  writeFileSync(join(one.root, "db", `intent-${nodeId}`), slot);
  mkdirSync(one.path("bob", "left"));
  await make(other, ann, ["ann", "d"]);
  await expectExact(["ann", ann]);
  expect((await other.store.ledger.usage(bob)).usedFiles).toBe(0);
  await make(other, bob, ["bob", "d"]);
  await expectExact(["bob", bob]);
});

/** SQLite's transactions don't fail once they have begun, but for a full disk. */
test.runIf(ENGINE === "postgres")(
  "a change whose transaction failed, and that another process has booked, counts once",
  async () => {
    const connection = await connectionTo(one.root);
    let entered = (): void => {};
    const isIn = new Promise<void>((resolve) => {
      entered = resolve;
    });
    const making = make(one, ann, ["ann", "d"], () => {
      entered();
      // It waits for the home's row, in vain.
      expect(connection.begin("instance")).toBe(true);
      connection.prepare("UPDATE homes SET last_login_at = 1 WHERE id = ?").run(ann);
      connection.prepare("SELECT 1").get();
    });
    const refused = expect(making).rejects.toThrow("booked the change");
    const end = (): void => {
      connection.rollback();
      connection.prepare("SELECT 1").get();
    };
    await isIn;
    // In this turn, in which it doesn't try again: until it has given up the lock of the home.
    end();
    while (!connection.begin(ann));
    end();
    await make(other, ann, ["ann", "e"]);
    await refused;
    connection.close();
    await expectExact(["ann", ann]);
    expect((await one.store.ledger.usage(ann)).usedFiles).toBe(2);
    await make(one, ann, ["ann", "f"]);
    await expectExact(["ann", ann]);
  },
);
