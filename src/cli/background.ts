import { spawn } from "node:child_process";
import { closeSync, fstatSync, openSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { ControlError, EXIT } from "../control/errors.ts";
import { asUser, type Identity } from "../control/server-user.ts";
import type { Io } from "./io.ts";

/** Tells `serve` that it is the process in the background; not for people. */
export const BACKGROUND_FLAG = "--background";

/** The descriptor by which it tells its starter what to print, until it listens. */
const REPORT_FD = 3;

/** Only the owner may read what such a server makes. */
const UMASK = 0o077;

/** A line of JSON on that descriptor. */
interface Report {
  readonly out?: string;
  readonly err?: string;
  readonly listening?: true;
}

export interface Start {
  /** absolute */
  readonly root: string;
  /** flags of `serve` as given, such as "--port=22" */
  readonly args: readonly string[];
  /** below the root */
  readonly logFile: string;
  readonly env: Io["env"];
  /** whose the log file is, when it is made now; absent: this process's user */
  readonly identity?: Identity | undefined;
}

/**
 * Starts a server in a session of its own, prints what it says, and resolves when it listens.
 * @returns the exit code: not 0 when it ended instead; why is printed
 */
export async function startInBackground(io: Io, start: Start): Promise<number> {
  const program = fileURLToPath(new URL("../moorage.cjs", import.meta.url));
  const log = openLog(start);
  const args = [program, "--root", start.root, "serve", BACKGROUND_FLAG, ...start.args];
  const child = spawn(process.execPath, [...process.execArgv, ...args], {
    cwd: start.root,
    detached: true,
    env: start.env,
    stdio: ["ignore", log, log, "pipe"],
  });
  closeSync(log);
  let listening = false;
  let complained = false;
  const ended = new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code || EXIT.failed));
  });
  const stop = (): void => void child.kill("SIGTERM");
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, stop);
  const lines = createInterface({ input: child.stdio[REPORT_FD] as Readable });
  const reported = new Promise<void>((resolve) => {
    lines.on("line", (line) => {
      const { out, err, listening: ready } = JSON.parse(line) as Report;
      if (out !== undefined) io.out(out);
      if (err !== undefined) io.err(err);
      complained ||= err !== undefined;
      if (!ready) return;
      listening = true;
      resolve();
    });
  });
  const code = await Promise.race([reported, ended]);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.off(signal, stop);
  if (listening || code === undefined) {
    io.out(`It runs in the background (pid ${child.pid}) and logs to ${start.logFile}.\n`);
    return EXIT.ok;
  }
  if (complained) return code;
  throw new ControlError(`the server ended as it started: see ${join(start.root, start.logFile)}`);
}

function openLog({ root, logFile, identity }: Start): number {
  const open = () => openSync(join(root, logFile), "a", 0o600);
  try {
    return identity === undefined ? open() : asUser(identity, open);
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    const where = dirname(join(root, logFile));
    throw new ControlError(`can't write the log file ${logFile} (${code}): look at ${where}`);
  }
}

/**
 * True in a process that {@link startInBackground} made. It asks in bigints, as everything here does
 * that may meet a pipe or a socket: when the last plain stat of a process was of one, Node 20 does
 * not follow the symbolic links on the way to the next module, and that module comes out empty.
 */
export function isInBackground(args: readonly string[]): boolean {
  try {
    return args.includes(BACKGROUND_FLAG) && fstatSync(REPORT_FD, { bigint: true }).isSocket();
  } catch {
    return false;
  }
}

/** What a server in the background says goes to its starter until it listens, then to its log. */
export function backgroundIo(): Io {
  process.umask(UMASK);
  let open = true;
  const report = (line: Report): void => {
    try {
      writeSync(REPORT_FD, `${JSON.stringify(line)}\n`);
    } catch {
      // The starter is gone: nobody waits any more.
    }
  };
  return {
    env: process.env,
    stdin: process.stdin,
    out: (text) => {
      if (open) report({ out: text });
    },
    err: (text) => {
      if (open) report({ err: text });
      else process.stderr.write(text);
    },
    colour: false,
    listening: () => {
      if (!open) return;
      open = false;
      report({ listening: true });
      closeSync(REPORT_FD);
    },
  };
}
