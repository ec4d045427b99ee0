import { mkdirSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { expect } from "vitest";
import { type Bench, expectSame } from "../bench.ts";

async function names(bench: Bench, directory: string, expected: readonly string[]): Promise<void> {
  mkdirSync(bench.there(directory));
  for (const name of expected) writeFileSync(bench.there(directory, name), name);
  await bench.noticed();
  expect(await bench.listed(`/${directory}`)).toEqual([...expected].sort());
}

export const listing = {
  async "an empty directory and one of a few entries"(bench: Bench) {
    await names(bench, "none", []);
    await names(bench, "few", ["one", "three.txt", "two"]);
  },

  async "3,000 entries"(bench: Bench) {
    const many = Array.from({ length: 3_000 }, (_, i) => `entry-${String(i).padStart(6, "0")}`);
    await names(bench, "many", many);
  },
};

/** Puts, lists and gets files of these names, as far as the client does each. */
function carry(...odd: readonly string[]): (bench: Bench) => Promise<void> {
  return async (bench) => {
    const { lacks } = bench.client;
    for (const [i, name] of odd.entries()) {
      const here = await bench.make(`from/${name}`, 1_000 + i);
      const there = bench.there("d", name);
      await mkdir(bench.there("d"), { recursive: true });
      if (lacks.put === undefined) {
        await bench.done([{ do: "put", here, there: `/d/${name}` }]);
        await expectSame(there, here);
      } else {
        await bench.stock(`d/${name}`, 1_000 + i);
      }
      if (lacks.get !== undefined) continue;
      const back = await bench.make(`to/${name}`, 1);
      await bench.done([{ do: "get", there: `/d/${name}`, here: back }]);
      await expectSame(back, there);
    }
    const expected = odd.map((name) => Buffer.from(name).toString("latin1")).sort();
    expect(bench.names("d")).toEqual(expected);
    await bench.noticed();
    if (lacks.list === undefined) expect(await bench.listed("/d")).toEqual(expected);
  };
}

export const oddNames = {
  "with spaces": carry("two  words and more", " at both ends "),
  "with quotes": carry("it's", 'say "hi"', "back\\slash", "`tick` $HOME"),
  "with letters beyond ASCII": carry("Müßiggang", "日本語のファイル", "🚢 ahoy"),
  "with a leading dash": carry("-rf", "--help"),
  "with a newline": carry("new\nline"),
  "of 255 bytes": carry("n".repeat(255), `${"é".repeat(127)}x`),
};
