#!/usr/bin/env node
// The program's entry. CommonJS, because loading an ES module already starts Node's thread pool,
// whose size is fixed from then on: files and password hashes share it.
process.env.UV_THREADPOOL_SIZE ??= "8";
// Small buffers are cut from a pool, which stays as long as any of them. From Node.js 24 on it is eight
// times as large: so much more can be kept by so little.
Buffer.poolSize = 8 * 1024;
// Transfers make much short-lived memory outside a small heap. V8 begins to mark when what is left up
// to its limit is less than the young generation: with the small limit that it gives such a heap it
// marks over and over, at the cost of all the rest of an upload. A limit of three times what lives
// leaves room for the memory outside.
const ROOMY_LIMIT = "--heap-growing-percent=200";
const SCAVENGE_ALONE = "--no-parallel-scavenge";
// Optimised code is thrown away with the hidden classes that it knows, and those die when a collection
// finds no object of them: everything else would be compiled anew after each bulk transfer. V8 keeps
// them only when their constructors are marked before the collection stops the program, so marking has
// to be incremental, and the collections of idle time, which keep nothing, must not be.
const KEEP_CLASSES = "--retain-maps-for-n-gc=100000";
const NO_IDLE_COLLECTIONS = "--no-memory-reducer";
// Bytecode goes when it was not run for some collections.
const KEEP_BYTECODE = "--no-flush-bytecode";
/** By Node's major version, as `npm run bench -- nodes` measured them; newer ones get the last. */
const FLAGS: readonly (readonly [from: number, ...flags: string[]])[] = [
  [0, ROOMY_LIMIT, SCAVENGE_ALONE, KEEP_CLASSES, NO_IDLE_COLLECTIONS, KEEP_BYTECODE],
];
const v8: typeof import("node:v8") = require("node:v8");
const major = Number.parseInt(process.versions.node, 10);
const [, ...flags] = FLAGS.findLast(([from]) => from <= major) ?? [0];
for (const flag of flags) v8.setFlagsFromString(flag);
// What a command is made of takes longer to compile than to run: it is kept compiled, where only this
// user can write. A server starts seldom, and often as another user.
const { enableCompileCache }: { enableCompileCache?: (directory: string) => unknown } =
  require("node:module");
/** Undefined for a user without a home: there is no place for it. */
function cacheDirectory(): string | undefined {
  const path: typeof import("node:path") = require("node:path");
  const os: typeof import("node:os") = require("node:os");
  const given = process.env.XDG_CACHE_HOME ?? "";
  try {
    const base = path.isAbsolute(given) ? given : path.join(os.homedir(), ".cache");
    return path.join(base, "moorage", "compiled");
  } catch {
    return undefined;
  }
}
/** The client's commands are a program of their own: `client-program.ts`. */
const CLIENT: readonly (string | undefined)[] = ["connect", "put", "get", "sync"];
const word = process.argv[2];
const directory = process.argv.includes("serve") ? undefined : cacheDirectory();
if (directory !== undefined) enableCompileCache?.(directory);
function load(): Promise<unknown> {
  if (!CLIENT.includes(word)) return import("./main.ts");
  const { runKept } = require("./kept-program.cjs");
  return runKept(`${__dirname}/program/client.cjs`, directory, `client-${word}`).ended;
}
function failed(error: unknown): void {
  const [reason] = String(error).split("\n");
  process.stderr.write(`moorage: can't start: ${reason}; install again with npm ci\n`);
  process.exitCode = 1;
}
try {
  load().catch(failed);
} catch (error) {
  failed(error);
}
