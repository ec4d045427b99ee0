import { beforeEach, describe, expect, it } from "vitest";
import type { Dialog, FormName, ViewName } from "../../../admin/model.ts";
import { folderItems, groupItems } from "../../../admin/tables.ts";
import { FAKE_NOW, FakeControl } from "../../support/fake-control.ts";
import { fillTeam } from "../../support/fake-team.ts";
import { Bench } from "./bench.ts";

let control: FakeControl;
let bench: Bench;

beforeEach(() => {
  control = new FakeControl({ users: 30 });
  fillTeam(control);
  bench = new Bench().feed(control);
});

/** Calls that control got, without those that only ask. */
function changes(): unknown[] {
  const asks = /\.(show|list|query|page|check)$/;
  return control.calls
    .filter(({ method }) => !asks.test(method))
    .map(({ method, params }) => [method, params]);
}

function dialog(): Dialog | undefined {
  return bench.model.dialogs.at(-1);
}

function show(view: ViewName): Bench {
  return bench.view(view).feed(control);
}

/** Opens the page of the selected row, with all that it shows. */
async function openPage(): Promise<void> {
  await bench.keys("enter").settle(control);
  bench.feed(control);
}

describe("the tables of groups and folders", () => {
  const groups = () => groupItems(bench.model).map(({ name }) => name);
  const folders = () => folderItems(bench.model).map(({ name }) => name);

  it("are sorted by columns, by clicks, and turned round", () => {
    show("folders");
    expect(folders()).toEqual(["archive", "handed-in", "projects"]);
    bench.keys("right");
    expect(folders()).toEqual(["handed-in", "projects", "archive"]);
    bench.keys("o");
    expect(folders()).toEqual(["archive", "projects", "handed-in"]);
    bench.send({ type: "target", target: { kind: "sort", column: 4 } });
    expect(folders()).toEqual(["handed-in", "projects", "archive"]);
    show("groups").keys("right", "right");
    expect(groups()).toEqual(["staff", "students"]);
    expect(bench.keys("o", "left", "left").model.groups).toMatchObject({ sort: 0 });
  });

  it("are filtered by names, folders by whom they are shared with, too", () => {
    show("groups").keys("/").type("STU");
    expect(groups()).toEqual(["students"]);
    bench.keys("escape");
    expect(groups()).toHaveLength(2);
    show("folders").keys("/").type("@students");
    expect(folders()).toEqual(["handed-in"]);
  });

  it("keep to what is selected when others come before it", () => {
    show("groups").keys("down");
    control.team.addGroup("all");
    bench.feed(control);
    expect(bench.model.groups.cursor.index).toBe(2);
  });
});

describe("groups", () => {
  beforeEach(() => {
    show("groups");
  });

  it("are added with a quota and limits", async () => {
    bench.keys("a").type("guests").keys("tab", "ctrl-u").type("2GB");
    await bench.keys("tab", "tab", "tab", "tab", "ctrl-u").type("3").keys("enter").settle(control);
    const params = { name: "guests", quotaBytes: 2e9, maxSessions: 3 };
    expect(changes()).toEqual([["groups.add", params]]);
    expect(bench.model.notice?.text).toBe("Group guests was added.");
  });

  it("get only what was changed", async () => {
    await bench.keys("e", "ctrl-u").type("default").keys("enter").settle(control);
    expect(changes()).toEqual([["groups.set", { name: "staff", quotaBytes: "default" }]]);
    await bench.keys("down", "e", "tab", "ctrl-u").type("none").keys("enter").settle(control);
    expect(changes().at(-1)).toEqual(["groups.set", { name: "students", expiresAt: null }]);
  });

  it("get and lose members, several at once", async () => {
    await bench.keys("m").type("user00004, user00005").keys("enter").settle(control);
    expect(control.team.members.get("staff")).toContain("user00005");
    await bench.keys("m").type("user00004").keys("tab", "right", "enter").settle(control);
    expect(changes().at(-1)).toEqual(["groups.leave", { name: "staff", users: ["user00004"] }]);
  });

  it("say in the form what the server refuses", async () => {
    await bench.keys("m").type("nobody").keys("enter").settle(control);
    expect(dialog()).toMatchObject({ busy: false, error: "there is no user nobody" });
  });

  it("share a folder, and have rules", async () => {
    bench.keys("s").type("archive").keys("tab").type("/old").keys("tab", "r", "enter");
    await bench.settle(control);
    await bench.keys("n").type("/in").keys("tab", "d", "enter").settle(control);
    expect(changes()).toEqual([
      ["folders.share", { name: "archive", to: "@staff", at: "/old", access: "read" }],
      ["access.set", { name: "@staff", path: "/in", access: "drop" }],
    ]);
  });

  it("are removed only after a question that says what goes", async () => {
    bench.keys("x");
    expect(bench.text).toContain("It has 2 members, 2 folders, 0 rules.");
    await bench.keys("y").settle(control);
    expect(changes()).toEqual([["groups.remove", { name: "staff" }]]);
  });

  it("have a page: members leave there, and their pages open from it", async () => {
    await openPage();
    expect(bench.text).toMatch(/Members \(2\)/);
    await bench.keys("x", "y").settle(control);
    expect(changes()).toEqual([["groups.leave", { name: "staff", users: ["user00001"] }]]);
    expect(bench.text).toMatch(/Members \(1\)/);
    await openPage();
    expect(dialog()).toMatchObject({ kind: "user", name: "user00002" });
    expect(bench.text).toContain("Last login");
  });
});

