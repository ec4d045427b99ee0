import { isDeepStrictEqual } from "node:util";
import { beforeEach, describe, expect, it } from "vitest";
import { helpLines } from "../../../admin/help.ts";
import type { Model, ViewName } from "../../../admin/model.ts";
import { buttonsOf } from "../../../admin/views/buttons.ts";
import { hintsOf } from "../../../admin/views/hints.ts";
import { FAKE_NOW, FakeControl } from "../../support/fake-control.ts";
import { fillServices } from "../../support/fake-services-filled.ts";
import { fillTeam } from "../../support/fake-team.ts";
import { Bench } from "./bench.ts";

// A key that the screen offers does something, wherever it is offered.

let control: FakeControl;

beforeEach(() => {
  control = new FakeControl();
  fillTeam(control);
  fillServices(control);
  control.securityState = {
    bans: [{ network: "192.0.2.66", reason: "", actor: "cli:root", since: 0, until: null }],
    penalties: [],
    failures: [{ address: "203.0.113.9", failures: 3, users: ["x"], lastAt: FAKE_NOW }],
  };
});

/** What the keys at the bottom are, or those of the dialog that is open. */
function offered(model: Model): readonly (readonly [string, string])[] {
  const dialog = model.dialogs.at(-1);
  return dialog === undefined ? hintsOf(model) : buttonsOf(model, dialog);
}

function keysOf(model: Model): readonly string[] {
  return offered(model).map(([key]) => key);
}

/** Each of the keys by itself: which do nothing or only say something, and which are only refused. */
function useless(bench: Bench): readonly string[] {
  const { model } = bench;
  const found = offered(model).flatMap(([key, label]) => {
    bench.model = model;
    bench.effects.length = 0;
    bench.keys(key);
    const isRefused = bench.model.notice?.kind === "error" || bench.model.dialogs.at(-1)?.error;
    const isNothing = bench.effects.length === 0 && isSameButNotice(bench.model, model);
    return isRefused || isNothing ? [`${key} ${label}`] : [];
  });
  bench.model = model;
  return found;
}

/** In all that there is, at any depth: a copy of a model is no change, and a notice is none, either. */
function isSameButNotice(one: Model, other: Model): boolean {
  return isDeepStrictEqual({ ...one, notice: null }, { ...other, notice: null });
}

type Where = { readonly shell: boolean; readonly canRenew: boolean };

const WHERE: readonly [string, Where][] = [
  ["on the server's machine", { shell: false, canRenew: true }],
  ["over SSH", { shell: true, canRenew: false }],
];

async function at(view: ViewName, where: Where, keys: readonly string[]): Promise<Bench> {
  control.canRenew = where.canRenew;
  const bench = await new Bench({ columns: 120, rows: 40, shell: where.shell })
    .feed(control)
    .view(view)
    .feed(control)
    .settle(control);
  for (const key of keys) await bench.keys(key).feed(control).settle(control);
  return bench;
}

const PLACES: readonly [string, ViewName, readonly string[]][] = [
  ["the overview", "overview", []],
  ["users", "users", []],
  ["users, none of whom fits", "users", ["/", "§", "enter"]],
  ["users, marked", "users", [" ", " "]],
  ["a user that is disabled", "users", ["end"]],
  ["a user's page", "users", ["down", "enter"]],
  ["the last thing on a user's page", "users", ["down", "down", "enter", "end"]],
  ["groups", "groups", []],
  ["groups, none of which fits", "groups", ["/", "§", "enter"]],
  ["groups, marked", "groups", [" "]],
  ["a group's page", "groups", ["down", "enter"]],
  ["folders", "folders", []],
  ["folders, none of which fits", "folders", ["/", "§", "enter"]],
  ["a folder's page", "folders", ["down", "enter"]],
  ["sessions", "sessions", []],
  ["sessions, none of which fits", "sessions", ["/", "§", "enter"]],
  ["sessions, marked", "sessions", [" "]],
  ["all sessions, marked", "sessions", ["*"]],
  ["a session's page", "sessions", ["enter"]],
  ["transfers", "transfers", []],
  ["transfers, marked", "transfers", [" "]],
  ["transfers, none of which fits", "transfers", ["/", "§", "enter"]],
  ["the log", "log", []],
  ["a record of nobody", "log", ["end"]],
  ["a ban", "security", []],
  ["failed logins", "security", ["end"]],
  ["failed logins, marked", "security", ["end", " "]],
  ["nobody refused", "security", ["/", "§", "enter"]],
  ["a setting that is fixed", "settings", []],
  ["a setting with its default", "settings", ["down"]],
  ["a changed setting", "settings", ["down", "down"]],
  ["no setting", "settings", ["/", "§", "enter"]],
  ["a trash", "users", ["down", "down", "T"]],
  ["a trash that is empty", "folders", ["down", "T"]],
  ["authorities", "settings", ["a"]],
  ["receivers", "settings", ["E"]],
  ["the last receiver", "settings", ["E", "end"]],
  ["records", "log", ["enter"]],
];

