import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { LocalControl } from "../../../src/control/local.ts";
import type { Sample } from "../../../src/control/protocol.ts";
import type { AuditRecord } from "../../../src/store/types.ts";
import { makeKey } from "../../support/ssh-client.ts";
import { ControlDesk } from "./desk.ts";

const PATIENCE = { timeout: 20_000, interval: 20 };

let desk: ControlDesk;
let control: LocalControl;

beforeEach(async () => {
  desk = await ControlDesk.open();
  control = desk.as("alice@203.0.113.5");
});

afterEach(async () => {
  control.close();
  await desk.close();
});

describe("users", () => {
  test("add, set, password, disable, enable, remove: done, applied and audited", async () => {
    const added = await control.call("users.add", { name: "bob", password: "tern-gull-41" });
    expect(added).toMatchObject({
      name: "bob",
      role: "user",
      enabled: true,
      hasPassword: true,
      quotaBytes: desk.host.config.quota.default,
    });
    expect(
      await control.call("users.set", { name: "bob", quotaBytes: null, role: "admin" }),
    ).toMatchObject({ quotaBytes: null, role: "admin", quotaFiles: added.quotaFiles });
    const { password } = await control.call("users.generatePassword", { name: "bob" });
    expect(password).toHaveLength(23);
    expect(await control.call("users.disable", { name: "bob", force: true })).toMatchObject({
      enabled: false,
    });
    expect(await control.call("users.enable", { name: "bob" })).toMatchObject({ enabled: true });
    await control.call("users.remove", { name: "bob", force: true, deleteHome: true });
    await expect(control.call("users.show", { name: "bob" })).rejects.toThrow(/no user "bob"/);
    expect(await desk.changes()).toEqual([
      "user-set",
      "password-set",
      "user-disabled",
      "user-set",
      "user-removed bob",
    ]);
    expect(desk.told).toEqual(Array(5).fill("changes"));
    const audited = await desk.audited();
    expect(audited).toHaveLength(6);
    for (const record of audited) expect(record).toContain("bob alice@203.0.113.5");
    expect(audited.join()).not.toContain(password);
  });

  test("limits of logins are set, shown on every page, and refused with a readable text", async () => {
    const limits = {
      expiresAt: 1_800_000_000_000,
      from: ["192.0.2.0/24"],
      auth: ["key"],
      maxSessions: 2,
    } as const;
    const user = { name: "bob", password: "tern-gull-41" };
    expect(await control.call("users.add", { ...user, ...limits })).toMatchObject(limits);
    expect((await control.call("users.page", {})).rows).toMatchObject([limits]);
    const changed = await control.call("users.set", { name: "bob", from: null, maxSessions: 3 });
    expect(changed).toMatchObject({ ...limits, from: null, maxSessions: 3 });
    const wrong = control.call("users.set", { name: "bob", from: ["here"] });
    await expect(wrong).rejects.toThrow('"here" is no address or network');
  });

  test("keys: checked, added, shown, removed", async () => {
    await control.call("users.add", { name: "bob" });
    const text = makeKey().public;
    const [key] = await control.call("keys.check", { text });
    expect((await control.call("users.show", { name: "bob" })).keys).toEqual([]);
    const { added } = await control.call("keys.add", { name: "bob", text });
    expect(added).toMatchObject([{ fingerprint: key?.fingerprint, algorithm: "ssh-ed25519" }]);
    const shown = await control.call("users.show", { name: "bob" });
    expect(shown.user.keys).toBe(1);
    const fingerprint = key?.fingerprint ?? "";
    await control.call("keys.remove", { name: "bob", fingerprint });
    expect((await control.call("users.show", { name: "bob" })).keys).toEqual([]);
    await expect(control.call("keys.check", { text: "nonsense" })).rejects.toThrow(
      /not a public key/,
    );
  });

  test("a rescan counts, and who follows it sees it end", async () => {
    await control.call("users.add", { name: "bob" });
    mkdirSync(join(desk.root, "homes/bob/d"));
    writeFileSync(join(desk.root, "homes/bob/d/f"), "12345");
    const events: boolean[] = [];
    control.subscribe("rescan", { name: "bob" }, ({ done }) => events.push(done));
    expect(await control.call("users.rescan", { name: "bob" })).toMatchObject({
      usedBytes: 5,
      files: 2,
    });
    await vi.waitFor(() => expect(events.at(-1)).toBe(true), PATIENCE);
  });

  test("a page is followed: told at once, and when something in it changed", async () => {
    const totals: number[] = [];
    const { close } = control.subscribe("users", { filter: "b" }, ({ total }) =>
      totals.push(total),
    );
    await vi.waitFor(() => expect(totals).toEqual([0]), PATIENCE);
    await desk.addUser("ann");
    await desk.addUser("bob");
    await vi.waitFor(() => expect(totals).toEqual([0, 1]), PATIENCE);
    close();
  });
});

