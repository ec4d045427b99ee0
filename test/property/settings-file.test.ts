import fc from "fast-check";
import { parse } from "smol-toml";
import { expect, test } from "vitest";
import { changedFile, fileValue } from "../../src/config/change.ts";
import { FileProblem } from "../../src/config/file.ts";
import { ALL_SETTINGS } from "../../src/config/settings.ts";

/** Texts of moorage.toml in all the ways that TOML has, valid or not, and a setting changed in them. */

const SETTINGS = ALL_SETTINGS.filter(({ name }) => name !== "events");
const SECTIONS = ["server", "limits", "access", "quota", "digests"] as const;
const keysOf = (section: string) =>
  SETTINGS.filter((named) => named.section === section).map(({ name }) => name.split(".")[1] ?? "");

const comment = fc.constantFrom("", "", "# why", " # [limits]", '\t# queue = "1" \'\'\' """', "#");
const end = fc.constantFrom("\n", "\n", "\n", "\r\n");
const blank = fc.constantFrom("", " ", "  ", "\t");

const scalar = fc.constantFrom(
  "1",
  "0x1F",
  "1_000",
  "true",
  "1979-05-27 07:32:00",
  "inf",
  '"a # b"',
  '"\\"]"',
  "'\\'",
  "'[x]'",
  '"""\n[limits]\nqueue = 1 # no\n"""',
  '"""a"" \\""""""',
  "'''\n'' # x\n]'''",
);

const list = fc
  .array(fc.tuple(scalar, comment), { maxLength: 3 })
  .map((all) => `[${all.map(([value, said]) => `\n  ${value}, ${said}`).join("")}\n]`);

const flat = fc.array(scalar, { maxLength: 3 }).map((all) => `[${all.join(", ")}]`);

const value = fc.oneof(
  { weight: 4, arbitrary: scalar },
  { weight: 1, arbitrary: flat },
  { weight: 1, arbitrary: list },
);

const key = (name: string) => fc.constantFrom(name, name, `"${name}"`, `'${name}'`);

const pairOf = (names: readonly string[]) =>
  fc.constantFrom(...names).chain((name) => fc.tuple(key(name), blank, blank, value));

function lines(names: readonly string[], prefix = "") {
  const line = fc.oneof(
    { weight: 1, arbitrary: fc.tuple(blank, comment, end).map((parts) => parts.join("")) },
    {
      weight: 3,
      arbitrary: fc
        .tuple(blank, pairOf(names), blank, comment, end)
        .map(
          ([indent, [name, before, after, what], gap, said, last]) =>
            `${indent}${prefix}${name}${before}=${after}${what}${gap}${said}${last}`,
        ),
    },
  );
  return fc.array(line, { maxLength: 4 }).map((all) => all.join(""));
}

const table = fc
  .constantFrom(...SECTIONS)
  .chain((section) =>
    fc
      .tuple(blank, key(section), comment, end, lines(keysOf(section)))
      .map(([indent, name, said, last, body]) => `${indent}[${name}]${said}${last}${body}`),
  );

const dotted = fc
  .constantFrom(...SECTIONS)
  .chain((section) => lines(keysOf(section), `${section}.`));

const inline = fc.constantFrom(...SECTIONS).chain((section) =>
  fc
    .tuple(
      fc.uniqueArray(fc.constantFrom(...keysOf(section)), { maxLength: 3 }),
      fc.array(scalar, { minLength: 3, maxLength: 3 }),
      comment,
    )
    .map(([names, values, said]) => {
      const pairs = names.map((name, at) => `${name} = ${(values[at] ?? "1").replace(/\n/g, "")}`);
      return `${section} = { ${pairs.join(", ")} } ${said}\n`;
    }),
);

const events = lines(["name", "kinds"]).map((body) => `[[events]]\n${body}`);

const file = fc
  .tuple(
    fc.oneof({ weight: 2, arbitrary: fc.constant("") }, dotted, inline, dotted),
    fc.array(fc.oneof({ weight: 4, arbitrary: table }, events), { maxLength: 4 }),
    fc.boolean(),
    fc.constantFrom("", "", "\ufeff"),
  )
  .map(([top, tables, isCut, mark]) => {
    const text = `${mark}${top}${tables.join("")}`;
    return isCut ? text.trimEnd() : text;
  });

const chosen = fc.constantFrom(
  ...SETTINGS.filter(({ section }) => SECTIONS.includes(section as never)),
);

/** The longest text that is the beginning of both, and the longest end of what is left. */
function common(a: string, b: string): { head: number; tail: number } {
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  let tail = 0;
  const most = Math.min(a.length, b.length) - head;
  while (tail < most && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail += 1;
  return { head, tail };
}

type Tables = Record<string, Record<string, unknown>>;

/** Everything but that key, and tables that are empty without it. */
function others(text: string, [section = "", name = ""]: readonly string[]): unknown {
  const all = parse(text, { maxDepth: 20 }) as Tables;
  delete all[section]?.[name];
  if (Object.keys(all[section] ?? { x: 1 }).length === 0) delete all[section];
  return all;
}

function hadNone(text: string, [section = "", name = ""]: readonly string[]): boolean {
  return (parse(text, { maxDepth: 20 }) as Tables)[section]?.[name] === undefined;
}

function changed(text: string, named: (typeof SETTINGS)[number], value: unknown) {
  try {
    return changedFile(text, named, value);
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(FileProblem);
    return undefined;
  }
}

function isToml(text: string): boolean {
  try {
    parse(text, { maxDepth: 20 });
    return true;
  } catch {
    return false;
  }
}

const runs = { counts: { set: 0, unset: 0, refused: 0 } };

test("a setting is changed in one place, and all else stays byte for byte, or nothing changes", () => {
  fc.assert(
    fc.property(file, chosen, fc.boolean(), (text, named, isSet) => {
      const path = named.name.split(".");
      const value = isSet
        ? fileValue(named, named.setting.format(named.setting.default))
        : undefined;
      const after = changed(text, named, value);
      if (after === undefined) {
        runs.counts.refused += 1;
        return;
      }
      runs.counts[isSet ? "set" : "unset"] += 1;
      const [section = "", name = ""] = path;
      expect((parse(after) as Tables)[section]?.[name]).toEqual(value);
      expect(others(after, path)).toEqual(others(text, path));
      // What was there and what is there now differ in one stretch; outside of it is every comment.
      const { head, tail } = common(text, after);
      const gone = text.slice(head, text.length - tail);
      expect(gone).not.toMatch(/# why|# \[limits\]|# queue/);
      if (isSet && hadNone(text, path)) expect(gone).toBe("");
      // Again changes nothing, and the way back leads back.
      expect(changedFile(after, named, value)).toBe(after);
      if (isSet && hadNone(text, path)) {
        const back = changedFile(after, named, undefined);
        expect(others(back, path)).toEqual(others(text, path));
      }
    }),
    { numRuns: 4_000 },
  );
  // The texts are such that most can be changed, both ways.
  expect(runs.counts.set).toBeGreaterThan(500);
  expect(runs.counts.unset).toBeGreaterThan(500);
});

test("what is TOML is refused only for comments inside of the value", () => {
  fc.assert(
    fc.property(file.filter(isToml), chosen, (text, named) => {
      const value = fileValue(named, named.setting.format(named.setting.default));
      try {
        changedFile(text, named, value);
      } catch (thrown) {
        expect((thrown as Error).message).toMatch(/has comments inside of the value/);
      }
    }),
    { numRuns: 2_000 },
  );
});
