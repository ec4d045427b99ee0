import { beforeEach, describe, expect, it } from "vitest";
import type { Dialog } from "../../../admin/model.ts";
import { FAKE_NOW, FakeControl } from "../../support/fake-control.ts";
import { fillServices, putOfMany } from "../../support/fake-services-filled.ts";
import { fillTeam } from "../../support/fake-team.ts";
import { Bench } from "./bench.ts";

let control: FakeControl;
let bench: Bench;

beforeEach(() => {
  control = new FakeControl({ users: 30 });
  fillTeam(control);
  fillServices(control);
  bench = new Bench({ columns: 120, rows: 40 }).feed(control);
});

function dialog(): Dialog | undefined {
  return bench.model.dialogs.at(-1);
}

async function keys(...all: string[]): Promise<void> {
  for (const key of all) await bench.keys(key).settle(control);
}

describe("the trash", () => {
  beforeEach(async () => {
    await bench.view("users").feed(control).settle(control);
    await keys("down", "down", "T");
  });

  it("of a user lists what was removed, and gives a file back", async () => {
    expect(bench.text).toContain("/reports/june.ods");
    await keys("r", "enter");
    expect(control.calls.findLast(({ method }) => method === "trash.restore")?.params).toEqual({
      name: "user00002",
      what: "0a",
      to: "/reports/june.ods",
    });
    expect(bench.text).toContain("/reports/june.ods is there again.");
    expect(dialog()).toMatchObject({ kind: "trash", files: [{ id: "0b" }, { id: "0c" }] });
  });

  it("asks before something else is replaced", async () => {
    await keys("end", "r", "enter");
    expect(dialog()).toMatchObject({ form: "trash-restore", error: "something is there" });
    await keys("tab", "r", "enter");
    expect(control.services.trash.get("user00002")).toHaveLength(2);
  });

  it("loses a file for good after a question, and all after two", async () => {
    await keys("x", "n");
    expect(control.services.trash.get("user00002")).toHaveLength(3);
    await keys("x", "y");
    expect(control.services.trash.get("user00002")).toHaveLength(2);
    await keys("E", "enter");
    expect(dialog()?.error).toBe("type user00002 to empty its trash");
    await keys(..."user00002", "enter");
    expect(dialog()).toMatchObject({ kind: "confirm", text: expect.stringContaining("2 files") });
    expect(control.services.trash.get("user00002")).toHaveLength(2);
    await keys("y");
    expect(control.services.trash.get("user00002")).toEqual([]);
    expect(bench.text).toContain("The trash of user00002 is empty.");
  });

  it("that was empty when it was listed is emptied of what came since", async () => {
    control.services.trash.set("user00003", []);
    await keys("escape", "down", "T");
    expect(dialog()).toMatchObject({ kind: "trash", files: [] });
    const late = { id: "0d", path: "/late", removedAt: FAKE_NOW, size: 1 };
    control.services.trash.set("user00003", [late]);
    await keys("E", ..."user00003", "enter");
    expect(dialog()).toMatchObject({ text: "All files in it can't be had back after that." });
    await keys("y");
    expect(control.services.trash.get("user00003")).toEqual([]);
  });

  it("is read on where there is more of it", async () => {
    const many = Array.from({ length: 501 }, (_, at) => {
      const id = String(at).padStart(4, "0");
      return { id, path: `/f${id}`, removedAt: FAKE_NOW, size: 1 };
    });
    control.services.trash.set("user00003", many);
    await keys("escape", "down", "T");
    expect(dialog()).toMatchObject({ more: true, files: { length: 500 } });
    await keys("end", "enter");
    expect(dialog()).toMatchObject({ more: false, files: { length: 501 } });
  });

  it("of a folder has its name with an @", async () => {
    await keys("escape");
    await bench.view("folders").feed(control).settle(control);
    const at = [...control.team.folders.keys()].sort().indexOf("projects");
    await keys(...Array.from({ length: at }, () => "down"), "T");
    expect(dialog()).toMatchObject({ name: "@projects", files: [{ path: "/plan.odt" }] });
  });
});

