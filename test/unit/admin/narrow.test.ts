import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Frame } from "../../../admin/frame.ts";
import { helpLines } from "../../../admin/help.ts";
import { VIEWS } from "../../../admin/model.ts";
import { clipLine, span, textWidth } from "../../../admin/text.ts";
import { draw } from "../../../admin/views/screen.ts";
import { FakeControl } from "../../support/fake-control.ts";
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
    for (const [keys, what] of helpLines()) {
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
      /│ Logs in from {2}192\.0\.2\.0\/24, 198\.51\.100\.0\/24, 2001:db8:1234::\/48, +│\n │ {15}203\.0\.113\.77 \(own\) +│/,
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
