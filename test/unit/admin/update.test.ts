import { beforeEach, describe, expect, it } from "vitest";
import { selectedUser } from "../../../admin/lists.ts";
import type { Dialog } from "../../../admin/model.ts";
import { wanted } from "../../../admin/wanted.ts";
import { FAKE_NOW, FakeControl, fakeUser } from "../../support/fake-control.ts";
import { Bench } from "./bench.ts";

const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3WgqvvDJtGn5qEuxNDzUDWyz0ZlSfZxl alice@laptop";

let control: FakeControl;
let bench: Bench;

beforeEach(() => {
  control = new FakeControl({ users: 1000 });
  bench = new Bench().feed(control);
});

function dialog(): Dialog | undefined {
  return bench.model.dialogs.at(-1);
}

function topics(): string[] {
  return wanted(bench.model).map(({ topic }) => topic);
}

/** Calls that control got, without those that only ask. */
function changes(): unknown[] {
  const asks = /^(\w+\.(show|list|query|check|page)|hostKeys|settings)$/;
  return control.calls
    .filter(({ method }) => !asks.test(method))
    .map(({ method, params }) => [method, params]);
}

describe("views", () => {
  it("are reached by number, Tab and Shift-Tab, and the first follows the last", () => {
    expect(bench.keys("7").model.view).toBe("log");
    expect(bench.keys("tab").model.view).toBe("security");
    expect(bench.keys("shift-tab", "shift-tab").model.view).toBe("transfers");
    expect(bench.keys("1", "shift-tab").model.view).toBe("help");
    expect(bench.keys("tab").model.view).toBe("overview");
    expect(bench.keys("9").model.view).toBe("settings");
    expect(bench.keys("0").model.view).toBe("help");
  });

  it("are told only what they show", () => {
    expect(topics()).toEqual(["overview"]);
    for (const [view, topic] of [
      ["users", "users"],
      ["groups", "groups"],
      ["folders", "folders"],
      ["transfers", "sessions"],
      ["log", "log"],
      ["security", "security"],
    ] as const) {
      bench.view(view);
      expect(topics()).toEqual(["overview", topic]);
    }
  });

  it("are left for Help and come back by Esc", () => {
    expect(bench.view("log").keys("?").model.view).toBe("help");
    expect(bench.keys("?", "escape").model.view).toBe("log");
  });

  it("end by q and Ctrl-C; in a form only Ctrl-C does", () => {
    expect(bench.keys("q").effect()).toEqual({ kind: "quit" });
    bench.view("users").feed(control).keys("a", "q");
    expect(bench.effects).toEqual([]);
    expect(bench.keys("ctrl-c").effect()).toEqual({ kind: "quit" });
  });

  it("take no keys but those to leave when the terminal is too small", () => {
    bench.send({ type: "resize", columns: 79, rows: 24 }).keys("2", "a");
    expect(bench.model.view).toBe("overview");
    expect(bench.keys("q").effect()).toEqual({ kind: "quit" });
  });
});

describe("the users' table", () => {
  beforeEach(() => {
    bench.view("users").feed(control);
  });

  it("asks for one page, and for another when it is left", () => {
    expect(wanted(bench.model)[1]).toMatchObject({ params: { offset: 0, limit: 100 } });
    bench.keys("end");
    expect(wanted(bench.model)[1]).toMatchObject({ params: { limit: 100 } });
    expect(selectedUser(bench.model)).toBeUndefined();
    bench.feed(control);
    expect(selectedUser(bench.model)?.name).toBe("user00999");
  });

  it("reaches every user by the arrow, and each only once", () => {
    const seen = new Set<string>();
    for (let at = 0; at < 1000; at++) {
      seen.add(selectedUser(bench.feed(control).model)?.name ?? "");
      bench.keys("down");
    }
    expect(seen.size).toBe(1000);
  });

  it("is filtered as one types, and whole again after Esc", () => {
    bench.keys("down", "/").type("0042").feed(control);
    expect(bench.model.users.total).toBe(11);
    expect(selectedUser(bench.model)?.name).toBe("user00042");
    bench.keys("enter", "escape").feed(control);
    expect(bench.model.users.total).toBe(1000);
  });

  it("sorts by the column before or after, by clicks, and turned round", () => {
    expect(bench.keys("right").model.users.sort).toBe("role");
    expect(bench.keys("h", "h").model.users.sort).toBe("login");
    bench.send({ type: "target", target: { kind: "sort", column: 3 } }).feed(control);
    expect(bench.model.users).toMatchObject({ sort: "used", descending: true });
    const first = selectedUser(bench.model)?.usedBytes ?? 0;
    bench.keys("o").feed(control);
    expect(selectedUser(bench.model)?.usedBytes).toBeLessThan(first);
  });

  it("keeps to the selected user when others come before it", () => {
    bench.keys("down", "down", "down");
    control.addUser({ ...fakeUser(0), name: "aaron" });
    bench.feed(control);
    expect(selectedUser(bench.model)?.name).toBe("user00003");
    expect(bench.model.users.cursor.index).toBe(4);
  });

  it("stays in range when users go", () => {
    bench.keys("end").feed(control);
    for (const name of [...control.users.keys()].slice(5)) control.users.delete(name);
    // The old page, then the one that is asked for because of it.
    bench.feed(control).feed(control);
    expect(selectedUser(bench.model)?.name).toBe("user00004");
  });
});

