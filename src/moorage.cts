#!/usr/bin/env node
// The program's entry. CommonJS, because loading an ES module already starts Node's thread pool,
// whose size is fixed from then on: files and password hashes share it.
process.env.UV_THREADPOOL_SIZE ??= "8";
// Transfers make much short-lived memory outside a small heap. By default V8 marks that heap over
// and over on helper threads, which cost an upload as much CPU as all the rest.
const v8: typeof import("node:v8") = require("node:v8");
v8.setFlagsFromString("--no-incremental-marking");
v8.setFlagsFromString("--no-parallel-scavenge");
import("./main.ts").catch((error: unknown) => {
  const [reason] = String(error).split("\n");
  process.stderr.write(`moorage: can't start: ${reason}; install again with npm ci\n`);
  process.exitCode = 1;
});
