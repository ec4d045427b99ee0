import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type NewUserRequest, UserControl } from "../../../src/control/users.ts";
import type { Account, LoginLimits } from "../../../src/store/types.ts";
import { ControlDesk } from "./desk.ts";

let desk: ControlDesk;
let users: UserControl;

beforeEach(async () => {
  desk = await ControlDesk.open();
  users = new UserControl({
    store: desk.store,
    root: desk.root,
    actor: "cli:tester",
    rule: { passwordMinLength: 1, passwordStrength: 0 },
    quota: { default: 5_000, files: null },
    hash: async (password) => `hash of ${password.length}`,
  });
});

afterEach(() => desk.close());

function add(name: string, more: Partial<NewUserRequest> = {}): Promise<Account> {
  return users.add({ name, role: "user", quotaBytes: 1000, quotaFiles: null, ...more });
}

describe("limits of logins", () => {
  const EXPIRES = Date.UTC(2026, 11, 31);

  test("are set, announced to running servers and recorded with their values", async () => {
    await add("alice", { expiresAt: EXPIRES, maxSessions: 2 });
    const set = await users.set("alice", {
      from: ["192.0.2.9/24", "::ffff:10.0.0.1"],
      auth: ["key"],
    });
    expect(set).toMatchObject({
      expiresAt: EXPIRES,
      from: ["192.0.2.0/24", "10.0.0.1"],
      auth: ["key"],
      maxSessions: 2,
    });
    expect(await desk.changes()).toEqual(["user-set"]);
    await users.set("alice", { expiresAt: null, from: null, auth: null, maxSessions: null });
    const records = await desk.store.audit.query({ afterId: 0 });
    const details = records.map(({ detail }) => detail);
    expect(details).toEqual([
      "role user, 0 keys, expires 2026-12-31T00:00:00.000Z, max sessions 2",
      "from 192.0.2.0/24 10.0.0.1, auth key",
      "expires none, from any, auth any, max sessions none",
    ]);
  });

  test.each<[string, Partial<LoginLimits>, RegExp]>([
    ["a network that is none", { from: ["192.0.2.0/24", "nowhere"] }, /"nowhere" is no address/],
    ["no networks", { from: [] }, /at least one address/],
    ["no methods", { auth: [] }, /by key, by password, or by both/],
    ["a method that is none", { auth: ["magic" as "key"] }, /by key, by password/],
    ["no sessions", { maxSessions: 0 }, /1 to 100000 sessions/],
    ["half a session", { maxSessions: 1.5 }, /1 to 100000 sessions/],
    ["a time that no date has", { expiresAt: 2 ** 52 }, /a time from 1970 to 9999/],
  ])("%s is refused, and nothing changes", async (_, change, text) => {
    const before = await add("alice");
    await expect(users.set("alice", change)).rejects.toThrow(text);
    await expect(users.set("alice", change)).rejects.toMatchObject({ exitCode: 2 });
    await expect(add("bob", change)).rejects.toThrow(text);
    expect(await users.account("alice")).toEqual(before);
    expect(existsSync(join(desk.root, "homes/bob"))).toBe(false);
  });
});
