import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Generated, UserImport } from "../../../../src/control/import/import.ts";
import type { ImportRow } from "../../../../src/control/import/rows.ts";
import { ControlDesk } from "../desk.ts";

const KEY =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ/Wq7jrQ3J1t0h9rYzWvWwqVd0nRZkC0Q8oXk7cX5mS me@example";

let desk: ControlDesk;
let users: UserImport;
let kept: readonly Generated[];
let steps: string[];

const noting = {
  onHashed: (done: number, total: number) => void steps.push(`${done}/${total}`),
  keep: (passwords: readonly Generated[]) => {
    steps.push("keep");
    kept = passwords;
    return () => void steps.push("forget");
  },
};

beforeEach(async () => {
  [kept, steps] = [[], []];
  desk = await ControlDesk.open();
  const { store, root } = desk;
  users = new UserImport({
    ...{ store, root, actor: "cli:tester", concurrency: 2 },
    rule: { passwordMinLength: 1, passwordStrength: 0 },
    quota: { default: 5_000, files: 7 },
    hash: async (password) => `hash of ${password}`,
  });
  await store.groups.add("staff", { quota: { hasQuota: true, quotaBytes: 9_000 } });
});

afterEach(() => desk.close());

async function checked(...lines: string[]): Promise<readonly ImportRow[]> {
  const { rows, faults } = await users.check(lines.join("\n"));
  expect(faults).toEqual([]);
  return rows;
}

const LINES = ["name,groups,key,quota", "ann,staff,,", `bob,,${KEY},`, "cid,staff,,1000"];

test("keys come with their options, and revoked ones are refused", async () => {
  const limited = `"from=""192.0.2.0/24"" ${KEY}"`;
  await users.add(await checked("name,key", `bob,${limited}`), noting);
  const bob = await desk.store.users.byName("bob");
  const [key] = await desk.store.keys.list(bob?.id ?? 0);
  expect(key?.options).toMatchObject({ from: ["192.0.2.0/24"] });
  const fingerprint = key?.fingerprint ?? "";
  const what = { kind: "key", authority: "", subject: fingerprint } as const;
  const by = { reason: "", actor: "test", createdAt: 1 };
  await desk.store.authorities.revoke({ ...what, ...by }, 10);
  const { faults } = await users.check(`name,key\ncid,${KEY}`);
  expect(faults).toEqual([{ line: 2, text: `the key ${fingerprint} is revoked` }]);
});

test("users are added with groups, quotas, keys and passwords of their own", async () => {
  await users.add(await checked(...LINES), noting);
  const all = await desk.store.users.list();
  expect(all).toMatchObject([
    { name: "ann", quotaBytes: 9_000, quotaOwn: false, groups: ["staff"], quotaFiles: 7 },
    { name: "bob", quotaBytes: 5_000, quotaOwn: false, groups: [], passwordHash: null },
    { name: "cid", quotaBytes: 1_000, quotaOwn: true, groups: ["staff"], enabled: true },
  ]);
  expect(kept.map(({ name }) => name)).toEqual(["ann", "cid"]);
  const passwords = new Set(kept.map(({ password }) => password));
  expect(passwords.size).toBe(2);
  for (const { name, password } of kept) {
    expect(password).toMatch(/^[a-z0-9-]{23}$/);
    expect(all.find((one) => one.name === name)?.passwordHash).toBe(`hash of ${password}`);
  }
  expect(steps).toEqual(["1/2", "2/2", "keep"]);
  expect(await desk.store.keys.list(all[1]?.id ?? 0)).toHaveLength(1);
  expect(readdirSync(join(desk.root, "homes")).sort()).toEqual(
    expect.arrayContaining(["ann", "bob", "cid"]),
  );
  expect(await desk.audited()).toEqual([
    "user-add ann cli:tester role user, 0 keys, groups staff",
    "user-add bob cli:tester role user, 1 keys",
    "user-add cid cli:tester role user, 0 keys, groups staff",
  ]);
});

test("users who are there and groups that are not are told with all other faults, in order", async () => {
  await desk.addUser("bob");
  const text = "name,groups,quota\nann,none,\nbob,,\ncid,,x\ndan,staf,\n";
  const { faults } = await users.check(text);
  expect(faults.map(({ line, text }) => `${line} ${text.slice(0, 42)}`)).toEqual([
    '2 no group "none": `moorage group list` show',
    "3 user bob exists already",
    '4 quota "x": give a size such as 10GB or 512',
    '5 no group "staf"; did you mean staff?',
  ]);
});

test.each([
  ["a user who came meanwhile", async () => void (await desk.addUser("cid")), "cid exists"],
  [
    "a group that went meanwhile",
    async () => void (await desk.store.groups.remove(1, null)),
    'no group "staff"',
  ],
])("%s: nobody is added, no home is left, and passwords are forgotten", async (_, act, text) => {
  const rows = await checked(...LINES);
  await act();
  const before = await desk.store.users.list();
  await expect(users.add(rows, noting)).rejects.toThrow(text);
  expect(await desk.store.users.list()).toEqual(before);
  expect(steps.slice(-2)).toEqual(["keep", "forget"]);
  for (const name of ["ann", "bob"]) {
    expect(existsSync(join(desk.root, "homes", name))).toBe(false);
  }
  expect(await desk.audited()).toEqual([]);
});

test("where passwords can't be kept nobody is added", async () => {
  const keep = (): never => {
    throw new Error("no room");
  };
  const rows = await checked(...LINES);
  await expect(users.add(rows, { ...noting, keep })).rejects.toThrow("no room");
  expect(await desk.store.users.count()).toBe(0);
  expect(existsSync(join(desk.root, "homes", "ann"))).toBe(false);
});

test("homes that were kept from before are counted before anybody gets in", async () => {
  mkdirSync(join(desk.root, "homes", "bob"));
  writeFileSync(join(desk.root, "homes", "bob", "old"), Buffer.alloc(123));
  await users.add(await checked(...LINES), noting);
  const bob = await desk.store.users.byName("bob");
  expect(bob).toMatchObject({ enabled: true, usedBytes: 123, usedFiles: 1 });
});

test("made passwords that are too short for the settings are refused before anything is done", async () => {
  const { store, root } = desk;
  const strict = new UserImport({
    ...{ store, root, actor: "x", concurrency: 1, quota: { default: null, files: null } },
    rule: { passwordMinLength: 60, passwordStrength: 0 },
    hash: async () => "hash",
  });
  await expect(strict.add(await checked(...LINES), noting)).rejects.toThrow(/60 or more/);
  expect(steps).toEqual([]);
});
