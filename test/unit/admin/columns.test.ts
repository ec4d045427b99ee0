import { describe, expect, it } from "vitest";
import { type Column, fitted, widest } from "../../../admin/columns.ts";

const NAME: Column = { title: "NAME", width: 10, most: 20 };
const SIZE: Column = { title: "SIZE", width: 8, spare: 1 };
const KIND: Column = { title: "KIND", width: 5, spare: 2 };
const REST: Column = { title: "REST", width: 0 };

const shown = (columns: readonly Column[], total: number) =>
  fitted(columns, total).map(({ at, width }) => [columns[at]?.title, width]);

describe("columns that fit", () => {
  it("leave out first what is wanted least", () => {
    const all = [NAME, KIND, SIZE];
    expect(shown(all, 25).map(([title]) => title)).toEqual(["NAME", "KIND", "SIZE"]);
    expect(shown(all, 24).map(([title]) => title)).toEqual(["NAME", "SIZE"]);
    expect(shown(all, 18)).toEqual([["NAME", 10]].map(([title]) => [title, 18]));
  });

  it("grow in their order, up to what they can use; one takes the rest", () => {
    expect(shown([NAME, SIZE], 24)).toEqual([
      ["NAME", 15],
      ["SIZE", 8],
    ]);
    expect(shown([NAME, SIZE], 80)).toEqual([
      ["NAME", 20],
      ["SIZE", 8],
    ]);
    expect(shown([NAME, REST], 80)).toEqual([
      ["NAME", 20],
      ["REST", 59],
    ]);
  });

  it("that belong together go together", () => {
    const up = { ...SIZE, title: "UP" };
    expect(shown([NAME, SIZE, up], 28).map(([title]) => title)).toEqual(["NAME", "SIZE", "UP"]);
    expect(shown([NAME, SIZE, up], 27).map(([title]) => title)).toEqual(["NAME"]);
  });

  it("that must stay do so without room, too", () => {
    expect(shown([NAME, REST], 5)).toEqual([
      ["NAME", 10],
      ["REST", 1],
    ]);
  });
});

it("as wide as the longest text, as it is shown", () => {
  expect(widest(["a", "abcdef"], 3, 8)).toBe(6);
  expect(widest([], 3, 8)).toBe(3);
  expect(widest(["abcdefghijkl"], 3, 8)).toBe(8);
  expect(widest(["漢字"], 3, 8)).toBe(4);
});
