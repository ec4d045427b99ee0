import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Frame } from "../../../admin/frame.ts";
import { helpLines } from "../../../admin/help.ts";
import { VIEWS } from "../../../admin/model.ts";
import { clipLine, span, textWidth } from "../../../admin/text.ts";
import { draw } from "../../../admin/views/screen.ts";
import { FAKE_NOW, FakeControl } from "../../support/fake-control.ts";
import { Bench } from "./bench.ts";

// What a narrow terminal has no room for is left out as a whole, or leaves an ellipsis.

describe("a line that doesn't fit", () => {
  const text = fc.string({ unit: fc.constantFrom("a", " ", "宽", "é", "🙂"), maxLength: 12 });

  it("leaves an ellipsis, in a frame, too, but not for spaces at its end", () => {
    fc.assert(
      fc.property(
        fc.array(text, { maxLength: 4 }),
        fc.integer({ min: 1, max: 30 }),
        (texts, at) => {
          const line = texts.map((one) => span(one));
          const whole = texts.join("").trimEnd();
          const shown = clipLine(line, at)
            .map((one) => one.text)
            .join("");
          expect(textWidth(shown)).toBeLessThanOrEqual(at);
          if (textWidth(whole) <= at) expect(shown.trimEnd()).toBe(whole);
          else expect(shown).toMatch(/…$/);
          const frame = new Frame(at, 1);
          frame.put(0, 0, line);
          expect(frame.toText()).toBe(shown.trimEnd());
        },
      ),
    );
  });
});

describe("at 80 columns", () => {
  const size = { columns: 80, rows: 24 };

  it("help tells everything", () => {
    const bench = new Bench({ columns: 80, rows: 200 }).keys("?");
    for (const [keys, what] of helpLines(bench.model)) {
      if (keys === "") expect(bench.text).toContain(`\n ${what}\n`);
      else expect(bench.text).toContain(`\n   ${keys.padEnd(26)} ${what}\n`);
    }
  });

  it.each([
    ["0.0.0.0:2222", "on 0.0.0.0:2222   delay 3 ms   pid 4711"],
    ["[2001:db8:1234:5678::17]:2222", "on [2001:db8:1234:5678::17]:2222   delay 3 ms"],
  ])("the server's line of one that listens on %s ends in a whole figure", (listen, end) => {
    const control = new FakeControl();
    const overview = {
      ...control.overview(),
      listen,
      node: "5e4814f6-7f7e-4c60-b9f2-7d7bb9e9a1cd",
    };
    const bench = new Bench(size).feed(control);
    bench.send({ type: "data", topic: "overview", params: {}, event: overview, first: false });
    expect(bench.text.split("\n")[2]).toBe(` Server   running   up 1d 02h   ${end}`);
  });

  it("of a disk that is full, the logins are left out whole", () => {
    const control = new FakeControl();
    control.diskIsFull = true;
    expect(new Bench(size).feed(control).text).toMatch(/FULL: new data refused$/m);
  });

  it("a fact that is too long for a page goes on in the next row", async () => {
    const control = new FakeControl();
    const from = ["192.0.2.0/24", "198.51.100.0/24", "2001:db8:1234::/48", "203.0.113.77"];
    const { effective } = control.user("user00000");
    control.change("user00000", { from, effective: { ...effective, from } });
    const bench = new Bench(size).feed(control).view("users").feed(control);
    await bench.keys("enter").settle(control);
    expect(bench.text).toMatch(
      /│ Logs in from {3}192\.0\.2\.0\/24, 198\.51\.100\.0\/24, 2001:db8:1234::\/48, +│\n │ {16}203\.0\.113\.77 \(own\) +│/,
    );
    // The last of its things is still reached.
    await bench.keys("end").settle(control);
    expect(bench.text).toMatch(/Last transfers/);
  });
});

it.each([80, 81, 90, 96, 99, 100, 110, 160])("all views are named at %i columns", (columns) => {
  const bench = new Bench({ columns, rows: 24 }).feed(new FakeControl({ users: 1 }));
  const tabs = bench.text.split("\n")[1] ?? "";
  expect(tabs).toMatch(/^ 1 Over.* 9 Settings +0 Help$/);
  expect(tabs).not.toContain("…");
  expect(tabs.length).toBeLessThanOrEqual(columns);
  VIEWS.forEach((_, at) => {
    const x = tabs.indexOf(`${(at + 1) % 10} `);
    expect(draw(bench.model).at(x, 1)).toEqual({ kind: "key", key: `${(at + 1) % 10}` });
  });
});

