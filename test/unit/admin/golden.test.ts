import { beforeAll, describe, expect, it } from "vitest";
import { VIEWS, type ViewName } from "../../../admin/model.ts";
import { draw } from "../../../admin/views/screen.ts";
import { FAKE_NOW, FakeControl } from "../../support/fake-control.ts";
import { fillServices } from "../../support/fake-services-filled.ts";
import { fillTeam } from "../../support/fake-team.ts";
import { styledText } from "../../support/styled.ts";
import { Bench } from "./bench.ts";

// Pictures of every view and dialog as text. After a change that is meant: vitest -u, and read them.

const SIZES = [
  { columns: 80, rows: 24 },
  { columns: 120, rows: 40 },
];

const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3WgqvvDJtGn5qEuxNDzUDWyz0ZlSfZxl alice@laptop";

const A_KEY = {
  fingerprint: "",
  algorithm: "ssh-ed25519",
  comment: "ann",
  createdAt: FAKE_NOW,
  options: "",
  expiresAt: null,
};

beforeAll(() => {
  process.env.TZ = "UTC";
});

function control(): FakeControl {
  const fake = new FakeControl();
  fake.securityState = {
    bans: [
      {
        network: "2001:db8::/48",
        reason: "guesses passwords",
        actor: "cli:root",
        since: FAKE_NOW - 3_600_000,
        until: FAKE_NOW + 82_800_000,
      },
      {
        network: "192.0.2.66",
        reason: "",
        actor: "alice@203.0.113.5",
        since: FAKE_NOW - 86_400_000,
        until: null,
      },
    ],
    penalties: [
      {
        address: "198.51.100.0/24",
        reason: "too many failed logins",
        failures: 40,
        lastUser: "root",
        since: FAKE_NOW - 60_000,
        until: FAKE_NOW + 540_000,
      },
    ],
    failures: [
      {
        address: "203.0.113.9",
        failures: 3,
        users: ["admin", "root"],
        lastAt: FAKE_NOW - 5_000,
      },
    ],
  };
  fake.keys.set("user00002", [
    {
      fingerprint: "SHA256:dDh3Wr6iCnrSJ5xo7Zzjsn2Y5WwRd1VQjyXaDDZ6JzA",
      algorithm: "ssh-ed25519",
      comment: "alice@laptop",
      createdAt: FAKE_NOW,
      options: "",
      expiresAt: null,
    },
  ]);
  return fake;
}

function file(name: string, { columns, rows }: { columns: number; rows: number }): string {
  return `golden/${name}-${columns}x${rows}.txt`;
}

/** The picture is as wide and as high as the terminal, and as the file says. */
async function matches(bench: Bench, name: string, size: (typeof SIZES)[number]): Promise<void> {
  const lines = bench.text.split("\n");
  expect(lines).toHaveLength(size.rows);
  expect(Math.max(...lines.map((line) => [...line].length))).toBeLessThanOrEqual(size.columns);
  await expect(`${bench.text}\n`).toMatchFileSnapshot(file(name, size));
}

describe.each([
  { columns: 100, rows: 30 },
  { columns: 160, rows: 45 },
])("with more room, $columns x $rows", (size) => {
  it.each(VIEWS)("the view %s", async (view) => {
    const fake = control();
    fillTeam(fake);
    const bench = new Bench(size).feed(fake).view(view).feed(fake);
    await bench.settle(fake);
    await matches(bench, view, size);
  });
});