describe("adding a user", () => {
  beforeEach(() => {
    bench.view("users").feed(control).keys("a");
  });

  it("with a generated password, shown once and then forgotten", async () => {
    bench.type("bob").keys("tab", "right", "tab").type("2GB").keys("enter");
    await bench.settle(control);
    expect(changes()).toEqual([
      ["users.add", { name: "bob", role: "admin", quotaBytes: 2e9 }],
      ["users.generatePassword", { name: "bob" }],
    ]);
    expect(bench.text).toContain("correct-horse-battery-staple");
    expect(JSON.stringify(bench.keys("enter").model)).not.toContain("correct-horse");
  });

  it("with a typed one, which is never shown", async () => {
    bench.type("bob").keys("tab", "tab", "tab", "tab").type("pass").keys("tab").type("pass");
    expect(bench.text).not.toContain("pass ");
    expect(bench.text).toContain("••••");
    await bench.keys("enter").settle(control);
    expect(changes()).toEqual([["users.add", { name: "bob", role: "user", password: "pass" }]]);
    expect(dialog()).toBeUndefined();
    expect(bench.model.notice?.text).toBe("bob was added.");
  });

  it.each([
    [[], "a user needs a name"],
    [["b", "tab", "tab", "x"], "the quota is not a number"],
    [["b", "tab", "tab", "tab", "tab", "p"], "the two passwords differ"],
    [["b", "tab", "tab", "tab", "right"], "type the password"],
  ] as [string[], string][])("says what is missing: %j", (keys, error) => {
    bench.keys(...keys, "enter");
    expect(bench.effects).toEqual([]);
    expect(dialog()?.error).toContain(error);
  });

  it("shows why the server refuses, and keeps what was typed", async () => {
    bench.type("user00001").keys("tab", "tab", "tab", "right", "right", "enter");
    await bench.settle(control);
    expect(dialog()).toMatchObject({ error: "there is a user user00001 already", busy: false });
    expect(bench.text).toContain("user00001");
  });

  it("is asked for once, however often Enter is pressed", () => {
    bench.type("bob").keys("enter", "enter", "enter");
    expect(bench.effects).toHaveLength(1);
  });
});

