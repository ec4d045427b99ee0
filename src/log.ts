import { mkdirSync, openSync } from "node:fs";
import { dirname, join } from "node:path";
import { isatty } from "node:tty";
import pino, { type Logger } from "pino";
import { prettyFactory } from "pino-pretty";
import type { Config } from "./config/types.ts";

const STDERR = 2;
/** What a slow reader of the log may make us hold; further lines are dropped. */
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;

type Destination = ReturnType<typeof pino.destination>;

const destinations = new WeakMap<Logger, Destination>();

/**
 * The program's log: to standard error, or to a file (0600) below the instance. Writes are
 * asynchronous, so a reader that stalls doesn't stall the server; call {@link flushLog} at the end.
 * Throws the system's error when the file can't be opened.
 */
export function createLog(config: Config["log"], root: string): Logger {
  const destination = openDestination(config.file === "" ? STDERR : join(root, config.file));
  const onTerminal = config.file === "" && isatty(STDERR);
  const pretty = config.format === "pretty" || (config.format === "auto" && onTerminal);
  const options = { level: config.level, base: { pid: process.pid } };
  const colour = onTerminal && !process.env.NO_COLOR;
  const log = pino(options, pretty ? prettyStream(destination, colour) : destination);
  destinations.set(log, destination);
  return log;
}

/** Writes what is still buffered, synchronously. For logs made by {@link createLog}. */
export function flushLog(log: Logger): void {
  try {
    destinations.get(log)?.flushSync();
  } catch {
    // The reader is gone or the disk full: there is nowhere to say so.
  }
}

function openDestination(target: number | string): Destination {
  const destination = pino.destination({
    dest: typeof target === "number" ? target : openFile(target),
    sync: false,
    maxLength: MAX_BUFFERED_BYTES,
  });
  // Without a listener a full disk or a closed pipe would end the process.
  destination.on("error", () => {});
  return destination;
}

/** Opened here and not by the destination, so that failing is told at once. */
function openFile(path: string): number {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  return openSync(path, "a", 0o600);
}

/** Lines for people, made in this thread (a transport would start a worker). */
function prettyStream(destination: Destination, colour: boolean): pino.DestinationStream {
  const prettify = prettyFactory({
    colorize: colour,
    ignore: "pid",
    translateTime: "SYS:yyyy-mm-dd HH:MM:ss.l",
  });
  return {
    write(line: string) {
      destination.write(prettify(JSON.parse(line)));
    },
  };
}