describe.each(SIZES)("at $columns x $rows", (size) => {
  it.each(VIEWS)("the view %s", async (view) => {
    const fake = control();
    const bench = new Bench(size).feed(fake).view(view).feed(fake);
    await bench.settle(fake);
    await matches(bench, view, size);
  });

  it("a disk that is full", async () => {
    const fake = control();
    fake.diskIsFull = true;
    const bench = new Bench(size).feed(fake).view("overview").feed(fake);
    await bench.settle(fake);
    expect(bench.text).toContain("FULL: new data refused");
    await matches(bench, "disk-full", size);
  });

  const dialogs: [string, string[]][] = [
    ["user-add", ["a"]],
    ["user-edit", ["e"]],
    ["user-password", ["p"]],
    ["user-key", ["i"]],
    ["user-disable", ["d"]],
    ["user-remove", ["x"]],
    ["user-rescan", ["r"]],
    ["user-page", ["enter"]],
    ["user-generated", ["p", "enter"]],
    ["user-filter", ["/", "0", "0", "4", "2"]],
  ];
  it.each(dialogs)("the dialog %s", async (name, keys) => {
    const fake = control();
    const bench = new Bench(size)
      .feed(fake)
      .view("users")
      .feed(fake)
      .keys("down", "down", ...keys);
    bench.feed(fake);
    if (name !== "user-rescan") await bench.settle(fake);
    await matches(bench, name, size);
  });

  it("a user whose logins are limited, and one whose account has expired", async () => {
    const fake = control();
    const from = ["192.0.2.0/24", "198.51.100.0/24", "2001:db8:1234::/48", "203.0.113.77"];
    const limits = {
      expiresAt: FAKE_NOW + 86_400_000,
      from,
      auth: ["key"],
      maxSessions: 4,
      uploadRate: 10_000_000,
      downloadRate: null,
      trashKeep: null,
      require: ["totp"],
    } as const;
    fake.change("user00002", { ...limits, effective: limits });
    fake.change("user00003", { expiresAt: FAKE_NOW - 60_000 });
    const keys = Array.from({ length: 6 }, (_, n) => ({ ...A_KEY, fingerprint: `SHA256:key${n}` }));
    fake.keys.set("user00002", keys);
    const bench = new Bench(size).feed(fake).view("users").feed(fake);
    await matches(bench.keys("down", "down"), "users-limited", size);
    await bench.keys("enter").settle(fake);
    await matches(bench, "user-page-limited", size);
    await matches(bench.keys("e"), "user-edit-limited", size);
  });

  const team: [string, ViewName, string[]][] = [
    ["groups", "groups", []],
    ["group-add", "groups", ["a"]],
    ["group-edit", "groups", ["down", "e"]],
    ["group-members", "groups", ["m"]],
    ["group-remove", "groups", ["x"]],
    ["group-page", "groups", ["down", "enter"]],
    ["folders", "folders", ["right"]],
    ["folder-add", "folders", ["a"]],
    ["folder-edit", "folders", ["e"]],
    ["folder-share", "folders", ["down", "s"]],
    ["folder-remove", "folders", ["down", "x"]],
    ["folder-page", "folders", ["down", "enter"]],
    ["user-page-team", "users", ["down", "down", "enter"]],
    ["user-page-team-end", "users", ["down", "down", "enter", "end"]],
    ["user-groups", "users", ["down", "m"]],
    ["user-rule", "users", ["n"]],
    ["user-share", "users", ["s"]],
    ["users-marked", "users", [" ", " ", "down", " "]],
    ["marked-remove", "users", [" ", " ", "x"]],
    ["marked-quota", "users", [" ", " ", "e"]],
  ];
  it.each(team)("of a team: %s", async (name, view, keys) => {
    const fake = control();
    fillTeam(fake);
    const bench = new Bench(size).feed(fake).view(view).feed(fake);
    for (const key of keys) await bench.keys(key).settle(fake);
    bench.feed(fake);
    await matches(bench, `team-${name}`, size);
  });

  it("what fails of several calls", async () => {
    const fake = control();
    const bench = new Bench(size).feed(fake).view("users").feed(fake).keys(" ", " ", " ", "d");
    fake.users.delete("user00001");
    await bench.keys("enter").settle(fake);
    await matches(bench, "batch-failed", size);
  });

  it("a key that is to be added", async () => {
    const fake = control();
    const bench = new Bench(size).feed(fake).view("users").feed(fake).keys("i");
    bench.send({ type: "paste", text: KEY }).keys("enter");
    await bench.settle(fake);
    await matches(bench, "key-check", size);
  });

  it("a session that is to be ended, and one", async () => {
    const fake = control();
    const bench = new Bench(size).feed(fake).view("sessions").feed(fake);
    await matches(bench.keys("down", "X"), "session-kick", size);
    await matches(bench.keys("n", "enter"), "session-page", size);
  });

  it("what was moved, and the questions before the server stops", async () => {
    const fake = control();
    const bench = new Bench(size).feed(fake).view("overview").feed(fake);
    await bench.keys("t").settle(fake);
    await matches(bench, "totals", size);
    await matches(bench.keys("escape", "S"), "server-stop", size);
    await matches(bench.keys("enter"), "server-stop-really", size);
  });

  const services: [string, ViewName, string[]][] = [
    ["overview", "overview", []],
    ["trash", "users", ["down", "down", "T"]],
    ["trash-restore", "users", ["down", "down", "T", "r"]],
    ["trash-empty", "users", ["down", "down", "T", "E"]],
    ["authorities", "settings", ["a"]],
    ["revoke", "settings", ["a", "v"]],
    ["receivers", "settings", ["E"]],
    ["receiver", "settings", ["E", "enter"]],
    ["log", "log", []],
    ["log-records", "log", ["enter"]],
    ["log-filter", "log", ["F"]],
  ];
  it.each(services)("of what the server keeps and does: %s", async (name, view, keys) => {
    const fake = control();
    fillTeam(fake);
    fillServices(fake);
    const bench = await new Bench(size).feed(fake).view(view).feed(fake).settle(fake);
    for (const key of keys) await bench.keys(key).settle(fake);
    await matches(bench, `services-${name}`, size);
  });

  const settings: [string, string[]][] = [
    ["change", ["down", "down", "e"]],
    ["wrong", ["down", "down", "e", "-", "1", "enter"]],
    ["restart", ["down", "enter"]],
    ["waiting", ["down", "enter", "ctrl-u", "4", "enter"]],
    ["choice", ["end", "e"]],
    ["default", ["down", "down", "d"]],
    ["fixed", ["e"]],
    ["elsewhere", ["down", "down", "down", "e"]],
  ];
  it.each(settings)("a setting: %s", async (name, keys) => {
    const fake = control();
    const bench = await new Bench(size).feed(fake).view("settings").feed(fake).settle(fake);
    for (const key of keys) await bench.keys(key).settle(fake);
    await matches(bench, `setting-${name}`, size);
  });

  it("the log's filter, and a record", async () => {
    const fake = control();
    const bench = await new Bench(size).feed(fake).view("log").feed(fake).settle(fake);
    await matches(bench.keys("F"), "log-filter", size);
    await matches(bench.keys("escape", "up", "enter"), "log-record", size);
  });

  it("no server", async () => {
    const bench = new Bench(size).feed(control());
    bench.send(
      { type: "lost", reason: "the server has gone away" },
      { type: "tick", now: FAKE_NOW + 7_000 },
    );
    await matches(bench, "lost", size);
  });
});