describe("sessions", () => {
  const transfer = {
    id: 7,
    path: "/f",
    direction: "upload",
    bytes: 5,
    size: null,
    bytesPerSecond: 1,
  } as const;

  test("the list has who waits elsewhere, and transfers where they are known", async () => {
    const here = await desk.enter(await desk.addUser("ann"));
    const other = await ControlDesk.open(desk.root);
    try {
      const there = await other.enter(await desk.addUser("bob"));
      desk.live = [{ id: here, idle: 5, transfers: [transfer] }];
      expect(await control.call("sessions.list", {})).toMatchObject([
        { id: here, user: "ann", idle: 5, transfers: [{ id: 7, direction: "upload", bytes: 5 }] },
        { id: there, user: "bob", idle: null, node: other.store.nodeId, transfers: [] },
      ]);
      expect(await control.call("sessions.own", {})).toHaveLength(1);
    } finally {
      await other.close();
    }
  });

  test("kick ends it, says why, and is audited", async () => {
    const id = await desk.enter(await desk.addUser("ann"));
    desk.live = [{ id, idle: 0, transfers: [] }];
    await control.call("sessions.kick", { id, reason: "too\u001b[31m loud" });
    expect(desk.told).toEqual([
      `kick ${id}: The session was ended by an administrator: too [31m loud`,
    ]);
    expect(await desk.audited()).toEqual(["session-kick ann alice@203.0.113.5 too [31m loud"]);
    await expect(control.call("sessions.kick", { id })).rejects.toThrow(/no session/);
  });

  test("kick of another process's session is a change, and waits until it is gone", async () => {
    const other = await ControlDesk.open(desk.root);
    try {
      const id = await other.enter(await desk.addUser("ann"));
      const kicked = control.call("sessions.kick", { id, disable: true });
      await vi.waitFor(
        async () =>
          expect(await desk.changes()).toEqual([
            `kick ${id} The session was ended by an administrator`,
            "user-disabled",
          ]),
        PATIENCE,
      );
      await other.store.sessions.leave(id);
      await kicked;
    } finally {
      await other.close();
    }
  });

  test("kick of a user ends what the user has, here and in other processes, and is audited", async () => {
    const other = await ControlDesk.open(desk.root);
    try {
      const ann = await desk.addUser("ann");
      const bob = await desk.enter(await desk.addUser("bob"));
      const here = await desk.enter(ann);
      const there = await other.enter(ann);
      desk.live = [here, bob].map((id) => ({ id, idle: 0, transfers: [] }));
      const kicked = control.call("users.kick", { name: "ann", reason: "too\u202eloud" });
      const text = "The session was ended by an administrator: too loud";
      await vi.waitFor(
        async () => expect(await desk.changes()).toEqual([`kick ${there} ${text}`]),
        PATIENCE,
      );
      await other.store.sessions.leave(there);
      expect(await kicked).toEqual({ ended: [here, there] });
      expect(desk.told).toEqual([`kick ${here}: ${text}`]);
      expect(await desk.audited()).toEqual(
        Array(2).fill("session-kick ann alice@203.0.113.5 too loud"),
      );
      const again = control.call("users.kick", { name: "ann" });
      await expect(again).rejects.toThrow(/ann has no session/);
      await expect(control.call("users.kick", { name: "nobody" })).rejects.toThrow(/nobody/);
      expect(await control.call("users.kick", { name: "ann", disable: true })).toEqual({
        ended: [],
      });
      expect(await control.call("users.show", { name: "ann" })).toMatchObject({
        user: { enabled: false },
      });
    } finally {
      await other.close();
    }
  });

  test("the end of a transfer that isn't there is refused", async () => {
    const id = await desk.enter(await desk.addUser("ann"));
    desk.live = [{ id, idle: 0, transfers: [transfer] }];
    await control.call("transfers.end", { session: id, transfer: 7 });
    expect(await desk.audited()).toEqual(["transfer-end ann alice@203.0.113.5"]);
    await expect(control.call("transfers.end", { session: id, transfer: 8 })).rejects.toThrow(
      /no transfer 8/,
    );
    await expect(control.call("transfers.end", { session: 99, transfer: 7 })).rejects.toThrow(
      /no session 99/,
    );
  });
});