it("a session's page has no process, which says nothing to people", () => {
  const control = new FakeControl({ users: 3, sessions: 1 });
  const bench = new Bench({ columns: 80 }).view("sessions").feed(control).keys("enter");
  expect(bench.text).toContain("Since");
  expect(bench.text).not.toContain("Process");
});

it("a page keeps its labels apart from what they are of, and shows what it has room for", async () => {
  const control = new FakeControl({ users: 3, sessions: 1 });
  const client = "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10";
  control.sessions = control.sessions.map((session) => ({ ...session, client }));
  control.records = [];
  const bench = new Bench({ columns: 120, rows: 40 }).feed(control).view("sessions").feed(control);
  await bench.view("users").feed(control).keys("enter").settle(control);
  expect(bench.feed(control).text).toMatch(/│ Last transfers none +│/);
  expect(bench.text).toContain("OpenSSH_9.2p1 Debian-2+deb12u10");
});

describe("what is told first", () => {
  const size = { columns: 80, rows: 24 };

  it("of a login, where it came from: not the fingerprint of its key", async () => {
    const control = new FakeControl({ users: 3 });
    const detail = `publickey SHA256:${"x".repeat(43)}, SSH-2.0-OpenSSH_9.2p1`;
    control.record("login", { user: "user00001", remote: "192.0.2.99:50000", detail });
    expect(new Bench(size).feed(control).text).toMatch(/login user00001 from 192\.0\.2\.99/);
    const log = await new Bench(size).feed(control).view("log").feed(control).settle(control);
    expect(log.text).toMatch(
      / 01-31 12:00:00 login +user00001 from 192\.0\.2\.99:50000 {2}publickey/,
    );
  });

  it("of a record the year, where it is not the present one in all that are shown", async () => {
    const control = new FakeControl({ users: 3 });
    control.record("login", { user: "user00001" });
    const log = (columns: number) =>
      new Bench({ columns, rows: 24 }).feed(control).view("log").feed(control).settle(control);
    expect((await log(80)).text).toMatch(/ 01-31 12:00:00 login/);
    expect((await log(80)).text).not.toContain("2026-01-31");
    control.record("logout", { user: "user00001", at: FAKE_NOW - 365 * 86_400_000 });
    const { text } = await log(80);
    expect(text).toMatch(/ 2025-01-31 12:00:00 logout/);
    expect(text).toMatch(/ 2026-01-31 12:00:00 login/);
  });

  it("of a record what happened: a long name gives way", async () => {
    const control = new FakeControl({ users: 3 });
    control.record("folder-add", { user: "@archive-of-the-old-department", detail: "quota 50000" });
    const log = (columns: number) =>
      new Bench({ columns, rows: 24 }).feed(control).view("log").feed(control).settle(control);
    expect((await log(80)).text).toMatch(/folder-add +@archive-of… quota 50000/);
    expect((await log(100)).text).toMatch(/folder-add +@archive-of-the-old… quota 50000/);
  });

  it("of a client its name: the protocol's version is the same for all", () => {
    const control = new FakeControl({ users: 3, sessions: 3 });
    const bench = new Bench(size).feed(control).view("sessions").feed(control);
    expect(bench.text).toMatch(/192\.0\.2\.12:50002 rclone\/1\.60/);
    expect(bench.text).not.toContain("SSH-2.0");
    // Its page has it as it was sent.
    expect(bench.keys("enter").text).toContain("SSH-2.0-OpenSSH_9.2p1");
  });

  it("of a path its end, on pages, too", () => {
    const control = new FakeControl({ users: 3, sessions: 1 });
    const path = `/projects/${"long-".repeat(20)}name-uncut.mkv`;
    const transfer = { id: 1, path, direction: "upload", bytes: 1e6, size: null } as const;
    const transfers = [{ ...transfer, bytesPerSecond: 1e5 }];
    control.sessions = control.sessions.map((session) => ({ ...session, transfers }));
    const bench = new Bench(size).feed(control).view("sessions").feed(control).keys("enter");
    expect(bench.text).toMatch(/│ {3}↑ {4}1\.00 MB {3}100 KB\/s {2}…\S+name-uncut\.mkv │/);
  });

  it("of who is refused how many, beside marked rows, too", () => {
    const control = new FakeControl({ users: 1 });
    const ban = { network: "", reason: "", actor: "cli:root", since: 0, until: null };
    const failures = { address: "203.0.113.9", failures: 3, users: ["x"], lastAt: 0 };
    const bans = ["192.0.2.1", "192.0.2.2"].map((network) => ({ ...ban, network }));
    control.securityState = { bans, penalties: [], failures: [failures] };
    const bench = new Bench(size).feed(control).view("security").feed(control).keys(" ", " ");
    expect(bench.text.split("\n")[2]).toBe(
      " 3 of 3   marked 2   2 bans   0 penalties   failed logins from 1 address",
    );
  });

  it("the role of users with long names", () => {
    const control = new FakeControl({ users: 8 });
    control.addUser({ ...control.user("user00007"), name: "anna.longer-name" });
    const bench = new Bench(size).feed(control).view("users").feed(control);
    expect(bench.text).toMatch(/NAME▲ +ROLE +STATE/);
    expect(bench.text).toMatch(/anna\.longer-name admin enabled/);
  });

  it("of an empty list of several kinds, no number that is of nothing", () => {
    const control = new FakeControl({ users: 1, sessions: 0 });
    const bench = new Bench(size).feed(control).view("security").feed(control);
    expect(bench.text).toMatch(/^ 0 bans {3}0 penalties/m);
    expect(bench.view("sessions").feed(control).text).toMatch(/^ 0 sessions {3}0 transfers$/m);
    expect(bench.view("groups").feed(control).text).toMatch(/^ 0 groups$/m);
  });
});