describe("folders", () => {
  beforeEach(() => {
    show("folders");
  });

  it("are added with the limits that were typed, and those of the settings else", async () => {
    await bench.keys("a").type("plans").keys("enter").settle(control);
    await bench.keys("a").type("big").keys("tab").type("none").keys("enter").settle(control);
    expect(changes()).toEqual([
      ["folders.add", { name: "plans" }],
      ["folders.add", { name: "big", quotaBytes: null }],
    ]);
  });

  it("get another quota, and their files are counted anew", async () => {
    await bench.keys("e", "ctrl-u").type("1TB").keys("enter").settle(control);
    await bench.keys("r").settle(control);
    expect(changes()).toEqual([
      ["folders.set", { name: "archive", quotaBytes: 1e12 }],
      ["folders.rescan", { name: "archive" }],
    ]);
    expect(bench.model.notice?.text).toBe("archive: counted anew.");
  });

  it("are shared with whom one types, where, and how", async () => {
    bench.keys("s").type("@students").keys("tab", "tab", "right", "right");
    expect(bench.text).toContain("read only");
    await bench.keys("enter").settle(control);
    const params = { name: "archive", to: "@students", access: "read" };
    expect(changes()).toEqual([["folders.share", params]]);
  });

  it("are removed with their files only when the name was typed, too", async () => {
    bench.keys("x", "right", "enter");
    expect(dialog()?.error).toBe("type archive to delete all its files");
    await bench.keys("tab").type("archive").keys("enter").settle(control);
    expect(changes()).toEqual([["folders.remove", { name: "archive", deleteFiles: true }]]);
    await bench.feed(control).keys("x", "enter").settle(control);
    expect(changes().at(-1)).toEqual(["folders.remove", { name: "handed-in" }]);
  });

  it("have a page, where a share is changed and taken away", async () => {
    bench.keys("down", "down");
    await openPage();
    bench.keys("down", "enter");
    expect(dialog()).toMatchObject({ form: "folder-share" });
    await bench.keys("tab", "tab", "left", "enter").settle(control);
    const params = { name: "projects", to: "user00002", access: "full" };
    expect(changes()).toEqual([["folders.share", { ...params, at: "/work/projects" }]]);
    await bench.keys("home", "x", "y").settle(control);
    expect(changes().at(-1)).toEqual(["folders.unshare", { name: "projects", to: "@staff" }]);
    expect(bench.text).toMatch(/Shared with \(1\)/);
  });
});

