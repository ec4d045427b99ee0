import { expect } from "vitest";

// What a person's shell gives to programs differs from one to the next: the tests and what they start
// have it the same everywhere. Before each test file.

/** Files come out with the modes that most people's have; the tests compare them. */
process.umask(0o022);

/** Messages of other programs are compared, too. */
for (const name of Object.keys(process.env)) {
  if (/^(LC_.*|LANG|LANGUAGE)$/.test(name)) delete process.env[name];
}
process.env.LC_ALL = "C.UTF-8";

/** What the tests are told by the one who runs them; they take it away before a server sees it. */
const FOR_TESTS = new Set([
  "MOORAGE_WRITE_CLIENTS",
  "MOORAGE_WRITE_SEQUENCES",
  "MOORAGE_CLIENTS_LARGE",
  "MOORAGE_SOAK",
]);

/**
 * Settings of a server of theirs are not meant for those of the tests. MOORAGE_ALL_CLIENTS goes as
 * well: it is for vitest.config.ts, which has read it when the first test file starts.
 */
for (const name of Object.keys(process.env)) {
  if (name.startsWith("MOORAGE_") && !FOR_TESTS.has(name)) delete process.env[name];
}

/**
 * Contents of files are compared as wholes. By itself `toEqual` looks at them byte after byte, and
 * takes seconds for a megabyte.
 */
expect.addEqualityTesters([
  (a: unknown, b: unknown): boolean | undefined =>
    a instanceof Uint8Array && b instanceof Uint8Array && a.constructor === b.constructor
      ? Buffer.compare(a, b) === 0
      : undefined,
]);
