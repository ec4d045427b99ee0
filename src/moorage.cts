#!/usr/bin/env node
// The program's entry. CommonJS, because loading an ES module already starts Node's thread pool,
// whose size is fixed from then on: files and password hashes share it.
process.env.UV_THREADPOOL_SIZE ??= "8";
import("./main.ts").catch((error: unknown) => {
  const [reason] = String(error).split("\n");
  process.stderr.write(`moorage: can't start: ${reason}; install again with npm ci\n`);
  process.exitCode = 1;
});
