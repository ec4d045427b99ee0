// Prints "N passed, N failed" from the file of vitest's JSON reporter, and before that the tests that
// were skipped: clients' own faults, and what this machine can't do. A test file that failed as a
// whole (it did not load, a hook threw) counts as one failed test. Exits 1 when anything failed, or
// when there are no results.
import { readFileSync } from "node:fs";
import { basename } from "node:path";

function read(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8")).testResults;
  } catch {
    console.error("the tests left no results");
    return [];
  }
}

let passed = 0;
let failed = 0;
const skipped = [];
for (const { name, status, assertionResults } of read(process.argv[2])) {
  const broken = assertionResults.filter((test) => test.status === "failed").length;
  passed += assertionResults.filter((test) => test.status === "passed").length;
  const rest = assertionResults.filter((test) => !["passed", "failed"].includes(test.status));
  skipped.push(...rest.map((test) => `${basename(name)}: ${test.fullName.trim()}`));
  failed += status === "failed" ? Math.max(1, broken) : broken;
}
for (const test of skipped) console.log(`skipped: ${test}`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