it("how long it keeps is a field of users, groups and folders", async () => {
  await bench.view("users").feed(control).settle(control);
  await keys("e", "up", "ctrl-u", ..."30d", "enter");
  expect(control.calls.findLast(({ method }) => method === "users.set")?.params).toMatchObject({
    trashKeep: 30 * 86_400_000,
  });
  bench.view("folders").feed(control);
  await keys("e", "up", "ctrl-u", ..."5", "enter");
  expect(dialog()?.error).toContain("Trash keeps: ");
  await keys("ctrl-u", ..."off", "enter");
  expect(control.calls.findLast(({ method }) => method === "folders.set")?.params).toMatchObject({
    trashKeep: 0,
  });
});

describe("receivers of events", () => {
  it("that fail are noticed on the Overview, and tell there what is wrong", async () => {
    expect(bench.text).toMatch(/Events +intake fails +12 wait, E shows more: the receiver answ/);
    await keys("E");
    expect(bench.text).toContain("next try in 1m 35s: the receiver answered 503");
    await keys("enter");
    expect(bench.text).toMatch(/Dropped +3/);
  });

  it("are tested, tried again, and what waits is dropped after a question", async () => {
    await bench.view("settings").settle(control);
    await keys("E", "t");
    expect(dialog()).toMatchObject({ title: "Test of intake", kind: "info" });
    expect(bench.text).toContain("200 OK");
    await keys("enter", "r");
    expect(control.calls.some(({ method }) => method === "events.retry")).toBe(true);
    await keys("x");
    expect(dialog()).toMatchObject({ kind: "confirm", text: expect.stringContaining("12 events") });
    await keys("y");
    expect(bench.text).toContain("0 wait");
  });

  it("are rid of what began to wait after they were listed", async () => {
    const queued = (count: number) => {
      const { services } = control;
      services.receivers = services.receivers.map((one) => ({ ...one, queued: count }));
    };
    queued(0);
    await keys("E");
    queued(2);
    await keys("x", "y");
    expect(control.services.receivers[0]).toMatchObject({ queued: 0 });
  });

  it("are asked again while they are looked at", async () => {
    await keys("E");
    control.services.receivers = [];
    await bench.send({ type: "tick", now: FAKE_NOW + 5_000 }).settle(control);
    expect(bench.text).toContain("none: [[events]] in moorage.toml adds one");
  });
});

describe("certificate authorities", () => {
  beforeEach(async () => {
    await bench.view("settings").settle(control);
    await keys("a");
  });

  it("are added by their key, and removed after a question", async () => {
    await keys("a");
    bench.send({ type: "paste", text: "ssh-ed25519 NEW other_ca\n" });
    await keys("enter");
    expect(bench.text).toContain("SHA256:NEW  ");
    await keys("x", "n", "x", "y");
    expect(control.services.authorities).toMatchObject([{ comment: "other_ca" }]);
  });

  it("have what is revoked beside them: by number, ID or key, and lifted", async () => {
    await keys("v", "s", "tab", ..."77", "tab", "tab", ..."stolen", "enter");
    expect(control.services.revoked.at(-1)).toMatchObject({
      kind: "serial",
      subject: "77",
      reason: "stolen",
    });
    await keys("end", "x", "y");
    expect(control.services.revoked).toHaveLength(2);
    await keys("v", "enter");
    expect(dialog()?.error).toBe("which key is missing");
  });
});

it("a key's options and end stand beside it", async () => {
  const key = { fingerprint: "SHA256:k", algorithm: "ssh-ed25519", comment: "ann", createdAt: 0 };
  const options = 'from="192.0.2.0/24"';
  control.keys.set("user00002", [{ ...key, options, expiresAt: FAKE_NOW - 1 }]);
  await bench.view("users").feed(control).settle(control);
  await keys("down", "down", "enter");
  expect(bench.text).toMatch(/SHA256:k +expired 2026-01-31.* ann +from="192\.0\.2\.0\/24"/);
});

