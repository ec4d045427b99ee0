// Loaded before the server (`node --import`): counts its calls of node:fs and its SQL. What is counted
// is the same on every machine, however fast that is, and needs no tool: strace is not allowed
// everywhere. On SIGUSR2 the counts go to standard error as one line, and begin anew.
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { Driver } from "../../dist/src/store/database-driver.js";

/** By kind, how often. */
let counts = {};

function count(kind) {
  counts[kind] = (counts[kind] ?? 0) + 1;
}

// A small read or write is done at once or by a thread, as the machine allows: it counts the same.
const CALLS = {
  closeSync: "close",
  fstatSync: "fstat",
  linkSync: "link",
  lstatSync: "lstat",
  mkdirSync: "mkdir",
  openSync: "open",
  opendirSync: "opendir",
  read: "read",
  readSync: "read",
  readlinkSync: "readlink",
  renameSync: "rename",
  rmdirSync: "rmdir",
  statSync: "stat",
  unlinkSync: "unlink",
  write: "write",
  writeSync: "write",
  writev: "write",
  writevSync: "write",
};

function countCalls(name, kind) {
  const original = fs[name];
  const counted = (...args) => {
    count(kind);
    return original(...args);
  };
  // util.promisify looks at what the function has.
  fs[name] = Object.defineProperties(counted, Object.getOwnPropertyDescriptors(original));
}

for (const [name, kind] of Object.entries(CALLS)) countCalls(name, kind);
syncBuiltinESMExports();

/** Tables that a request may touch. What others are written for goes by the clock. */
const TABLES = [
  [/\b(open_files|used_bytes)\b/, "SQL of the books"],
  [/INTO audit \(/, "SQL of the audit trail"],
  [/\bdigests\b/, "SQL of the digests"],
];

let booking = false;

function countStatement({ source }) {
  if (source.startsWith("BEGIN")) booking = false;
  if (source === "COMMIT" && booking) count("transactions of the books");
  const kind = TABLES.find(([pattern]) => pattern.test(source))?.[1];
  if (kind !== undefined) count(kind);
  booking ||= kind === "SQL of the books";
}

const memory = new Driver(":memory:");
const statements = Object.getPrototypeOf(memory.prepare("SELECT 1"));
memory.close();
for (const name of ["run", "get", "all"]) {
  const original = statements[name];
  statements[name] = function counted(...args) {
    countStatement(this);
    return original.apply(this, args);
  };
}

process.on("SIGUSR2", () => {
  const text = JSON.stringify(counts);
  counts = {};
  process.stderr.write(`COUNTED ${text}\n`);
});
