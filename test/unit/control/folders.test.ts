import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { LocalControl } from "../../../src/control/local.ts";
import type { FolderInfo } from "../../../src/control/protocol.ts";
import { ControlDesk } from "./desk.ts";

let desk: ControlDesk;
let control: LocalControl;

beforeEach(async () => {
  desk = await ControlDesk.open();
  control = desk.as("cli:tester");
  await desk.addUser("alice");
  await desk.addUser("bob");
  await control.call("groups.add", { name: "staff" });
  await control.call("groups.join", { name: "staff", users: ["alice", "bob"] });
});

afterEach(() => desk.close());

/** What was recorded and announced since the group was made. */
async function traces(): Promise<{ audited: string[]; changes: string[] }> {
  return {
    audited: (await desk.audited()).slice(3),
    changes: (await desk.changes()).slice(2),
  };
}

describe("folders", () => {
  test("add, set, share, unshare, remove: done, announced and recorded with who did it", async () => {
    const added = await control.call("folders.add", { name: "plans", quotaBytes: 500 });
    const { files } = desk.host.config.quota;
    expect(added).toMatchObject({ name: "plans", quotaBytes: 500, quotaFiles: files, shares: [] });
    const set = await control.call("folders.set", { name: "plans", quotaFiles: 7 });
    expect(set).toMatchObject({ quotaBytes: 500, quotaFiles: 7 });
    await control.call("folders.share", { name: "plans", to: "@staff", access: "read" });
    const shared = { name: "plans", to: "alice", at: "/my/plâns/", access: "full" } as const;
    expect((await control.call("folders.share", shared)).shares).toEqual([
      { to: "@staff", at: "/plans", access: "read" },
      { to: "alice", at: "/my/plâns", access: "full" },
    ]);
    const left = await control.call("folders.unshare", { name: "plans", to: "alice" });
    expect(left.shares.map(({ to }) => to)).toEqual(["@staff"]);
    expect(await control.call("folders.remove", { name: "@plans" })).toEqual({
      filesDeleted: false,
    });
    expect(await traces()).toEqual({
      audited: [
        "folder-add @plans cli:tester quota 500",
        "folder-set @plans cli:tester max files 7",
        "folder-share @plans cli:tester with @staff at /plans, access read",
        "folder-share @plans cli:tester with alice at /my/plâns, access full",
        "folder-unshare @plans cli:tester with alice",
        "folder-unshare @plans cli:tester with @staff",
        "folder-remove @plans cli:tester",
      ],
      changes: Array(6).fill("access"),
    });
  });

  test("a folder has the quota of the settings where none is given", async () => {
    const { quota } = desk.host.config;
    const added = await control.call("folders.add", { name: "plans" });
    expect(added).toMatchObject({ quotaBytes: quota.default, quotaFiles: quota.files });
    const free = { name: "free", quotaBytes: null, quotaFiles: null };
    expect(await control.call("folders.add", free)).toMatchObject(free);
    expect((await control.call("folders.list", {})).map(({ name }) => name)).toEqual([
      "free",
      "plans",
    ]);
  });

  test("files put there by other means are counted, and deleted when that is asked for", async () => {
    const place = join(desk.root, "homes", "@plans");
    await control.call("folders.add", { name: "plans" });
    writeFileSync(join(place, "one"), "12345");
    const counted = await control.call("folders.rescan", { name: "plans" });
    expect(counted).toMatchObject({ usedBytes: 5, files: 1 });
    expect(await control.call("folders.show", { name: "plans" })).toEqual(counted);
    const params = { name: "plans", deleteFiles: true };
    expect(await control.call("folders.remove", params)).toEqual({ filesDeleted: true });
    expect(existsSync(place)).toBe(false);
  });

  test("what can't be is refused with a text that says why", async () => {
    await control.call("folders.add", { name: "plans" });
    const share = { name: "plans", access: "full" } as const;
    mkdirSync(join(desk.root, "homes", "alice", "plans"), { recursive: true });
    for (const [call, text] of [
      [control.call("folders.add", { name: "plans" }), /exists already/],
      [control.call("folders.add", { name: "no name" }), /can't be a folder's name/],
      [control.call("folders.show", { name: "other" }), /no folder "other"/],
      [control.call("folders.share", { ...share, to: "eve" }), /no user "eve"/],
      [control.call("folders.share", { ...share, to: "@eve" }), /no group "@eve"/],
      [control.call("folders.share", { ...share, to: "bob", at: "plans" }), /begins with a slash/],
      [control.call("folders.share", { ...share, to: "bob", at: "/" }), /can't be at \//],
      [control.call("folders.share", { ...share, to: "alice" }), /would cover/],
      [control.call("folders.unshare", { name: "plans", to: "bob" }), /not shared with bob/],
    ] as const) {
      await expect(call).rejects.toThrow(text);
    }
  });

  test.each([
    ["folders.add", { name: "x".repeat(65) }, "name"],
    ["folders.add", { name: "x", quotaBytes: -1 }, "quotaBytes"],
    ["folders.set", { name: "x", quotaFiles: 1.5 }, "quotaFiles"],
    ["folders.set", { name: "x", more: 1 }, "params"],
    ["folders.share", { name: "x", to: "y", access: "all" }, "access"],
    ["folders.share", { name: "x", to: "y".repeat(66), access: "full" }, "to"],
    ["folders.share", { name: "x", to: "y", at: "/".repeat(1001), access: "full" }, "at"],
    ["folders.remove", { name: "x", deleteFiles: "yes" }, "deleteFiles"],
    ["access.list", { name: "@".repeat(66) }, "name"],
    ["access.set", { name: "x", path: "/".repeat(1001), access: "full" }, "path"],
    ["access.set", { name: "x", path: "/a" }, "access"],
    ["access.remove", { name: "x" }, "path"],
    ["access.explain", { name: "x", path: 5 }, "path"],
  ] as const)("%s of %j names the parameter that is wrong", async (method, params, wrong) => {
    const text = `${method}: ${wrong} is missing or not what it has to be`;
    await expect(control.call(method, params as never)).rejects.toThrow(text);
  });

  test("who follows folders and groups is told of a change", async () => {
    const folders: (readonly FolderInfo[])[] = [];
    const groups: string[] = [];
    const followed = control.subscribe("folders", {}, (event) => folders.push(event));
    control.subscribe("groups", {}, (event) => {
      groups.push(event.map(({ name, members }) => `${name} ${members}`).join());
    });
    await vi.waitFor(() => expect([folders.length, groups.length]).toEqual([1, 1]));
    await control.call("folders.add", { name: "plans" });
    await control.call("folders.share", { name: "plans", to: "@staff", access: "add" });
    await vi.waitFor(() =>
      expect(folders.at(-1)).toMatchObject([{ name: "plans", shares: [{ to: "@staff" }] }]),
    );
    await control.call("groups.remove", { name: "staff" });
    await vi.waitFor(() => expect(folders.at(-1)).toMatchObject([{ shares: [] }]));
    await vi.waitFor(() => expect(groups).toEqual(["staff 2", ""]));
    followed.close();
  });
});

describe("access", () => {
  test("rules are set, replaced and removed, for a user and a group", async () => {
    await control.call("access.set", { name: "alice", path: "/reports/", access: "read" });
    const again = { name: "alice", path: "/reports", access: "add" } as const;
    const own = [{ path: "/reports", access: "add" }];
    expect((await control.call("access.set", again)).own).toEqual(own);
    await control.call("access.set", { name: "@staff", path: "/in", access: "drop" });
    const inherited = { path: "/in", access: "drop", source: "group", of: "@staff", folder: null };
    expect(await control.call("access.list", { name: "alice" })).toEqual({
      own,
      counting: [inherited, { ...own[0], source: "user", of: "alice", folder: null }],
    });
    const { counting } = await control.call("access.remove", { name: "alice", path: "/reports" });
    expect(counting).toEqual([inherited]);
    const { audited, changes } = await traces();
    expect(audited).toEqual([
      "access-set alice cli:tester read at /reports",
      "access-set alice cli:tester add at /reports",
      "access-set @staff cli:tester drop at /in",
      "access-remove alice cli:tester at /reports",
    ]);
    expect(changes).toEqual(Array(5).fill("access"));
  });

  test("a group's are its rules, and the folders that are shared with it", async () => {
    await control.call("folders.add", { name: "plans" });
    await control.call("folders.share", { name: "plans", to: "@staff", access: "read" });
    await control.call("folders.share", { name: "plans", to: "bob", access: "full" });
    await control.call("access.set", { name: "@staff", path: "/in", access: "drop" });
    expect(await control.call("access.list", { name: "@staff" })).toEqual({
      own: [{ path: "/in", access: "drop" }],
      counting: [
        { path: "/in", access: "drop", source: "group", of: "@staff", folder: null },
        { path: "/plans", access: "read", source: "group-share", of: "@staff", folder: "plans" },
      ],
    });
  });

  test("how many rules and folders a group has is listed with it", async () => {
    await control.call("folders.add", { name: "plans" });
    await control.call("folders.share", { name: "plans", to: "@staff", access: "read" });
    await control.call("access.set", { name: "@staff", path: "/in", access: "drop" });
    await control.call("access.set", { name: "@staff", path: "/out", access: "read" });
    const [group] = await control.call("groups.list", {});
    expect(group).toMatchObject({ members: 2, shares: 1, rules: 2 });
  });

  test("which rule counts is explained, with those that count less", async () => {
    await control.call("access.set", { name: "alice", path: "/", access: "read" });
    await control.call("access.set", { name: "@staff", path: "/in", access: "drop" });
    const at = await control.call("access.explain", { name: "alice", path: "/in/box" });
    expect(at).toMatchObject({ path: "/in/box", access: "drop", rulePath: "/in" });
    expect(at.rules.map(({ of }) => of)).toEqual(["@staff"]);
    expect(at.others.map(({ path }) => path)).toEqual(["/"]);
    const free = await control.call("access.explain", { name: "bob", path: "/x" });
    expect(free).toEqual({ path: "/x", access: "full", rulePath: null, rules: [], others: [] });
  });

  test("what can't be is refused with a text that says why", async () => {
    const rule = { name: "alice", path: "/a", access: "read" } as const;
    for (const [call, text] of [
      [control.call("access.list", { name: "eve" }), /no user "eve"/],
      [control.call("access.list", { name: "@eve" }), /no group "@eve"/],
      [control.call("access.set", { ...rule, path: "a" }), /begins with a slash/],
      [control.call("access.set", { ...rule, path: "/../a" }), /leave out \.\./],
      [control.call("access.remove", { name: "alice", path: "/a" }), /no rule for \/a/],
      [control.call("access.explain", { name: "@staff", path: "/a" }), /works for users only/],
    ] as const) {
      await expect(call).rejects.toThrow(text);
    }
  });
});