describe("a line of many files in the log", () => {
  beforeEach(async () => {
    await bench.view("log").feed(control).settle(control);
  });

  const news = (at: number) =>
    bench.send({
      type: "data",
      topic: "log",
      params: {},
      event: [putOfMany(control, at)],
      first: false,
    });

  it("is joined by what is new of it, and others stay their own", () => {
    expect(bench.text).toContain("12 files  12.0 MB");
    expect(bench.text).toContain("41 of 41 lines   of 52 records");
    news(13);
    expect(bench.text).toContain("13 files  13.0 MB");
    const event = [control.record("login", { user: "zoe" })];
    bench.send({ type: "data", topic: "log", params: {}, event, first: false });
    expect(bench.text).toContain("42 of 42 lines   of 54 records");
  });

  it("counts none twice that came while it was asked for", async () => {
    bench.feed(control);
    const event = [putOfMany(control, 13)];
    bench.send({ type: "data", topic: "log", params: {}, event, first: false });
    await bench.settle(control);
    expect(bench.text).toContain("13 files  13.0 MB");
  });

  it("opens with Enter, shows each file, and closes with Esc", async () => {
    await keys("enter");
    expect(dialog()).toMatchObject({ kind: "records", records: { length: 12 } });
    expect(bench.text).toContain("/backup/2026/january/part-07.tar");
    await keys("enter");
    expect(dialog()).toMatchObject({ kind: "info", title: "Record" });
    await keys("escape", "escape");
    expect(dialog()).toBeUndefined();
  });

  it("is each file where a path is sought", async () => {
    await keys("F", "tab", "tab", "tab", ..."*/part-0?.tar", "enter");
    await bench.feed(control).settle(control);
    expect(bench.text).toContain("9 of 9 lines");
    expect(bench.text).toContain("part-01.tar");
    await keys("escape");
    await bench.feed(control).settle(control);
    expect(bench.text).toContain("41 of 41 lines");
  });

  it("groups, actors, addresses and an end are filters, too", async () => {
    await keys("F", "tab", ..."cli:root", "tab", ..."192.0.2.0/24", "tab", "tab", "s");
    await keys("tab", "tab", "tab", "right", "enter");
    await bench.feed(control).settle(control);
    expect(control.calls.findLast(({ method }) => method === "log.page")?.params).toEqual({
      actor: "cli:root",
      address: "192.0.2.0/24",
      groups: ["security"],
      until: FAKE_NOW - 300_000,
      limit: 500,
      grouped: true,
    });
    expect(bench.text).toMatch(/by cli:root +from 192\.0\.2\.0\/24 +of security/);
  });
});

it("the log reads on where one goes back to its oldest line", async () => {
  for (let at = 0; at < 700; at++) control.record("login", { user: "ann" });
  await bench.view("log").feed(control).settle(control);
  expect(bench.model.log.lines).toHaveLength(500);
  const before = bench.model.log.lines[0]?.record.id;
  await keys("home");
  expect(bench.model.log.lines).toHaveLength(741);
  expect(bench.model.log.lines[bench.model.log.cursor.index]?.record.id).toBe(before);
});

it("a filter that is refused says why, and leaves nothing loading", async () => {
  await bench.view("log").feed(control).settle(control);
  await keys("F", "tab", "tab", ..."nowhere", "enter");
  bench.send({ type: "failed", dialog: 0, message: "this is no address or network" });
  expect(bench.text).toContain("! this is no address or network");
  expect(bench.text).toContain("Nothing in the log fits: Esc shows everything.");
  await keys("escape");
  await bench.feed(control).settle(control);
  expect(bench.text).toContain("41 of 41 lines");
});