describe("changing a user", () => {
  beforeEach(() => {
    bench.view("users").feed(control).keys("down");
  });

  it("sends only what was changed", async () => {
    await bench.keys("e", "ctrl-u").type("none").keys("enter").settle(control);
    expect(changes()).toEqual([["users.set", { name: "user00001", quotaBytes: null }]]);
  });

  it("enables and disables in the same form, after what else was changed", async () => {
    await bench.keys("e", "tab", "tab", "right", "tab", "right", "enter").settle(control);
    expect(changes()).toEqual([
      ["users.set", { name: "user00001", role: "admin" }],
      ["users.disable", { name: "user00001" }],
    ]);
  });

  it("sets a password, or has one generated", async () => {
    await bench.keys("p", "enter").settle(control);
    expect(changes()).toEqual([["users.generatePassword", { name: "user00001" }]]);
    bench.keys("enter", "p", "tab").type("geheim").keys("tab").type("geheim").keys("enter");
    await bench.settle(control);
    expect(changes().at(-1)).toEqual(["users.password", { name: "user00001", password: "geheim" }]);
  });

  it("takes a pasted password as it is, for the server to take or refuse", async () => {
    const pasted = `two\nlines ${"x".repeat(2_000)}`;
    bench.keys("p", "tab").send({ type: "paste", text: pasted }).keys("tab");
    bench.send({ type: "paste", text: pasted }).keys("enter");
    await bench.settle(control);
    expect(changes().at(-1)).toEqual(["users.password", { name: "user00001", password: pasted }]);
  });

  it("asks before it disables, and enables without", async () => {
    bench.keys("d");
    expect(dialog()?.kind).toBe("confirm");
    expect(bench.keys("enter", "x").effects).toEqual([]);
    await bench.keys("y").settle(control);
    expect(control.user("user00001").enabled).toBe(false);
    await bench.feed(control).keys("d").settle(control);
    expect(control.user("user00001").enabled).toBe(true);
  });

  it("removes the account and keeps the home", async () => {
    await bench.keys("x", "enter").settle(control);
    expect(changes()).toEqual([["users.remove", { name: "user00001" }]]);
  });

  it("removes a home only when its name was typed, too", async () => {
    bench.keys("x", "right", "enter");
    expect(dialog()?.error).toBe("type user00001 to delete all its files");
    await bench.keys("tab").type("user00001").keys("enter").settle(control);
    expect(changes()).toEqual([["users.remove", { name: "user00001", deleteHome: true }]]);
  });

  it("shows a key's fingerprint before it is added", async () => {
    bench.keys("i").send({ type: "paste", text: `${KEY}\n` });
    await bench.keys("enter").settle(control);
    expect(changes()).toEqual([]);
    expect(dialog()).toMatchObject({ kind: "confirm", title: "Add this key for user00001?" });
    expect(bench.text).toContain("SHA256:AAAAC3NzaC1");
    await bench.keys("y").settle(control);
    expect(control.keys.get("user00001")).toHaveLength(1);
  });

  it("reads a key from a file only where the files are the admin's", () => {
    bench.keys("i", "tab").type("~/k.pub").keys("enter");
    expect(bench.effect()).toMatchObject({ kind: "read-key", path: "~/k.pub" });
    const remote = new Bench({ keyFiles: false }).feed(control).view("users").feed(control);
    expect(remote.keys("i").model.dialogs[0]).toMatchObject({ fields: [{ name: "key" }] });
  });

  it("takes no private key", () => {
    bench.keys("i").send({ type: "paste", text: "-----BEGIN OPENSSH PRIVATE KEY-----\nx" });
    expect(bench.keys("enter").effects).toEqual([]);
    expect(dialog()?.error).toContain("private key");
  });

  it("shows a user's keys, and removes the selected one", async () => {
    await control.call("keys.add", { name: "user00001", text: KEY });
    await bench.keys("enter").settle(control);
    expect(bench.text).toContain("alice@laptop");
    await bench.keys("x", "y").settle(control);
    expect(control.keys.get("user00001")).toEqual([]);
    expect(bench.text).toMatch(/Public keys +none/);
  });

  it("shows how far a rescan is, and what it found", async () => {
    bench.keys("r");
    expect(topics()).toContain("rescan");
    bench.send({
      type: "data",
      topic: "rescan",
      params: { name: "user00001" },
      event: { files: 35, bytes: 1000, done: false },
      first: true,
    });
    expect(bench.text).toMatch(/49%/);
    await bench.settle(control);
    expect(bench.text).toMatch(/71 files, 740 MB {2}done/);
    expect(topics()).not.toContain("rescan");
  });

  it("opens a shell as the user, where there is one", () => {
    expect(bench.keys("c").effect()).toEqual({ kind: "shell", user: "user00001" });
    const local = new Bench({ shell: false }).feed(control).view("users").feed(control);
    expect(local.keys("c").effects).toEqual([]);
    expect(local.model.notice?.kind).toBe("error");
  });
});

describe("sessions and transfers", () => {
  it("end one transfer, and the session goes on", async () => {
    bench.view("sessions").feed(control);
    await bench.keys("down", "down", "e", "y").settle(control);
    expect(changes()).toEqual([["transfers.end", { session: 101, transfer: 1 }]]);
  });

  it("kick, and kick and disable", async () => {
    bench.view("sessions").feed(control);
    await bench.keys("x", "y").settle(control);
    bench.feed(control);
    await bench.keys("X", "y").settle(control);
    expect(changes()).toEqual([
      ["sessions.kick", { id: 100 }],
      ["sessions.kick", { id: 101, disable: true }],
    ]);
  });

  it("keep to the selected transfer when sessions before it end", () => {
    bench.view("transfers").feed(control).keys("end");
    control.sessions = control.sessions.slice(5);
    bench.feed(control).keys("e");
    expect(dialog()).toMatchObject({ effect: { params: { session: 111, transfer: 2 } } });
  });

  it("a session that ended meanwhile is said to be gone", async () => {
    bench.view("sessions").feed(control).keys("x");
    control.sessions = [];
    await bench.keys("y").settle(control);
    expect(dialog()?.error).toBe("there is no session 100");
  });

  it("are filtered by user, address, client and path", () => {
    bench.view("sessions").feed(control).keys("/").type("winscp");
    expect(bench.text).toContain("user00001");
    expect(bench.text).not.toContain("user00000");
    bench.keys("escape").view("transfers").keys("/").type("archive-5");
    expect(bench.text).toContain("2 transfers");
  });
});

