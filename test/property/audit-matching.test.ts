import fc from "fast-check";
import { expect, test } from "vitest";
import { type AuditFilter, fitting } from "../../src/store/audit-filter.ts";
import type { Store } from "../../src/store/store.ts";
import { rawDatabase, temporaryStore } from "../unit/store/instance.ts";

const RUNS = Number(process.env.PROPERTY_RUNS ?? 200);
const LIMITS = { numRuns: RUNS, interruptAfterTimeLimit: 10_000 };
/** Records that are looked through at a time, and what is asked of them. */
const ROWS = 40;
const QUESTIONS = 5;

/** All that means something in a pattern or in a regular expression, and letters of all sorts. */
const CHARACTERS = [
  ..."ab/.*?[]!^-\\:019()+{}|$ \n",
  "é",
  "Ω",
  "ж",
  "漢",
  "😀",
  "\u00a0",
  "\u0301",
];
const NAMES = ["alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct"];
const char = fc.constantFrom(...CHARACTERS);
const named = fc.constantFrom(...NAMES, "space", "upper", "xdigit").map((one) => `[[:${one}:]]`);
const range = fc.tuple(char, char).map(([low, high]) => `[${low}-${high}]`);
const other = fc.constantFrom("*", "?", "[!a]", "[^/]", "[]a]", "[![:alpha:]]", "[[:none:]]");
const pattern = fc
  .array(fc.oneof({ weight: 3, arbitrary: char }, named, range, other), { maxLength: 6 })
  .map((parts) => parts.join(""));
const path = fc.array(char, { maxLength: 6 }).map((parts) => parts.join(""));

const number = fc.nat(3);
const ipv4 = fc.tuple(number, number, number).map((parts) => `10.${parts.join(".")}`);
const ipv6 = fc
  .tuple(fc.constantFrom("2001:db8::", "fe80::", "::"), fc.integer({ min: 1, max: 9 }))
  .map(([start, last]) => `${start}${last}`);
const none = fc.constantFrom("unknown", "", "10.0.0", "10.0.0.1/8", ":::", "1:2");
const address = fc.oneof(ipv4, ipv6, none);
const network = fc.oneof(
  fc.tuple(ipv4, fc.nat(32)).map(([at, prefix]) => ({ ...v4, address: at, prefix })),
  fc.tuple(ipv6, fc.nat(128)).map(([at, prefix]) => ({ ...v6, address: at, prefix })),
);
const v4 = { family: "ipv4" as const };
const v6 = { family: "ipv6" as const };

const lists = <A, B>(rows: fc.Arbitrary<A>, questions: fc.Arbitrary<B>) =>
  [
    fc.array(rows, { minLength: ROWS, maxLength: ROWS }),
    fc.array(questions, { minLength: QUESTIONS, maxLength: QUESTIONS }),
  ] as const;

async function expectSame(store: Store, filter: AuditFilter): Promise<void> {
  const all = await store.audit.query({ limit: ROWS });
  const expected = all.filter(fitting(filter)).map(({ id }) => id);
  const { lines } = await store.audit.page(filter);
  expect({ filter, found: lines.map(({ record }) => record.id) }).toEqual({
    filter,
    found: expected,
  });
}

test("property: the database finds the paths that fit a pattern", { timeout: 60_000 }, async () => {
  const { store, root } = await temporaryStore();
  const clear = (await rawDatabase(root)).prepare("DELETE FROM audit");
  const run = async (paths: readonly string[], patterns: readonly string[]): Promise<void> => {
    clear.run();
    for (const one of paths) store.audit.record({ kind: "mkdir", path: one });
    for (const one of patterns) await expectSame(store, { path: one });
  };
  await fc.assert(fc.asyncProperty(...lists(path, pattern), run), LIMITS);
});

test("property: the database finds the addresses in a network", { timeout: 60_000 }, async () => {
  const { store, root } = await temporaryStore();
  const clear = (await rawDatabase(root)).prepare("DELETE FROM audit");
  const run = async (
    addresses: readonly string[],
    networks: readonly NonNullable<AuditFilter["network"]>[],
  ): Promise<void> => {
    clear.run();
    for (const one of addresses) store.audit.record({ kind: "mkdir", remote: `[${one}]:1` });
    for (const one of networks) await expectSame(store, { network: one });
  };
  await fc.assert(fc.asyncProperty(...lists(address, network), run), LIMITS);
});
