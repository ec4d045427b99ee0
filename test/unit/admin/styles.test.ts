import { describe, expect, it } from "vitest";
import type { Style } from "../../../admin/text.ts";
import { draw } from "../../../admin/views/screen.ts";
import { FakeControl, fakeUser } from "../../support/fake-control.ts";
import { Bench } from "./bench.ts";

/** The styles of the cells that show this text, where it is first. */
function stylesOf(bench: Bench, text: string): Style[] {
  for (const row of draw(bench.model).cells) {
    const at = row
      .map(({ ch }) => ch)
      .join("")
      .indexOf(text);
    if (at >= 0) return row.slice(at, at + text.length).map(({ style }) => style);
  }
  throw new Error(`${text} is not shown`);
}

const SIZE = { columns: 120, rows: 40 };

function users(size: { columns: number; rows: number }, ...parts: readonly number[]): Bench {
  const control = new FakeControl({ users: 0 });
  parts.forEach((part, at) => {
    control.addUser({ ...fakeUser(at), quotaBytes: 1e9, usedBytes: part * 1e9 });
  });
  return new Bench(size).feed(control).view("users").feed(control);
}

describe("a quota", () => {
  it.each([
    [0.7999, "green", undefined],
    [0.8, "yellow", true],
    [0.9499, "yellow", true],
    [0.95, "red", true],
    [1.2, "red", true],
  ])("used to %d is %s", (part, fg, bold) => {
    const [style] = stylesOf(users(SIZE, part, 0).keys("down"), `${Math.floor(part * 100)}%`);
    expect(style?.fg).toBe(fg);
    expect(style?.bold).toBe(bold);
  });

  it("says so without colours, too", () => {
    const lines = users(SIZE, 0.5, 0.81, 0.96).text.split("\n");
    expect(lines.find((line) => line.includes("50%"))).not.toContain("!");
    expect(lines.find((line) => line.includes("81%"))).toMatch(/81%! /);
    expect(lines.find((line) => line.includes("96%"))).toMatch(/96%!! /);
  });
});

describe("what is selected", () => {
  /** The rows that are turned round, but for the title. */
  const reversed = (bench: Bench): number[] =>
    draw(bench.model).cells.flatMap((row, y) =>
      y > 0 && row.filter(({ style }) => style.reverse).length > row.length / 2 ? [y] : [],
    );

  it.each([80, 100, 120, 160])("is one row over all %d columns, but for its gauge", (columns) => {
    const bench = users({ columns, rows: 40 }, 0.1, 0.2, 0.3).keys("down");
    expect(reversed(bench)).toEqual([5]);
    const plain = draw(bench.model).cells[5]?.flatMap(({ style }, x) => (style.reverse ? [] : [x]));
    const bar = stylesOf(bench, "█").length;
    expect(bar).toBeGreaterThan(0);
    expect((plain?.at(-1) ?? 0) - (plain?.[0] ?? 0)).toBe((plain?.length ?? 0) - 1);
  });

  it("has the gauge of every other row, in its colour, with an empty cell at each end", () => {
    const bench = users({ columns: 120, rows: 40 }, 0.22, 0.22);
    const [first, second] = [4, 5].map((y) => draw(bench.model).cells[y] ?? []);
    const gauges = (first ?? []).flatMap(({ style }, x) => (style.gauge ? [x] : []));
    expect(gauges.map((x) => first?.[x]?.ch).join("")).toMatch(/^ █+.·+ $/);
    for (const x of gauges) {
      expect(first?.[x]?.ch).toBe(second?.[x]?.ch);
      expect(first?.[x]?.style.fg).toBe(second?.[x]?.style.fg);
      expect(first?.[x]?.style.reverse).toBeUndefined();
    }
  });

  it("has no colour turned round: nobody could read it on every background", () => {
    const control = new FakeControl();
    const bench = new Bench().feed(control);
    for (const view of "1234568") {
      bench.keys(view).feed(control);
      for (let times = 0; times < 8; times++) {
        const cells = draw(bench.keys("down").model).cells.flat();
        expect(cells.filter(({ style }) => style.reverse && style.fg !== undefined)).toEqual([]);
      }
    }
  });
});

describe("every view", () => {
  it("keeps to the terminal's own background, and to few colours", () => {
    const control = new FakeControl();
    const bench = new Bench().feed(control);
    const colours = new Set<string | undefined>();
    for (const view of "12345678") {
      bench.keys(view).feed(control);
      for (const { style } of draw(bench.model).cells.flat()) colours.add(style.fg);
    }
    expect([...colours].sort()).toEqual(["cyan", "green", "red", "yellow", undefined]);
  });
});