describe("the log", () => {
  beforeEach(async () => {
    await bench.view("log").feed(control).settle(control);
  });

  function news(count: number): void {
    for (let at = 0; at < count; at++) {
      const event = [control.record("login", { user: "alice" })];
      bench.send({ type: "data", topic: "log", params: {}, event, first: false });
    }
  }

  it("follows what is new until one moves up, and again at the end", () => {
    news(30);
    expect(bench.model.log.cursor.index).toBe(69);
    bench.keys("up");
    news(5);
    expect(bench.model.log).toMatchObject({ follow: false, cursor: { index: 68 } });
    bench.keys("end");
    expect(bench.model.log.follow).toBe(true);
    expect(bench.keys("f", "f").model.log.cursor.index).toBe(74);
  });

  it("keeps a bounded number of lines, and the one that is read", () => {
    bench.keys("home", "down");
    const { log } = bench.model;
    const from = log.lines.length + 1;
    const lines = Array.from({ length: 4_980 }, (_, at) => ({
      record: { id: from + at, at: FAKE_NOW, kind: "login" } as const,
    }));
    const many = { ...log, lines: [...log.lines, ...lines], cursor: { index: 30, top: 30 } };
    bench.model = { ...bench.model, log: many };
    const id = many.lines[30]?.record.id;
    const record = { id: 9_999, at: FAKE_NOW, kind: "login" } as const;
    bench.send({ type: "data", topic: "log", params: {}, event: [record], first: false });
    expect(bench.model.log.lines).toHaveLength(5_000);
    expect(bench.model.log.next).toMatchObject({ id: 22 });
    expect(bench.model.log.lines[bench.model.log.cursor.index]?.record.id).toBe(id);
  });

  it("is filtered by user, kind and time", () => {
    bench.keys("F").type("alice").keys("up", "up", "up", "u", "tab", "right", "enter");
    expect(wanted(bench.model)[1]?.params).toEqual({
      limit: 0,
      user: "alice",
      kinds: ["upload"],
      since: FAKE_NOW - 300_000,
    });
    bench.keys("escape");
    expect(wanted(bench.model)[1]?.params).toEqual({ limit: 0 });
  });
});

describe("security and keys", () => {
  it("lifts the selected penalty", async () => {
    control.securityState = {
      bans: [],
      penalties: [
        {
          address: "198.51.100.7",
          reason: "failed logins",
          failures: 9,
          lastUser: "root",
          since: FAKE_NOW,
          until: FAKE_NOW + 60_000,
        },
      ],
      failures: [{ address: "203.0.113.1", failures: 1, users: ["x"], lastAt: FAKE_NOW }],
    };
    bench.view("security").feed(control);
    expect(bench.keys("down", "x").model.dialogs).toEqual([]);
    await bench.keys("up", "x", "y").settle(control);
    expect(changes()).toEqual([["penalties.lift", { address: "198.51.100.7" }]]);
  });

  it("shows the host keys, and reloads the settings", async () => {
    await bench.view("settings").settle(control);
    expect(bench.text).toContain("SHA256:dDh3Wr6iCnrSJ5xo7Zzjsn2Y5WwRd1VQjyXaDDZ6JzA");
    await bench.keys("R").settle(control);
    expect(bench.model.notice?.text).toBe(
      "In force: limits.max_sessions. After a restart: server.port.",
    );
  });
});

describe("a server that goes away", () => {
  it("is said to be gone, fails what was under way, and is found again", async () => {
    bench.view("users").feed(control).keys("a").type("bob").keys("enter");
    bench.send({ type: "lost", reason: "the server has gone away" });
    expect(dialog()).toMatchObject({ busy: false, error: expect.stringContaining("went away") });
    expect(bench.text).toContain("The server went away");
    bench.send({ type: "found" });
    expect(bench.text).not.toContain("The server went away");
  });
});

describe("what is said", () => {
  it("goes after a while", () => {
    bench.send({ type: "failed", dialog: 0, message: "no" });
    expect(bench.text).toContain("! no");
    bench.send({ type: "tick", now: FAKE_NOW + 60_000 });
    expect(bench.text).not.toContain("! no");
  });
});