describe("the server", () => {
  test("the overview has what was counted, second by second", async () => {
    desk.counts.bytesIn = 1_000;
    desk.counts.failedLogins = 2;
    desk.counts.refusals = 1;
    const samples: Sample[] = [];
    control.subscribe("overview", {}, (overview) => samples.push(...overview.samples));
    await vi.waitFor(
      () =>
        expect(samples).toContainEqual(expect.objectContaining({ bytesIn: 1_000, refusals: 3 })),
      PATIENCE,
    );
    const overview = await control.call("overview", {});
    expect(overview).toMatchObject({
      listen: "127.0.0.1:2222",
      stopping: false,
      users: 0,
      totals: { bytesIn: 1_000, failedLogins: 2, refusals: 1 },
    });
    expect(overview.disk.freeBytes).toBeGreaterThan(0);
  });

  test("the overview has the folders and users with most stored, the first the most", async () => {
    await control.call("users.add", { name: "ben" });
    for (const name of ["few", "most"])
      await control.call("folders.add", { name, quotaBytes: 500 });
    for (const [home, bytes] of Object.entries({ ben: 200, "@few": 1, "@most": 300 })) {
      writeFileSync(join(desk.root, "homes", home, "f"), "x".repeat(bytes));
    }
    await control.call("users.rescan", { name: "ben" });
    for (const name of ["few", "most"]) await control.call("folders.rescan", { name });
    expect((await control.call("overview", {})).mostUsed).toEqual([
      { name: "@most", usedBytes: 300, quotaBytes: 500 },
      { name: "ben", usedBytes: 200, quotaBytes: desk.host.config.quota.default },
      { name: "@few", usedBytes: 1, quotaBytes: 500 },
    ]);
  });

  test("a penalty is lifted once", async () => {
    const [reason, lastUser] = ["failed logins", "x"];
    const times = { since: 1, until: 2 };
    desk.penalties = [{ address: "192.0.2.9", reason, failures: 3, lastUser, ...times }];
    expect((await control.call("security", {})).penalties).toHaveLength(1);
    await control.call("penalties.lift", { address: "192.0.2.9" });
    await expect(control.call("penalties.lift", { address: "192.0.2.9" })).rejects.toThrow(
      /nothing counts/,
    );
    expect(await desk.audited()).toEqual(["penalty-lifted alice@203.0.113.5"]);
  });

  test("an address whose zone steers terminals is lifted: the audit trail doesn't", async () => {
    const address = "fe80::1%\u001b[31m";
    const offence = { reason: "failed logins", failures: 3, lastUser: "x", since: 1, until: 2 };
    desk.penalties = [{ address, ...offence }];
    await control.call("penalties.lift", { address });
    const [record] = await desk.store.audit.query({ kind: "penalty-lifted" });
    expect(record?.remote).toBe("fe80::1% [31m");
  });

  test("reload and stop reach the other processes, and are audited", async () => {
    writeFileSync(join(desk.root, "moorage.toml"), 'log.level = "debug"\nserver.port = 4022\n');
    expect(await control.call("reload", {})).toEqual({
      applied: ["log.level"],
      needRestart: ["server.port"],
    });
    await control.call("stop", { graceMs: 5 });
    expect(desk.told).toEqual(["stop 5"]);
    expect(await desk.changes()).toEqual(["reload", "stop 5"]);
    expect(await desk.audited()).toEqual([
      "reload alice@203.0.113.5 log.level",
      "server-stop alice@203.0.113.5 asked for",
    ]);
  });
});

