import { afterEach, beforeEach, expect, test } from "vitest";
import type { LocalControl } from "../../../src/control/local.ts";
import { TrashExpiry } from "../../../src/server/trash-expiry.ts";
import { fromText } from "../../../src/vfs/path.ts";
import type { UserFileSystem } from "../../../src/vfs/types.ts";
import { PUT } from "../../support/instance.ts";
import { ControlDesk } from "./desk.ts";

let desk: ControlDesk;
let control: LocalControl;

const DAY = 86_400_000;

beforeEach(async () => {
  desk = await ControlDesk.open();
  control = desk.as("cli:tester");
  await desk.addUser("alice");
});

afterEach(() => desk.close());

async function home(name: string): Promise<UserFileSystem> {
  const { users, folders } = desk.store;
  const found = name.startsWith("@") ? await folders.byName(name) : await users.byName(name);
  return desk.host.openBare({ id: found?.id ?? 0, name });
}

async function removeIn(name: string, path: string, text: string): Promise<void> {
  const files = await home(name);
  const file = await files.open(fromText(path), PUT);
  await file.write([Buffer.from(text)], text.length, 0);
  await file.close();
  await files.remove(fromText(path));
  await files.close();
}

test("an administrator lists, restores and empties the trash of a user and of a folder", async () => {
  await control.call("folders.add", { name: "team" });
  await control.call("folders.set", { name: "team", trashKeep: DAY });
  await control.call("users.set", { name: "alice", trashKeep: DAY });
  for (const name of ["alice", "@team"]) {
    await removeIn(name, "/a", "one");
    await removeIn(name, "/a", "two!");
    const { files, more } = await control.call("trash.list", { name });
    expect(files).toMatchObject([
      { path: "/a", size: 3 },
      { path: "/a", size: 4 },
    ]);
    expect(more).toBe(false);
    const page = await control.call("trash.list", { name, limit: 1 });
    expect(page).toEqual({ files: files.slice(0, 1), more: true });
    const after = files[0]?.id as string;
    const rest = await control.call("trash.list", { name, limit: 1, after });
    expect(rest).toEqual({ files: files.slice(1), more: false });
    expect(await control.call("trash.restore", { name, what: "/a" })).toEqual({ path: "/a" });
    const again = control.call("trash.restore", { name, what: "/a" });
    await expect(again).rejects.toThrow(/--force/);
    const to = { name, what: after, to: "/b" };
    expect(await control.call("trash.restore", to)).toEqual({ path: "/b" });
    await expect(control.call("trash.restore", to)).rejects.toThrow(/is not in the trash/);
    await removeIn(name, "/c", "three");
    expect(await control.call("trash.empty", { name })).toEqual({ files: 1, bytes: 5 });
  }
  expect((await desk.audited()).join("\n")).toContain("restore");
  await expect(control.call("trash.list", { name: "none" })).rejects.toThrow(/no user/);
});

test("own value, the most of the groups, the settings; nobody's is off", async () => {
  const keep = async () =>
    desk.store.trash.keepOf((await desk.store.users.byName("alice"))?.id ?? 0);
  expect(await keep()).toBeNull();
  await removeIn("alice", "/a", "gone");
  expect((await control.call("trash.list", { name: "alice" })).files).toEqual([]);
  for (const [name, trashKeep] of [
    ["one", DAY],
    ["two", 3 * DAY],
  ] as const) {
    await control.call("groups.add", { name, trashKeep });
    await control.call("groups.join", { name, users: ["alice"] });
  }
  expect(await keep()).toBe(3 * DAY);
  await control.call("users.set", { name: "alice", trashKeep: 0 });
  expect(await keep()).toBe(0);
  const wrong = control.call("users.set", { name: "alice", trashKeep: 5 });
  await expect(wrong).rejects.toThrow(/1h to 3650d/);
});

test("what was there long enough is removed for good, and nothing else", async () => {
  await control.call("users.set", { name: "alice", trashKeep: DAY });
  await removeIn("alice", "/a", "one");
  const { store, root, log } = desk.host;
  const files = await home("alice");
  let now = Date.now();
  const { Ledger } = await import("../../../src/quota/ledger.ts");
  const { Evidence } = await import("../../../src/vfs/evidence.ts");
  const books = new Ledger(store, new Evidence(store.ledger));
  const expiry = new TrashExpiry({ root, store, books, log, keep: () => 0 }, () => now);
  const left = async () => (await control.call("trash.list", { name: "alice" })).files.length;
  await expiry.run();
  expect(await left()).toBe(1);
  now += DAY - 60_000;
  await expiry.run();
  expect(await left()).toBe(1);
  now += 20 * 60_000;
  await expiry.run();
  expect(await left()).toBe(0);
  const { id } = (await store.users.byName("alice")) ?? { id: 0 };
  expect(await books.exactUsage(id)).toMatchObject({ usedBytes: 0, usedFiles: 0 });
  await files.close();
});
