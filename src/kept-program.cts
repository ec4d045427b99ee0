// Runs a program of one file, and keeps what V8 compiled of it: Node.js before 22.1 doesn't do that by
// itself. Compiling the client took longer than all its work until the prompt.
const fs = require("node:fs") as typeof import("node:fs");
const { closeSync, constants, fstatSync, lstatSync, mkdirSync, openSync, readdirSync } = fs;
const { readFileSync, renameSync, statSync, unlinkSync, writeFileSync } = fs;
const { createHash } = require("node:crypto") as typeof import("node:crypto");
const { createRequire, wrap } = require("node:module") as typeof import("node:module") & {
  wrap(source: string): string;
};
const { dirname, join } = require("node:path") as typeof import("node:path");
const { Script } = require("node:vm") as typeof import("node:vm");

/** The digest of a program stands in its first line, behind `//`: what was compiled is of that one. */
const DIGEST = /^\/\/([0-9a-f]{16})\n/;

/** Others may write there: what they put there would run as this user. */
const WRITABLE_BY_OTHERS = 0o022;

/** Programs that are kept at most, some 700 KB each. */
const MOST = 12;
const OURS = /^client-\w+-[0-9a-f]{16}-v/;

type Body = (
  exports: object,
  require: NodeJS.Require,
  module: { exports: object },
  filename: string,
  dirname: string,
) => void;

/** In front of what was kept: V8 looks at its head only, and runs what a cut or damaged file has behind. */
const sumOf = (data: Buffer): Buffer => createHash("sha256").update(data).digest();
const SUM_BYTES = 32;

function isOwn({ uid, mode }: import("node:fs").Stats): boolean {
  return uid === process.getuid?.() && (mode & WRITABLE_BY_OTHERS) === 0;
}

/** False where others could put links in the way, as in the home of the user that root acts for. */
function isOwnDirectory(directory: string): boolean {
  const stat = lstatSync(directory);
  return stat.isDirectory() && isOwn(stat);
}

/** What was kept; undefined where there is nothing whole, or others may have written it. */
function readKept(file: string): Buffer | undefined {
  let fd: number | undefined;
  try {
    if (!isOwnDirectory(dirname(file))) return undefined;
    fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stat = fstatSync(fd);
    if (!stat.isFile() || !isOwn(stat)) return undefined;
    const whole = readFileSync(fd);
    const data = whole.subarray(SUM_BYTES);
    return sumOf(data).equals(whole.subarray(0, SUM_BYTES)) ? data : undefined;
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** Each version of the program, and of Node.js, leaves some. */
function forgetOldest(directory: string): void {
  const ours = readdirSync(directory).filter((name) => OURS.test(name));
  const files = ours.map((name) => join(directory, name));
  const dated = files.map((file) => [statSync(file).mtimeMs, file] as const);
  dated.sort(([one], [other]) => other - one);
  for (const [, file] of dated.slice(MOST - 1)) unlinkSync(file);
}

function keep(file: string, data: Buffer): void {
  const fresh = `${file}.${process.pid}`;
  const directory = dirname(file);
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    if (!isOwnDirectory(directory)) return;
    forgetOldest(directory);
    writeFileSync(fresh, Buffer.concat([sumOf(data), data]), { mode: 0o600, flag: "wx" });
    renameSync(fresh, file);
  } catch {
    // A disk that is full, or a directory that can't be written: the next start is as slow as this.
  }
}

/**
 * Runs the program `file` and returns its exports.
 * @param kept a directory for what was compiled; undefined: nothing is kept
 * @param use what the program is started for: each use runs, and so compiles, other parts of it
 */
exports.runKept = (file: string, kept: string | undefined, use: string): object => {
  const source = readFileSync(file, "latin1");
  const digest = DIGEST.exec(source)?.[1];
  const keptFile =
    kept === undefined || digest === undefined
      ? undefined
      : join(kept, `${use}-${digest}-${process.version}-${process.arch}`);
  const cachedData = keptFile === undefined ? undefined : readKept(keptFile);
  const script = new Script(wrap(source), {
    filename: file,
    ...(cachedData === undefined ? {} : { cachedData }),
  });
  if (keptFile !== undefined && (cachedData === undefined || script.cachedDataRejected === true)) {
    // What was compiled by then is kept; a start that failed has seen little of the program.
    process.once("exit", (code) => {
      if (code === 0) keep(keptFile, script.createCachedData());
    });
  }
  const module = { exports: {} };
  const body = script.runInThisContext() as Body;
  body(module.exports, createRequire(file), module, file, dirname(file));
  return module.exports;
};