describe("the log", () => {
  const record = (user: string): void => desk.store.audit.record({ kind: "login", user });

  test("is queried by what concerns whom, the newest, oldest first", async () => {
    for (const user of ["ann", "bob", "ann", "ann"]) record(user);
    const found = await control.call("log.query", { user: "ann", limit: 2 });
    expect(found.map(({ id }) => id)).toEqual([3, 4]);
  });

  test("is searched by text, and followed by it", async () => {
    for (const user of ["ann", "bob"]) record(user);
    expect(await control.call("log.query", { text: "NN" })).toMatchObject([{ user: "ann" }]);
    const seen: AuditRecord[] = [];
    const { close } = control.subscribe("log", { text: "nn" }, (records) => seen.push(...records));
    await vi.waitFor(() => expect(seen).toHaveLength(1));
    for (const user of ["bob", "hanna"]) record(user);
    await vi.waitFor(() => expect(seen.map(({ user }) => user)).toEqual(["ann", "hanna"]));
    close();
  });

  test("is added up by user, from the day on that is asked for", async () => {
    desk.store.audit.record({ kind: "upload", user: "ann", bytes: 7 });
    const total = { uploads: 1, uploadBytes: 7, downloads: 0, downloadBytes: 0 };
    const asked = { by: "user", days: 1 } as const;
    expect(await control.call("traffic", asked)).toEqual([{ key: "ann", ...total }]);
    expect(await control.call("traffic", { ...asked, user: "bob" })).toEqual([]);
  });

  test("each follower gets every record that fits once, those of other processes too", async () => {
    const other = await ControlDesk.open(desk.root);
    try {
      record("before");
      const seen: AuditRecord[][] = [[], [], []];
      const follow = (index: number, user?: string) =>
        control.subscribe("log", user === undefined ? {} : { user }, (records) =>
          seen[index]?.push(...records),
        );
      follow(0);
      follow(1, "b");
      for (let n = 0; n < 30; n += 1) {
        (n % 2 === 0 ? desk : other).store.audit.record({ kind: "login", user: "ab"[n % 2] ?? "" });
        if (n === 10) follow(2);
        if (n % 5 !== 0) continue;
        // So that followers look several times.
        await vi.waitFor(() => expect(seen[0]?.length).toBe(n + 2), PATIENCE);
      }
      await vi.waitFor(() => {
        for (const index of [0, 2]) {
          expect(seen[index]?.map(({ id }) => id)).toEqual(
            Array.from({ length: 31 }, (_, n) => n + 1),
          );
        }
        expect(seen[1]?.filter(({ user }) => user === "b")).toHaveLength(15);
        expect(seen[1]).toHaveLength(15);
      }, PATIENCE);
    } finally {
      await other.close();
    }
  });
});

