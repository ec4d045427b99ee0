import { beforeEach, describe, expect, it } from "vitest";
import type { Dialog } from "../../../admin/model.ts";
import { FakeControl } from "../../support/fake-control.ts";
import { fillTeam } from "../../support/fake-team.ts";
import { Bench } from "./bench.ts";

let control: FakeControl;
let bench: Bench;

beforeEach(() => {
  control = new FakeControl({ users: 1200 });
  fillTeam(control);
  bench = new Bench().feed(control).view("users").feed(control);
});

/** Calls that control got, without those that only ask. */
function changes(): unknown[] {
  return control.calls
    .filter(({ method }) => method !== "users.page")
    .map(({ method, params }) => [method, params]);
}

function marked(): string[] {
  return [...bench.model.users.marked].sort();
}

function dialog(): Dialog | undefined {
  return bench.model.dialogs.at(-1);
}

const THREE = ["user00000", "user00001", "user00002"];

describe("marking", () => {
  it("marks with the space key and goes on, and unmarks with it", () => {
    bench.keys(" ", " ", " ");
    expect(marked()).toEqual(THREE);
    expect(bench.text).toContain("marked 3");
    expect(bench.text).toMatch(/^\*user00001/m);
    bench.keys("up", "up", " ");
    expect(marked()).toEqual(["user00000", "user00002"]);
  });

  it("keeps marks when sorted, filtered, and away", () => {
    bench.keys(" ", "right", "/").type("0042").keys("enter").feed(control);
    bench.keys(" ").view("log").view("users");
    expect(marked()).toEqual(["user00000", "user00042"]);
  });

  it("marks all that the filter lets through, however many pages that are", async () => {
    await bench.keys("*").settle(control);
    expect(marked()).toHaveLength(1200);
    bench.keys("escape");
    expect(marked()).toEqual([]);
    bench.keys("/").type("0042").keys("enter");
    await bench.feed(control).keys("*").settle(control);
    expect(marked()).toHaveLength(11);
  });

  it("ends the filter by Esc, and only then the marks", () => {
    bench.keys(" ", "/").type("1").keys("enter", "escape");
    expect(marked()).toEqual(["user00000"]);
    expect(bench.keys("escape").model.users.marked.size).toBe(0);
  });

  it("drops an answer to another filter than the one in use", async () => {
    bench.keys("/").type("0042").keys("enter", "*", "escape");
    await bench.settle(control);
    expect(marked()).toEqual([]);
  });
});

describe("what is done with all marked users", () => {
  beforeEach(() => {
    bench.keys(" ", " ", " ");
  });

  it("disables and enables them", async () => {
    await bench.keys("d", "enter").settle(control);
    expect(THREE.map((name) => control.user(name).enabled)).toEqual([false, false, false]);
    expect(bench.model.notice?.text).toBe("3 users: disabled.");
    expect(bench.model.dialogs).toEqual([]);
    await bench.keys("d", "right", "enter").settle(control);
    expect(THREE.map((name) => control.user(name).enabled)).toEqual([true, true, true]);
  });

  it("gives them a quota", async () => {
    bench.keys("e", "enter");
    expect(dialog()?.error).toContain("the quota is");
    await bench.type("5GB").keys("enter").settle(control);
    expect(changes()).toEqual(
      THREE.map((name) => ["users.set", { name, quotaBytes: 5_000_000_000 }]),
    );
  });

  it("lets them join and leave a group", async () => {
    await bench.keys("m").type("students").keys("enter").settle(control);
    expect(control.team.members.get("students")).toEqual(expect.arrayContaining(THREE));
    await bench.keys("m").type("students").keys("tab", "l", "enter").settle(control);
    expect(control.team.members.get("students")).toEqual(["user00003"]);
  });

  it("kicks those that have a session", async () => {
    const idle = control.user("user00001");
    control.addUser({ ...idle, sessions: 0 });
    bench.feed(control).keys("K");
    expect(dialog()).toMatchObject({ kind: "confirm", title: "Kick 2 users?" });
    await bench.keys("y").settle(control);
    expect(changes()).toEqual([
      ["users.kick", { name: "user00000" }],
      ["users.kick", { name: "user00002" }],
    ]);
  });

  it("kicks those that logged in after the rows were made, and says who has no session", async () => {
    for (const name of THREE) control.change(name, { sessions: 0 });
    control.sessions = [];
    bench.feed(control);
    control.change("user00002", { sessions: 1 });
    await bench.keys("K", "y").settle(control);
    expect(changes()).toEqual(THREE.map((name) => ["users.kick", { name }]));
    expect(dialog()).toMatchObject({
      kind: "batch",
      failures: [{ what: "user00000" }, { what: "user00001" }],
    });
  });

  it("removes them after one question that says how many, and only when that is typed", async () => {
    bench.keys("x");
    expect(bench.text).toContain("Remove 3 users?");
    bench.keys("tab").type("2").keys("enter");
    expect(dialog()?.error).toBe("type 3 to remove them");
    expect(bench.effects).toEqual([]);
    await bench.keys("ctrl-u").type("3").keys("enter").settle(control);
    expect(changes()).toEqual(THREE.map((name) => ["users.remove", { name }]));
    expect(marked()).toEqual([]);
  });

  it("tells what fails for one, and goes on with the others", async () => {
    bench.keys("x", "right", "tab").type("3");
    control.users.delete("user00001");
    await bench.keys("enter").settle(control);
    expect([...control.users.keys()]).not.toContain("user00002");
    expect(dialog()).toMatchObject({
      kind: "batch",
      done: 3,
      ended: true,
      failures: [{ what: "user00001", why: "there is no user user00001" }],
    });
    expect(bench.text).toContain("2 of 3 done, 1 failed");
    expect(marked()).toEqual(["user00001"]);
    expect(bench.keys("enter").model.dialogs).toEqual([]);
  });

  it("stops at Esc, and says how many are left as they were", async () => {
    bench.keys("d", "enter", "escape", "escape");
    expect(bench.text).toContain("stopping");
    await bench.settle(control);
    expect(bench.text).toContain("3 left as they were");
    expect(changes()).toEqual([]);
  });

  it("says how far it is", () => {
    bench.keys("d", "enter");
    const effect = bench.effect() as { dialog: number; calls: readonly never[] };
    const [call] = effect.calls;
    expect(call).toMatchObject({ what: "user00000" });
    bench.send({ type: "call-done", dialog: effect.dialog, call: call as never, why: null });
    expect(bench.text).toContain("33%");
  });
});
