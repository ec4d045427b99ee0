import { afterEach, beforeEach, expect, test } from "vitest";
import type { LocalControl } from "../../../src/control/local.ts";
import type { Method, Params } from "../../../src/control/protocol.ts";
import { ControlDesk } from "./desk.ts";

// One mechanism for all names of users, groups and folders: whoever asks for one that there is not is told
// which was probably meant.

let desk: ControlDesk;
let control: LocalControl;

beforeEach(async () => {
  desk = await ControlDesk.open();
  control = desk.as("cli:tester");
  await desk.addUser("alice");
  await control.call("groups.add", { name: "staff" });
  await control.call("folders.add", { name: "projects", quotaBytes: null });
});

afterEach(() => desk.close());

async function refused<M extends Method>(method: M, params: Params<M>): Promise<string> {
  return control.call(method, params).then(
    () => "not refused",
    (thrown: Error) => thrown.message,
  );
}

const share = { access: "read" } as const;

test.each<readonly [Method, Params<Method>, string]>([
  ["users.set", { name: "alcie" }, 'no user "alcie"; did you mean alice?'],
  ["users.kick", { name: "alise" }, 'no user "alise"; did you mean alice?'],
  ["users.disable", { name: "eve" }, 'no user "eve": `moorage user list` shows all'],
  ["groups.set", { name: "stafff" }, 'no group "stafff"; did you mean staff?'],
  ["groups.remove", { name: "all" }, 'no group "all": `moorage group list` shows all'],
  [
    "groups.join",
    { name: "staff", users: ["alice", "alcie"] },
    'nobody joined group staff: no user "alcie"; did you mean alice?',
  ],
  ["groups.join", { name: "staff", users: ["alcie"] }, 'no user "alcie"; did you mean alice?'],
  [
    "groups.leave",
    { name: "staff", users: ["eve", "alice"] },
    'nobody left group staff: no user "eve": `moorage user list` shows all',
  ],
  ["folders.show", { name: "projetcs" }, 'no folder "projetcs"; did you mean projects?'],
  ["folders.show", { name: "@project" }, 'no folder "@project"; did you mean @projects?'],
  ["folders.show", { name: "other" }, 'no folder "other": `moorage folder list` shows all'],
  [
    "folders.share",
    { name: "projects", to: "staff", ...share },
    'no user "staff"; did you mean @staff?',
  ],
  [
    "folders.share",
    { name: "projects", to: "@saff", ...share },
    'no group "@saff"; did you mean @staff?',
  ],
  [
    "folders.share",
    { name: "projects", to: "alcie", ...share },
    'no user "alcie"; did you mean alice?',
  ],
  [
    "folders.share",
    { name: "projects", to: "eve", ...share },
    'no user "eve": `moorage user list` shows all; a group is @NAME',
  ],
  ["trash.list", { name: "projects" }, 'no user "projects"; did you mean @projects?'],
  ["trash.list", { name: "@project" }, 'no folder "@project"; did you mean @projects?'],
  [
    "trash.list",
    { name: "eve" },
    'no user "eve": `moorage user list` shows all; a folder is @NAME',
  ],
])("%s of %j says: %s", async (method, params, text) => {
  expect(await refused(method, params)).toBe(text);
});

test("where one of several names is wrong, nobody joins", async () => {
  await refused("groups.join", { name: "staff", users: ["alice", "alcie"] });
  expect(await control.call("groups.show", { name: "staff" })).toMatchObject({ members: [] });
});

test("the very name with its sign is meant before one that is near", async () => {
  await desk.addUser("project");
  await desk.addUser("stuff");
  expect(await refused("trash.list", { name: "projects" })).toContain("did you mean @projects?");
  const to = { name: "projects", to: "staff", ...share };
  expect(await refused("folders.share", to)).toContain("did you mean @staff?");
});
