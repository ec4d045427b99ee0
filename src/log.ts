import { constants, fstatSync, mkdirSync, openSync } from "node:fs";
import { dirname, join } from "node:path";
import { isatty } from "node:tty";
import pino, { type Logger } from "pino";
import { prettyFactory } from "pino-pretty";
import type { Config } from "./config/types.ts";
import { safeJsonText, visible } from "./text/safe.ts";

const STDERR = 2;
/** So much is written to a pipe as a whole (PIPE_BUF): lines of several workers don't mix. */
const WHOLE_BYTES = 4_096;
/** What a slow reader of the log may make us hold; further lines are dropped. */
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;

/** How long {@link closeLog} waits for a reader of the log that has stalled. */
const CLOSE_TIMEOUT_MS = 1_000;

type Destination = ReturnType<typeof pino.destination>;

const destinations = new WeakMap<Logger, Destination>();
const ended = new WeakSet<Destination>();

/**
 * The program's log: to standard error, or to a file (0600) below the instance. Writes are
 * asynchronous, so a reader that stalls doesn't stall the server; call {@link closeLog} at the end.
 * Throws the system's error when the file can't be opened.
 */
export function createLog(config: Config["log"], root: string): Logger {
  const destination = openDestination(config.file === "" ? STDERR : join(root, config.file));
  const onTerminal = config.file === "" && isatty(STDERR);
  const pretty = config.format === "pretty" || (config.format === "auto" && onTerminal);
  const options = { level: config.level, base: { pid: process.pid } };
  const format = pretty ? prettyFormat(onTerminal && !process.env.NO_COLOR) : safeJsonText;
  const log = pino(options, {
    write(line: string) {
      // After the end a write would throw.
      if (!ended.has(destination)) destination.write(format(line));
    },
  });
  destinations.set(log, destination);
  return log;
}

/**
 * Resolves when everything is written, or can't be: the terminal is gone, the disk is full, nobody
 * reads. What is logged later is dropped.
 */
export async function closeLog(log: Logger): Promise<void> {
  const destination = destinations.get(log);
  if (destination === undefined || ended.has(destination)) return;
  ended.add(destination);
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, CLOSE_TIMEOUT_MS);
    const done = () => {
      clearTimeout(timer);
      resolve();
    };
    destination.once("close", done).once("error", done);
    destination.end();
  });
}

function openDestination(target: number | string): Destination {
  const destination = pino.destination({
    dest: typeof target === "number" ? withoutWaiting(target) : openFile(target),
    sync: false,
    maxLength: MAX_BUFFERED_BYTES,
    maxWrite: WHOLE_BYTES,
  });
  // Without a listener a full disk or a closed pipe would end the process.
  destination.on("error", () => {});
  // Pino's hook calls it as the process exits, and it would try for ever what can't be written.
  destination.flushSync = () => {};
  return destination;
}

/**
 * The same pipe or terminal, opened once more so that a write that has no room fails: one that waits
 * would keep the process from exiting. Where that can't be, and for what never waits, `fd` itself.
 */
function withoutWaiting(fd: number): number {
  const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
  try {
    // In bigints: cli/background.ts says why.
    if (!isatty(fd) && !fstatSync(fd, { bigint: true }).isFIFO()) return fd;
    return openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_NONBLOCK | O_NOCTTY);
  } catch {
    return fd;
  }
}

/** Opened here and not by the destination, so that failing is told at once. */
function openFile(path: string): number {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  return openSync(path, "a", 0o600);
}

/** Lines for people, made in this thread (a transport would start a worker). */
function prettyFormat(colour: boolean): (line: string) => string {
  const prettify = prettyFactory({
    colorize: colour,
    ignore: "pid",
    translateTime: "SYS:yyyy-mm-dd HH:MM:ss.l",
  });
  return (line) => prettify(JSON.parse(line, shown));
}

/** Whatever a caller logged, a value steers no terminal and, but for a stack, begins no line. */
function shown(key: string, value: unknown): unknown {
  if (typeof value !== "string") return value;
  return key === "stack" ? value.split("\n").map(visible).join("\n") : visible(value);
}
