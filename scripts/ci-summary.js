// Prints "N passed, N failed" from the files of vitest's JSON reporter, all together. Before that come the tests that
// were skipped (clients' own faults, and what this machine can't do), and last of all those that
// failed with their messages, because a log may be cut to its end. A test file that failed as a whole
// (it did not load, a hook threw) counts as one failed test. Exits 1 when anything failed, or when
// one of the files has no results.
import { readFileSync } from "node:fs";
import { basename } from "node:path";

/** Of one message, in characters: enough for the error and the first lines of its stack. */
const MESSAGE_LENGTH = 1_500;

let missing = 0;

function read(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8")).testResults;
  } catch {
    console.error("the tests left no results");
    missing += 1;
    return [];
  }
}

const indented = (text) => text.slice(0, MESSAGE_LENGTH).replace(/^/gm, "  ");

let passed = 0;
const failed = [];
const skipped = [];
for (const { name, status, message, assertionResults } of process.argv.slice(2).flatMap(read)) {
  const titled = (test) => `${basename(name)}: ${test.fullName.trim()}`;
  const broken = assertionResults.filter((test) => test.status === "failed");
  passed += assertionResults.filter((test) => test.status === "passed").length;
  const rest = assertionResults.filter((test) => !["passed", "failed"].includes(test.status));
  skipped.push(...rest.map(titled));
  for (const test of broken) {
    failed.push(`failed: ${titled(test)}\n${indented(test.failureMessages.join("\n"))}`);
  }
  if (status === "failed" && broken.length === 0) {
    failed.push(`failed: ${basename(name)}\n${indented(message)}`);
  }
}
for (const test of skipped) console.log(`skipped: ${test}`);
for (const test of failed) console.log(test);
console.log(`${passed} passed, ${failed.length} failed`);
process.exitCode = failed.length > 0 || passed === 0 || missing > 0 ? 1 : 0;
