// Prints "N passed, N failed" from the file of vitest's JSON reporter. A test file that failed as a
// whole (it did not load, a hook threw) counts as one failed test. Exits 1 when anything failed, or
// when there are no results.
import { readFileSync } from "node:fs";

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
for (const { status, assertionResults } of read(process.argv[2])) {
  const broken = assertionResults.filter((test) => test.status === "failed").length;
  passed += assertionResults.filter((test) => test.status === "passed").length;
  failed += status === "failed" ? Math.max(1, broken) : broken;
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