describe.each(WHERE)("%s", (_, where) => {
  it.each(PLACES)("every key that is offered does something: %s", async (_name, view, keys) => {
    const bench = await at(view, where, keys);
    expect(useless(bench)).toEqual([]);
  });

  it("every thing on every page has its own keys", async () => {
    for (const [view, keys] of [
      ["users", ["down", "down", "enter"]],
      ["groups", ["down", "enter"]],
      ["folders", ["down", "enter"]],
      ["settings", ["a"]],
      ["settings", ["E"]],
      ["sessions", ["down", "enter"]],
    ] as const) {
      const bench = await at(view, where, keys);
      for (let before = -1, now = 0; now !== before; before = now, now = placeOf(bench)) {
        expect(useless(bench)).toEqual([]);
        bench.keys("down");
      }
    }
  });
});

function placeOf({ model }: Bench): number {
  const page = model.dialogs.at(-1);
  return page !== undefined && "cursor" in page ? page.cursor.index : 0;
}

describe("at 80 columns", () => {
  const bottom = async (view: ViewName, keys: readonly string[]) => {
    const bench = await new Bench().feed(control).view(view).feed(control).settle(control);
    for (const key of keys) await bench.keys(key).settle(control);
    return bench.text.split("\n").at(-1);
  };

  it("what is particular to the selected row is told", async () => {
    expect(await bottom("settings", ["down", "down"])).toContain("d default");
    expect(await bottom("sessions", ["down", "down"])).toContain("e end transfer");
    expect(await bottom("security", [])).toContain("x lift");
  });

  it("the keys of a view are not there while a dialog is open, which has its own", async () => {
    expect(await bottom("users", [])).toContain("q leave");
    for (const key of ["a", "d", "enter"]) expect(await bottom("users", [key])).toBe("");
  });
});

describe("connect", () => {
  const local = { shell: false, canRenew: true };
  const ssh = { shell: true, canRenew: false };

  it("is offered where there is a shell: in the keys, on a user's page and in the help", async () => {
    for (const [where, is] of [
      [local, false],
      [ssh, true],
    ] as const) {
      expect(keysOf((await at("users", where, [])).model).includes("c")).toBe(is);
      expect(keysOf((await at("users", where, ["enter"])).model).includes("c")).toBe(is);
      const help = helpLines((await at("help", where, [])).model).map(([, what]) => what);
      expect(help.some((what) => what.startsWith("connect"))).toBe(is);
    }
  });

  it("is not offered of an account that is disabled, and the server says whether it still is", async () => {
    control.change("user00000", { enabled: false });
    const bench = await at("users", ssh, []);
    expect(offered(bench.model)).toContainEqual(["d", "enable"]);
    expect(keysOf(bench.model)).not.toContain("c");
    bench.keys("c");
    expect(bench.model.notice).toBeNull();
    expect(bench.effects).toEqual([{ kind: "shell", user: "user00000" }]);
  });

  it("says how to get it where there is none", async () => {
    const bench = await at("users", local, []);
    expect(bench.keys("c").model.notice?.text).toMatch(/ssh -t -p 2222 /);
  });
});

describe("new workers", () => {
  it("are offered by who has workers, and else nothing is asked twice first", async () => {
    expect(keysOf((await at("overview", { shell: false, canRenew: true }, [])).model)).toContain(
      "R",
    );
    const bench = await at("overview", { shell: true, canRenew: false }, []);
    expect(keysOf(bench.model)).not.toContain("R");
    expect(bench.keys("R").model.dialogs).toEqual([]);
    expect(bench.model.notice?.text).toContain("moorage restart");
  });
});

describe("a user whose row has no session", () => {
  const idle = async () => {
    control.change("user00001", { sessions: 0 });
    control.sessions = control.sessions.filter(({ user }) => user !== "user00001");
    return at("users", { shell: true, canRenew: false }, ["down"]);
  };
  const kicks = () => control.calls.filter(({ method }) => method === "users.kick");

  it("is kicked, as a login may be newer than the row", async () => {
    const bench = await idle();
    control.change("user00001", { sessions: 1 });
    await bench.keys("K", "y").settle(control);
    expect(kicks()).toMatchObject([{ params: { name: "user00001" } }]);
    expect(bench.model.notice?.text).toBe("user00001 was kicked.");
  });

  it("is kicked in vain where the server has none, either, which says so", async () => {
    const bench = await idle();
    await bench.keys("K", "y").settle(control);
    expect(bench.text).toContain("user00001 has no session");
  });

  it("has no key for it among those offered on its page", async () => {
    const bench = await idle();
    await bench.keys("enter").settle(control);
    expect(keysOf(bench.model)).not.toContain("K");
  });
});
