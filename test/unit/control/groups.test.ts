import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ControlError, EXIT } from "../../../src/control/errors.ts";
import { GroupControl, MAX_GROUPS_OF_A_USER } from "../../../src/control/groups.ts";
import type { LocalControl } from "../../../src/control/local.ts";
import { ControlDesk } from "./desk.ts";

let desk: ControlDesk;
let control: LocalControl;

beforeEach(async () => {
  desk = await ControlDesk.open();
  control = desk.as("cli:tester");
  await desk.addUser("alice");
  await desk.addUser("bob");
});

afterEach(() => desk.close());

test("each change is announced to running servers and recorded with who did it", async () => {
  await control.call("groups.add", { name: "staff", quotaBytes: 5_000, maxSessions: 2 });
  const join = { name: "staff", users: ["alice", "bob", "alice"] };
  expect(await control.call("groups.join", join)).toEqual({ joined: ["alice", "bob"] });
  expect(await control.call("groups.join", join)).toEqual({ joined: [] });
  await control.call("groups.set", { name: "staff", quotaBytes: "default", auth: ["key"] });
  const leave = { name: "staff", users: ["bob"] };
  expect(await control.call("groups.leave", leave)).toEqual({ left: ["bob"] });
  expect(await control.call("groups.leave", leave)).toEqual({ left: [] });
  const hanging = { members: 1, shares: 0, rules: 0 };
  expect(await control.call("groups.remove", { name: "staff" })).toEqual(hanging);
  expect(await desk.changes()).toEqual([
    ...["user-set", "user-set"],
    // Before its members have another quota, and after it.
    ...["group-set", "group-set"],
    ...["user-set", "group-set"],
  ]);
  expect(desk.told).toEqual(Array(6).fill("changes"));
  expect(await desk.audited()).toEqual([
    "group-add cli:tester staff, quota 5000, max sessions 2",
    "group-join alice cli:tester staff",
    "group-join bob cli:tester staff",
    "group-set cli:tester staff, quota default, auth key",
    "group-leave bob cli:tester staff",
    "group-remove cli:tester staff",
  ]);
});

test("a group is listed and shown with its members", async () => {
  await control.call("groups.add", { name: "staff", quotaBytes: null });
  await control.call("groups.add", { name: "all" });
  await control.call("groups.join", { name: "staff", users: ["bob", "alice"] });
  const list = await control.call("groups.list", {});
  expect(list.map(({ name, members, hasQuota }) => [name, members, hasQuota])).toEqual([
    ["all", 0, false],
    ["staff", 2, true],
  ]);
  const shown = await control.call("groups.show", { name: "staff" });
  expect(shown).toEqual({ group: list[1], members: ["alice", "bob"], shares: 0, rules: 0 });
});

test("a user is shown with the own limits, those in force, and where they come from", async () => {
  await control.call("groups.add", { name: "staff", maxSessions: 4, quotaBytes: 77 });
  const added = await control.call("users.add", { name: "carol", groups: ["staff"] });
  expect(added).toMatchObject({
    maxSessions: null,
    effective: { maxSessions: 4 },
    origins: { maxSessions: ["staff"] },
    groups: ["staff"],
    quotaBytes: 77,
    quotaOwn: false,
    quotaGroups: ["staff"],
  });
  const set = await control.call("users.set", { name: "carol", quotaBytes: 5, maxSessions: 1 });
  expect(set).toMatchObject({ effective: { maxSessions: 1 }, quotaBytes: 5, quotaOwn: true });
  const back = await control.call("users.set", { name: "carol", quotaBytes: "default" });
  expect(back).toMatchObject({ quotaBytes: 77, quotaOwn: false });
});

test("a user who is added without a quota has the settings' default, and it is not the own", async () => {
  const added = await control.call("users.add", { name: "carol" });
  const { default: quotaBytes } = desk.host.config.quota;
  expect(added).toMatchObject({ quotaBytes, quotaOwn: false });
});

describe("what can't be is refused, and nothing changes", () => {
  test.each([
    ["a name", "groups.add", { name: "../x" }, /can't be a group's name/],
    ["a name that is taken", "groups.add", { name: "staff" }, /exists already/],
    ["a quota", "groups.set", { name: "staff", quotaBytes: 2 ** 60 }, /quota/],
    ["no sessions", "groups.set", { name: "staff", maxSessions: 0 }, /1 to 100000/],
    ["no such group", "groups.show", { name: "none" }, /no group "none"/],
    ["no such group", "groups.set", { name: "none", maxSessions: 1 }, /no group "none"/],
    ["no such group", "groups.remove", { name: "none" }, /no group "none"/],
    ["no such group", "groups.join", { name: "none", users: ["alice"] }, /no group "none"/],
    ["no such user", "groups.join", { name: "staff", users: ["alice", "eve"] }, /no user "eve"/],
    ["no such user", "groups.leave", { name: "staff", users: ["eve"] }, /no user "eve"/],
    ["no such group", "users.add", { name: "carol", groups: ["none"] }, /no group "none"/],
  ] as const)("%s: %s %j", async (_, method, params, text) => {
    await control.call("groups.add", { name: "staff" });
    const before = await control.call("groups.list", {});
    await expect(control.call(method, params as never)).rejects.toThrow(text);
    expect(await control.call("groups.list", {})).toEqual(before);
    expect(await desk.changes()).toEqual([]);
    expect(await desk.store.users.byName("carol")).toBeUndefined();
  });

  test("the same of a user who is added", async () => {
    const groups = Array.from({ length: MAX_GROUPS_OF_A_USER + 1 }, (_, at) => `g${at}`);
    const added = control.call("users.add", { name: "carol", groups });
    await expect(added).rejects.toThrow(/groups/);
  });

  test("more groups of a user than are put together at each login", async () => {
    const { store } = desk;
    const groups = new GroupControl({ store, actor: "me", quota: { default: null } });
    for (let at = 0; at < MAX_GROUPS_OF_A_USER; at += 1) {
      await groups.add(`g${at}`);
      await groups.join(`g${at}`, ["alice"]);
    }
    await groups.add("more");
    await expect(groups.join("more", ["alice"])).rejects.toThrow(/32 groups already/);
    expect(await groups.join("g0", ["alice"])).toEqual([]);
    const both = groups.join("more", ["bob", "alice"]);
    await expect(both).rejects.toThrow("nobody joined group more: alice is in 32 groups already");
    expect((await groups.show("more")).members).toEqual([]);
  });

  test("with one name or several, the exit code is that of what is wrong", async () => {
    const store = Object.create(desk.store, {
      users: { value: { byName: () => Promise.reject(new ControlError("so not", EXIT.usage)) } },
    });
    const groups = new GroupControl({ store, actor: "me", quota: { default: null } });
    await groups.add("staff");
    for (const users of [["alice"], ["alice", "bob"]]) {
      await expect(groups.join("staff", users)).rejects.toMatchObject({ exitCode: EXIT.usage });
    }
  });
});
