import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

// A test that tries again hides what it found, and one that waits for some time hopes that it is
// enough. Tests wait for events, for conditions by vi.waitFor, or turn the clock themselves.

/** Files that let time pass on purpose, and why. What isn't listed is refused. */
const LETS_TIME_PASS: Readonly<Record<string, string>> = {
  "integration/admin-soak.test.ts": "load: transfers and key presses that are not all at once",
  "integration/backup.test.ts": "a kill at any moment: what is asserted holds at each",
  "integration/crash-folder.test.ts": "a kill at any moment: what is asserted holds at each",
  "integration/crash-mixed.test.ts": "a kill at any moment: what is asserted holds at each",
  "integration/crash.test.ts": "a kill at any moment: what is asserted holds at each",
  "integration/server-crash.test.ts": "a kill at any moment: what is asserted holds at each",
  "integration/transport-hostile.test.ts": "a client that sends byte by byte",
  "integration/transport.test.ts": "a client that sends byte by byte",
  "property/along.test.ts": "load: pauses of writers, so that hashing comes between",
  "support/mixed-load.ts": "load: pauses of clients",
  "support/tmux.ts": "its one poll is bounded, and used without vitest, too",
  "unit/session/admission.test.ts": "load: sessions that last for a while",
  "unit/store/sessions.test.ts": "load: sessions of other processes that last for a while",
};

/** Programs of their own, without vitest. */
const NO_TESTS = /^(bench|desktop|nodes|pictures|soak|trial)\//;

const RETRY = /\{[^{}]*\bretry:\s*[1-9][^{}]*\}/;
const SLEEP =
  /\b(?:await\s+(?:sleep|setTimeout)\(|new Promise(?:<\w+>)?\(\((\w+)\) => setTimeout\(\1\b)/;

const TESTS = fileURLToPath(new URL("..", import.meta.url));

function sources(): Map<string, string> {
  const names = readdirSync(TESTS, { recursive: true, encoding: "utf8" });
  const files = names.filter((name) => /\.m?ts$|\.mjs$/.test(name) && !NO_TESTS.test(name));
  return new Map(files.map((name) => [name, readFileSync(`${TESTS}${name}`, "utf8")]));
}

const files = sources();
const own = "unit/tests.test.ts";

function found(pattern: RegExp): string[] {
  return [...files].flatMap(([name, text]) => (name !== own && pattern.test(text) ? [name] : []));
}

it("finds what it looks for", () => {
  for (const text of [
    "await sleep(10);",
    "while (!there()) await sleep(20);",
    "await setTimeout(300);",
    "await new Promise((go) => setTimeout(go, 100));",
    "new Promise<void>((resolve) => setTimeout(resolve, 1).unref())",
  ]) {
    expect(text).toMatch(SLEEP);
  }
  expect("setTimeout(flush, due);").not.toMatch(SLEEP);
  expect('it("works", { retry: 3 }, async () => {').toMatch(RETRY);
  expect('it("works", { timeout: 10, retry: 3 }, async () => {').toMatch(RETRY);
  expect("connection.retry = { tries: 20, firstMs: 20 };").not.toMatch(RETRY);
});

it("no test tries again", () => {
  expect(found(RETRY)).toEqual([]);
});

it("nothing waits for some time, besides what is listed with its reason", () => {
  expect(found(SLEEP).sort()).toEqual(Object.keys(LETS_TIME_PASS).sort());
});