it.each([
  [80, /^ {2}│ No new session/m],
  [90, /^.{7}│ No new session/m],
])(
  "at %i columns a dialog hides what would be seen of the view in a few columns",
  (columns, line) => {
    const bench = new Bench({ columns, rows: 24 }).feed(new FakeControl()).keys("S");
    expect(bench.text).toMatch(line);
    const rows = bench.text.split("\n").filter((row) => row.includes("│") && !row.includes("▕"));
    const beside = rows.map((row) => row.replace(/│.*│/, "").trim()).join("");
    if (columns === 80) expect(beside).toBe("");
    else expect(beside).not.toBe("");
  },
);

describe("a dialog with more than there is room for", () => {
  const size = { columns: 80, rows: 24 };

  it("says how much of a record is left out", async () => {
    const control = new FakeControl({ users: 3 });
    control.records = [];
    control.record("mkdir", { user: "user00001", path: `/${"long-name/".repeat(200)}` });
    const bench = await new Bench(size).feed(control).view("log").feed(control).settle(control);
    const lines = bench.keys("enter").text.split("\n");
    expect(lines.filter((line) => line.includes("│"))).toHaveLength(20);
    expect(lines.at(-5)).toMatch(/│ … \d+ more lines +│/);
    expect(lines.at(-3)).toMatch(/│ {2}Enter close/);
  });

  it("of a form leaves out what stands above the fields", () => {
    const bench = new Bench(size)
      .feed(new FakeControl({ users: 3 }))
      .view("groups")
      .keys("a");
    const form = bench.model.dialogs.at(-1);
    if (form?.kind !== "form") throw new Error("no form is open");
    bench.model = { ...bench.model, dialogs: [{ ...form, text: "much to read ".repeat(60) }] };
    expect(bench.text).toMatch(/│ … \d+ more lines +│/);
    for (const { label } of form.fields) expect(bench.text).toContain(label);
    expect(bench.text).toContain("Enter add");
  });

  it("has its frame whole when its title has wide characters", () => {
    const bench = new Bench(size).feed(new FakeControl()).view("users").keys("a");
    const form = bench.model.dialogs.at(-1);
    if (form === undefined) throw new Error("no form is open");
    bench.model = { ...bench.model, dialogs: [{ ...form, title: "宽宽宽" }] };
    expect(bench.text).toMatch(/┌─ 宽宽宽 ─+┐$/m);
  });
});

it("help says which of its lines are shown, and which key shows more", () => {
  const bench = new Bench({ columns: 80, rows: 24 }).keys("?");
  const total = helpLines(bench.model).length;
  expect(bench.text).toContain(`Keys, lines 1–18 of ${total}`);
  expect(bench.text).toMatch(/PgDn more {2}Esc back {2}q leave$/m);
  bench.keys("end");
  expect(bench.text).toContain(`–${total} of ${total}`);
  expect(bench.text).not.toContain("PgDn more");
});