describe("a user's page", () => {
  beforeEach(async () => {
    show("users").keys("down", "down");
    await openPage();
  });

  it("says everything, and where it comes from", () => {
    bench.send({ type: "resize", columns: 120, rows: 60 });
    for (const text of [
      /Role +user +\(enabled\)/,
      /Stored +2\.22 GB of 20\.0 GB \(of group staff\)/,
      /Max sessions +2 \(own\)/,
      /Logs in by +key \(of group students\)/,
      /Groups \(2\)/,
      /projects +\/work\/projects +add +own/,
      /handed-in +\/hand-in +drop +of group students/,
      /\/reports +read +own/,
      /\/exams +none +of group students/,
      /Public keys +none/,
      /192\.0\.2\.12:50002/,
      /download +\/photos/,
      /Last login +2026/,
    ]) {
      expect(bench.text).toMatch(text);
    }
  });

  it("is asked for again after a change", async () => {
    await bench.keys("n").type("/new").keys("enter").settle(control);
    bench.send({ type: "resize", columns: 120, rows: 60 });
    expect(bench.text).toMatch(/\/new +read +own/);
  });

  it("leaves a group, and takes away what is the user's own", async () => {
    await bench.keys("x", "y").settle(control);
    expect(changes()).toEqual([["groups.leave", { name: "staff", users: ["user00002"] }]]);
    await bench.keys("down", "x", "y").settle(control);
    expect(changes().at(-1)).toEqual(["folders.unshare", { name: "projects", to: "user00002" }]);
    await bench.keys("down", "x", "y").settle(control);
    expect(changes().at(-1)).toEqual(["access.remove", { name: "user00002", path: "/reports" }]);
  });

  it("says where to go for what is a group's", () => {
    bench.keys("down", "down", "down", "x");
    expect(dialog()).toMatchObject({ kind: "user" });
    expect(dialog()?.error).toBe(
      "that is of group staff: Enter opens it, or user00002 leaves the group",
    );
    expect(bench.keys("up").model.dialogs.at(-1)?.error).toBe("");
    expect(bench.effects).toEqual([]);
  });

  it("opens what is on it: the group, the folder, an own rule, the session", async () => {
    await bench.keys("enter").settle(control);
    expect(dialog()).toMatchObject({ kind: "group", name: "staff" });
    await bench.keys("escape", "down", "down", "enter").settle(control);
    expect(dialog()).toMatchObject({ kind: "folder", name: "projects" });
    bench.keys("escape", "down", "down", "down", "down", "enter");
    expect(dialog()).toMatchObject({ kind: "form", form: "rule", user: "user00002" });
    bench.keys("escape", "down", "down", "enter");
    expect(dialog()).toMatchObject({ kind: "session", title: "Session 102" });
  });

  it("takes clicks: one selects, a second opens, and in the list of groups joins", async () => {
    const click = (index: number) => bench.send({ type: "target", target: { kind: "row", index } });
    click(2);
    expect(dialog()).toMatchObject({ kind: "user", cursor: { index: 2 } });
    await click(2).settle(control);
    expect(dialog()).toMatchObject({ kind: "folder", name: "projects" });
    await bench.keys("escape", "m").settle(control);
    click(1).send({ type: "target", target: { kind: "row", index: 1 } });
    expect(dialog()).toMatchObject({ kind: "checklist", checked: ["staff"] });
  });

  it("kicks the selected session, or all", async () => {
    bench.keys("end", "up", "up", "x");
    expect(dialog()).toMatchObject({ title: "Kick user00002?" });
    await bench.keys("n", "K", "y").settle(control);
    expect(changes()).toEqual([["users.kick", { name: "user00002" }]]);
  });

  it("explains what counts at a path", async () => {
    await bench.keys("w").type("/reports/2026").keys("enter").settle(control);
    expect(bench.text).toMatch(/Access +read: read only/);
    expect(bench.text).toContain("read at /reports: a rule of user00002");
    await bench.keys("enter", "w").type("/hand-in").keys("enter").settle(control);
    expect(bench.text).toContain("drop at /hand-in: folder handed-in, shared with @students");
  });

  it("has every item in sight, whatever the terminal's height", () => {
    for (const rows of [24, 30, 60]) {
      bench.send({ type: "resize", columns: 80, rows });
      bench.keys("home");
      expect(bench.text).toContain("Role");
      bench.keys("end");
      expect(bench.text).toMatch(/download +\/photos/);
      expect(bench.text).not.toContain("more below");
    }
  });

  it("never piles up: a page that is open further down comes up", async () => {
    for (let times = 0; times < 5; times++) {
      await bench.keys("home", "enter").settle(control);
      await bench.keys("home", "down", "enter").settle(control);
    }
    expect(bench.model.dialogs.length).toBeLessThanOrEqual(2);
  });

  it("joins and leaves groups in a list of all", async () => {
    control.team.addGroup("guests");
    await bench.keys("m").settle(control);
    expect(bench.text).toContain("[ ] guests");
    await bench.keys(" ", "down", " ", "enter").settle(control);
    expect(changes()).toEqual([
      ["groups.leave", { name: "staff", users: ["user00002"] }],
      ["groups.join", { name: "guests", users: ["user00002"] }],
    ]);
    expect(bench.model.notice?.text).toBe("The groups of user00002 were changed.");
    expect(dialog()).toMatchObject({ kind: "user", user: { groups: ["guests", "students"] } });
  });
});

