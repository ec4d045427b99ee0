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

function users(...parts: readonly number[]): Bench {
  const control = new FakeControl({ users: 0 });
  parts.forEach((part, at) => {
    control.addUser({ ...fakeUser(at), quotaBytes: 1e9, usedBytes: part * 1e9 });
  });
  return new Bench({ columns: 120, rows: 40 }).feed(control).view("users").feed(control);
}

describe("a quota", () => {
  it.each([
    [0.7999, "green", undefined],
    [0.8, "yellow", true],
    [0.9499, "yellow", true],
    [0.95, "red", true],
    [1.2, "red", true],
  ])("used to %d is %s", (part, fg, bold) => {
    const [style] = stylesOf(users(part), `${Math.floor(part * 100)}%`);
    expect(style?.fg).toBe(fg);
    expect(style?.bold).toBe(bold);
  });

  it("says so without colours, too", () => {
    const lines = users(0.5, 0.81, 0.96).text.split("\n");
    expect(lines.find((line) => line.includes("50%"))).not.toContain("!");
    expect(lines.find((line) => line.includes("81%"))).toMatch(/81%! /);
    expect(lines.find((line) => line.includes("96%"))).toMatch(/96%!! /);
  });
});

describe("what is selected", () => {
  it("is reversed over the whole row, and only that row", () => {
    const bench = users(0.1, 0.2, 0.3).keys("down");
    const frame = draw(bench.model);
    const reversed = frame.cells.flatMap((row, y) =>
      row.every(({ style }) => style.reverse === true) ? [y] : [],
    );
    // The title is, too.
    expect(reversed).toEqual([0, 5]);
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