// With attributes: what is selected is readable, and its gauges are those of the other rows.
describe.each([...SIZES, { columns: 100, rows: 30 }, { columns: 160, rows: 45 }])(
  "what is selected at $columns x $rows",
  (size) => {
    const SELECTED: [string, ViewName, string[]][] = [
      ["users", "users", ["down", "down"]],
      ["users-disabled", "users", [" ", "down", "down", "down", "down"]],
      ["session", "sessions", []],
      ["session-moving", "sessions", ["down", "down", "down", "down", "down"]],
      ["transfer", "transfers", ["down", "down"]],
      ["folder", "folders", ["down"]],
      ["penalty", "security", ["down", "down"]],
      ["user-page", "users", ["down", "down", "enter", "down"]],
      ["trash", "users", ["down", "down", "T", "down"]],
      ["receivers", "settings", ["E"]],
      ["authorities", "settings", ["a"]],
      ["log-line", "log", []],
      ["setting", "settings", ["down"]],
    ];
    it.each(SELECTED)("%s", async (name, view, keys) => {
      const fake = control();
      fillTeam(fake);
      if (["trash", "receivers", "authorities", "log-line"].includes(name)) fillServices(fake);
      const bench = await new Bench(size).feed(fake).view(view).feed(fake).settle(fake);
      for (const key of keys) await bench.keys(key).settle(fake);
      await bench.feed(fake).settle(fake);
      const frame = draw(bench.model);
      const { columns, rows } = size;
      await expect(styledText(frame)).toMatchFileSnapshot(
        `golden/selected/${name}-${columns}x${rows}.txt`,
      );
    });
  },
);

it("says so in a terminal that is too small", async () => {
  const size = { columns: 60, rows: 20 };
  await matches(new Bench(size).feed(control()), "small", size);
});
