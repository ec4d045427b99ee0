import { beforeEach, describe, expect, it } from "vitest";
import { marksOf } from "../../../admin/marks.ts";
import type { ViewName } from "../../../admin/model.ts";
import { FAKE_NOW, FakeControl } from "../../support/fake-control.ts";
import { fillTeam } from "../../support/fake-team.ts";
import { Bench } from "./bench.ts";

// Marked rows are changed together, alike in all lists.

let control: FakeControl;
let bench: Bench;

beforeEach(() => {
  control = new FakeControl({ users: 30 });
  fillTeam(control);
  const address = { reason: "", lastUser: "root", since: FAKE_NOW, until: FAKE_NOW + 60_000 };
  const ban = { network: "192.0.2.1", reason: "", actor: "a", since: FAKE_NOW, until: null };
  control.securityState = {
    bans: [ban],
    penalties: [{ ...address, address: "192.0.2.2", failures: 9 }],
    failures: [{ address: "192.0.2.3", failures: 1, users: [], lastAt: FAKE_NOW }],
  };
  bench = new Bench().feed(control);
});

function done(method: string): unknown[] {
  return control.calls.filter((call) => call.method === method).map(({ params }) => params);
}

async function act(view: ViewName, ...keys: string[]): Promise<void> {
  await bench
    .view(view)
    .feed(control)
    .keys(...keys, "y")
    .settle(control);
}

describe("marked rows", () => {
  it("of sessions are kicked, each session once, and a failure keeps no other from it", async () => {
    control.fail("sessions.kick", "it is gone");
    await act("sessions", "down", " ", " ", " ", "x");
    expect(done("sessions.kick")).toEqual([{ id: 101 }, { id: 102 }]);
    expect(bench.model.dialogs.at(-1)).toMatchObject({ kind: "batch", done: 2, ended: true });
  });

  it("of sessions are kicked and their accounts disabled", async () => {
    await act("sessions", " ", " ", "X");
    expect(done("sessions.kick")).toMatchObject([
      { id: 100, disable: true },
      { id: 101, disable: true },
    ]);
    expect(bench.model.notice?.text).toBe("2 sessions ended.");
  });

  it("of transfers are ended", async () => {
    const all = control.sessions.flatMap(({ transfers }) => transfers);
    await act("transfers", "*", "e");
    expect(done("transfers.end")).toHaveLength(all.length);
  });

  it("of addresses are lifted, bans and penalties each in their way", async () => {
    await act("security", "*", "x");
    expect(done("bans.lift")).toEqual([{ address: "192.0.2.1" }]);
    expect(done("penalties.lift")).toEqual([{ address: "192.0.2.2" }]);
  });

  it("of groups and folders are removed, their files kept", async () => {
    await act("groups", " ", "x");
    await act("folders", "*", "x");
    expect(done("groups.remove")).toEqual([{ name: "staff" }]);
    expect(done("folders.remove")).toContainEqual({ name: "archive" });
    expect(done("folders.remove")).toHaveLength(3);
  });

  it.each([
    ["sessions", [" ", "x"], "Kick user00000?", "The session of user00000"],
    ["transfers", [" ", "e"], "End this upload?", "the session goes on"],
    ["security", [" ", "x"], "Lift the ban of 192.0.2.1?", "answered again at once"],
    ["groups", [" ", "x"], "Remove 1 group?", "without its limits"],
    ["folders", [" ", "x"], "Remove 1 folder?", "Nobody has it any more"],
  ] as const)(
    "where it is one, it is asked about in the singular: %s",
    (view, keys, title, text) => {
      bench
        .view(view)
        .feed(control)
        .keys(...keys);
      const dialog = bench.model.dialogs.at(-1);
      expect(dialog).toMatchObject({ kind: "confirm", title });
      expect(dialog?.kind === "confirm" && dialog.text).toContain(text);
    },
  );

  it("are counted, only of this view, and Esc unmarks them", () => {
    bench.view("sessions").feed(control).keys(" ", " ");
    expect(bench.text).toMatch(/3 of 24 +marked 2/);
    expect(bench.text).toMatch(/^\*user00000/m);
    bench.view("transfers").feed(control);
    expect(marksOf(bench.model)).toEqual([]);
    bench.view("sessions").keys("escape");
    expect(marksOf(bench.model)).toEqual([]);
  });

  it("that the list shows no more don't count", () => {
    bench.view("sessions").feed(control).keys(" ", " ");
    control.sessions = control.sessions.slice(1);
    expect(marksOf(bench.feed(control).model)).toEqual(["101"]);
  });
});