describe("whatever is asked", () => {
  test.each([
    ["users.add", { name: 3 }, /users\.add: name is missing or not/],
    ["users.add", { name: "x", password: "secret", more: 1 }, /users\.add: params is/],
    ["users.page", { limit: 501 }, /limit/],
    ["users.set", { name: "x", quotaBytes: -1 }, /quotaBytes/],
    ["users.set", { name: "x", quotaBytes: 1.5 }, /quotaBytes/],
    ["users.set", { name: "x", expiresAt: "30d" }, /expiresAt/],
    ["users.set", { name: "x", from: Array(65).fill("192.0.2.1") }, /from/],
    ["users.set", { name: "x", from: [`${"9".repeat(1001)}`] }, /from\.0/],
    ["users.set", { name: "x", auth: ["magic"] }, /auth\.0/],
    ["users.set", { name: "x", maxSessions: -1 }, /maxSessions/],
    ["sessions.kick", { id: "1" }, /id/],
    ["users.kick", { id: 1 }, /name/],
    ["log.query", { kind: "nonsense" }, /kind/],
    ["log.query", { text: "x".repeat(1001) }, /text/],
    ["traffic", { by: "user", days: 0 }, /days/],
    ["traffic", { by: "hour", days: 1 }, /by/],
    ["overview", [], /params/],
    ["overview", null, /params/],
    ["nonsense", {}, /no such method/],
    ["toString", {}, /no such method/],
  ])("%s with %j is refused as wrong usage", async (method, params, text) => {
    const asked = control.call(method as "overview", params as never);
    await expect(asked).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(text),
    });
    await expect(asked).rejects.not.toThrow(/secret/);
  });

  test("an unexpected error is told without its text", async () => {
    const broken = new Error("/secret/path");
    desk.host.sessions = () => Promise.reject(broken);
    await expect(control.call("sessions.own", {})).rejects.toThrow(/its log says more/);
  });

  test("nothing is done or told after it was closed", async () => {
    let events = 0;
    control.subscribe("stopping", {}, () => {
      events += 1;
    });
    control.close();
    expect(await control.closed).toBe("closed");
    await expect(control.call("overview", {})).rejects.toThrow("closed");
    expect(() => control.subscribe("overview", {}, () => {})).toThrow("closed");
    await desk.service.close();
    expect(events).toBe(0);
  });
});

describe("pages of the audit trail", () => {
  test("lines with a place where the next page begins, by all filters", async () => {
    const of = { kind: "upload", user: "ann", remote: "192.0.2.9:1", session: 1 } as const;
    for (let n = 0; n < 5; n += 1) desk.store.audit.record({ ...of, path: `/d/${n}`, bytes: 2 });
    desk.store.audit.record({ kind: "ban", actor: "me", detail: "192.0.2.7" });
    const first = await control.call("log.page", { grouped: true, limit: 1 });
    expect(first).toMatchObject({ lines: [{ record: { kind: "ban" } }] });
    const before = first.next;
    if (before === undefined) throw new Error("there is another page");
    const second = await control.call("log.page", { grouped: true, limit: 1, before });
    expect(second.lines).toMatchObject([
      { record: { path: "/d/0", batch: 1 }, all: { records: 5, bytes: 10 } },
    ]);
    const opened = await control.call("log.page", { batch: 1 });
    expect(opened.lines).toHaveLength(5);
    const filters = { groups: ["transfers"], address: "192.0.2.0/24", path: "/d/*" } as const;
    expect(await control.call("log.count", filters)).toEqual({ records: 5 });
    expect((await control.call("log.page", { groups: ["security"] })).lines).toHaveLength(1);
  });

  test.each([
    [{ limit: 501 }, /limit/],
    [{ path: "x".repeat(1_001) }, /path/],
    [{ address: "nowhere" }, /no address or network/],
  ])("attack: %j is refused", async (params, reason) => {
    await expect(control.call("log.page", params)).rejects.toThrow(reason);
  });
});
