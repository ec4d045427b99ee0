import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

const CLOCK_TICKS = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));

/** CPU time in seconds: a process's own and that of its children that ended and were waited for. */
export interface CpuTimes {
  readonly own: number;
  readonly children: number;
}

/** The fields of /proc/PID/stat from the third on (proc(5)); the name before them may hold spaces. */
function statFields(pid: number): string[] {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
}

export function cpuTimes(pid: number): CpuTimes {
  const fields = statFields(pid);
  const seconds = (first: number) =>
    (Number(fields[first - 3]) + Number(fields[first - 2])) / CLOCK_TICKS;
  return { own: seconds(14), children: seconds(16) };
}

/** CPU seconds of processes together, those of their children that ended included. */
export function cpuOfAll(pids: readonly number[]): number {
  const times = pids.map(cpuTimes);
  return times.reduce((sum, { own, children }) => sum + own + children, 0);
}

/** Bytes of memory that processes occupy together. */
export interface Memory {
  /** pages that several of them share counted for each */
  readonly rss: number;
  /** such pages counted once; not a number where the system doesn't say it of another's process */
  readonly pss: number;
}

export function memoryOfAll(pids: readonly number[]): Memory {
  let [rss, pss] = [0, 0];
  for (const pid of pids) {
    rss += kilobytes(`/proc/${pid}/status`, "VmRSS");
    pss += kilobytes(`/proc/${pid}/smaps_rollup`, "Pss");
  }
  return { rss: rss * 1024, pss: pss * 1024 };
}

function kilobytes(file: string, field: string): number {
  try {
    const found = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(readFileSync(file, "utf8"));
    return Number(found?.[1]);
  } catch {
    return Number.NaN;
  }
}

export function hasChildren(pid: number): boolean {
  return readdirSync("/proc").some((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return Number(statFields(Number(name))[1]) === pid;
    } catch {
      return false;
    }
  });
}

/** A TCP port of the loopback interface that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}

/** Resolves when something answers with an SSH banner; rejects when the process ends or 20 s passed. */
export async function untilListening(server: ChildProcess, port: number): Promise<void> {
  const end = Date.now() + 20_000;
  while (Date.now() < end) {
    if (server.exitCode !== null || server.signalCode !== null) break;
    if (await saysSsh(port)) return;
    await sleep(50);
  }
  throw new Error(`the server (${server.spawnfile}) does not answer on port ${port}`);
}

async function saysSsh(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  socket.setTimeout(2_000, () => socket.destroy());
  try {
    const [first] = (await once(socket, "data")) as [Buffer];
    return first.toString("latin1").startsWith("SSH-2.0-");
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

const started = new Set<ChildProcess>();

/** Starts a process that {@link stopAll} ends. Its standard error goes to the file descriptor. */
export function start(program: string, args: readonly string[], log: number): ChildProcess {
  const child = spawn(program, args, { stdio: ["ignore", log, log] });
  started.add(child);
  child.once("exit", () => started.delete(child));
  child.once("error", () => started.delete(child));
  return child;
}

/** Ends a process started here: SIGTERM, and SIGKILL after 5 s. */
export async function stop(child: ChildProcess): Promise<void> {
  if (!started.has(child)) return;
  const gone = once(child, "exit");
  const timer = setTimeout(() => child.kill("SIGKILL"), 5_000);
  child.kill("SIGTERM");
  await gone;
  clearTimeout(timer);
}

const others = new Set<() => Promise<void>>();

/** What else {@link stopAll} ends: who starts processes by other means. */
export function alsoStop(work: () => Promise<void>): void {
  others.add(work);
}

export async function stopAll(): Promise<void> {
  const works = [...others];
  others.clear();
  await Promise.all([...[...started].map(stop), ...works.map((work) => work())]);
}

export interface Finished {
  readonly seconds: number;
  readonly code: number | null;
  readonly errors: string;
}

/** Runs a program to its end, timed from start to exit; after `limit` seconds it is killed. */
export async function run(
  program: string,
  args: readonly string[],
  input: string,
  limit: number,
): Promise<Finished> {
  const begin = process.hrtime.bigint();
  const child = spawn(program, args, { stdio: ["pipe", "ignore", "pipe"] });
  started.add(child);
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors = (errors + text).slice(-2_000);
  });
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  const timer = setTimeout(() => child.kill("SIGKILL"), limit * 1_000);
  try {
    const [code] = (await once(child, "close")) as [number | null];
    return { seconds: Number(process.hrtime.bigint() - begin) / 1e9, code, errors };
  } finally {
    clearTimeout(timer);
    started.delete(child);
  }
}