describe("forms that want a name", () => {
  it("tell which there are", async () => {
    await show("folders").keys("s").settle(control);
    expect(bench.text).toContain("Groups: @staff, @students.");
    await bench.keys("escape");
    await show("users").keys("s").settle(control);
    expect(bench.text).toContain("Folders: archive, handed-in, projects.");
    await bench.keys("escape", " ", "m").settle(control);
    expect(bench.text).toContain("Groups: staff, students.");
  });

  it("tell a dozen of many, keep what is typed meanwhile, and say when there are none", async () => {
    for (let at = 0; at < 40; at++) control.team.addGroup(`g${at}`);
    await show("folders").keys("s").type("@g7").settle(control);
    expect(bench.text).toContain("and 30 more.");
    await bench.keys("enter").settle(control);
    expect(changes().at(-1)).toMatchObject(["folders.share", { to: "@g7" }]);
    control.team.folders.clear();
    await show("users").keys("s").settle(control);
    expect(bench.text).toContain("Folders: none yet.");
  });
});

describe("forms say what is missing", () => {
  it.each([
    ["groups", ["a"], "group-add", "a group needs a name"],
    ["groups", ["a", "g", "tab", "ctrl-u", "x"], "group-add", "the quota is not a number"],
    ["groups", ["m"], "group-members", "name at least one user"],
    ["groups", ["n"], "rule", "at which path: / is all"],
    ["groups", ["s"], "share-with", "which folder: the view Folders lists all"],
    ["folders", ["a"], "folder-add", "a folder needs a name"],
    ["folders", ["e", "x"], "folder-edit", "the quota is not a number"],
    ["folders", ["s"], "folder-share", "with whom: a user, or a group as @name"],
    ["users", ["w"], "explain", "at which path"],
  ] as [ViewName, string[], FormName, string][])("in %s, %j", (view, keys, form, error) => {
    show(view).keys(...keys);
    bench.effects.length = 0;
    bench.keys("enter");
    expect(dialog()).toMatchObject({ form, error: expect.stringContaining(error) });
    expect(bench.effects).toEqual([]);
  });

  it("a quota that is none of the user's own is shown as default, and left so", async () => {
    show("users").keys("down", "down", "e");
    expect(dialog()).toMatchObject({
      fields: expect.arrayContaining([expect.objectContaining({ initial: "default" })]),
    });
    await bench.keys("ctrl-u").type("1GB").keys("enter").settle(control);
    await bench.feed(control).keys("e", "ctrl-u").type("default").keys("enter").settle(control);
    expect(changes()).toEqual([
      ["users.set", { name: "user00002", quotaBytes: 1e9 }],
      ["users.set", { name: "user00002", quotaBytes: "default" }],
    ]);
  });

  it("dates of a group's limits count from now", async () => {
    show("groups").keys("e", "tab", "ctrl-u").type("30d");
    await bench.keys("enter").settle(control);
    const expiresAt = FAKE_NOW + 30 * 86_400_000;
    expect(changes()).toEqual([["groups.set", { name: "staff", expiresAt }]]);
  });
});
