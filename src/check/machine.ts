import { statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../config/types.ts";
import type { InstanceStatus } from "../control/nodes.ts";
import { descriptorLimit, planDescriptors } from "../session/fitted-limits.ts";
import { count, dateText } from "../text/figures.ts";
import { roundSize } from "../text/units.ts";
import { floorOf } from "../vfs/space.ts";
import type { Findings } from "./finding.ts";

/** Node.js versions that moorage is tested with; the first gets no security fixes any more. */
const OLDEST = 20;
const TESTED: readonly number[] = [20, 22, 24, 26];

/** Clocks of machines that are set by a server differ by less, in milliseconds. */
const AHEAD_MS = 60_000;
/** No clock that is right says less: 2026-01-01. */
const EARLIEST_MS = 1_767_225_600_000;

export function checkDisks(findings: Findings, root: string, config: Config | undefined): void {
  const seen = new Set<number>();
  for (const name of ["db", "homes"]) {
    const stat = statSync(join(root, name), { throwIfNoEntry: false });
    if (stat === undefined || seen.has(stat.dev)) continue;
    seen.add(stat.dev);
    checkDisk(findings, join(root, name), name, config?.limits.freeSpaceFloor ?? 0);
  }
}

function checkDisk(findings: Findings, path: string, name: string, wanted: number): void {
  const { bavail, blocks, bsize, files, ffree } = statfsSync(path);
  const [free, total] = [bavail * bsize, blocks * bsize];
  // A file system that tells no size has room.
  if (total === 0) {
    findings.ok(`${name}/: room unknown`);
    return;
  }
  const floor = floorOf(total, wanted);
  const text = `${name}/: ${roundSize(free)} of ${roundSize(total)} free`;
  const todo = `make room: new data is refused below ${roundSize(floor)} (limits.free_space_floor)`;
  if (free < floor) findings.error(text, todo);
  else if (free < 2 * floor) findings.warning(text, todo);
  else if (files > 0 && ffree === 0) findings.error(`${name}/: no inodes left`, "delete files");
  else findings.ok(text);
}

/** @param version this program's */
export function checkServer(findings: Findings, status: InstanceStatus, version: string): void {
  if (!status.running) findings.ok("no server runs");
  for (const { pid, listen, loopDelay, version: running } of status.nodes) {
    const what = `pid ${pid} on ${listen || "(starting)"}`;
    if (loopDelay === null && listen !== "") {
      findings.error(`${what} does not answer`, "see its log; moorage restart");
    } else if (running !== version) {
      findings.warning(`${what} runs ${running}, this is ${version}`, "moorage restart");
    } else findings.ok(`${what} answers, version ${running}`);
  }
}

export function checkNode(findings: Findings, version = process.versions.node): void {
  const major = Number(version.split(".")[0]);
  const text = `Node.js ${version}`;
  const todo = `use one of ${TESTED.slice(1).join(", ")}, then npm ci`;
  if (major < OLDEST) findings.error(`${text} is too old`, todo);
  else if (major === OLDEST) findings.warning(`${text} gets no security fixes any more`, todo);
  else if (!TESTED.includes(major)) findings.warning(`${text} is not tested`, todo);
  else findings.ok(text);
}

/** @param pid of a server that runs: its limit counts, not that of this command */
export function checkDescriptors(
  findings: Findings,
  config: Config | undefined,
  pid: number | null,
): void {
  let limit: number;
  try {
    limit = descriptorLimit(pid ?? "self");
  } catch {
    findings.warning("the server's limit can't be seen", "run this as the server's user");
    return;
  }
  if (config !== undefined && planDescriptors(limit, config).isShort) {
    const todo = "raise it (ulimit -n, LimitNOFILE): the server starts with lower limits else";
    findings.warning(`${limit} are too few for the limits that are set`, todo);
  } else findings.ok(count(limit, "file descriptor"));
}

/** @param newestAt of the newest record in the database, in milliseconds since the epoch */
export function checkClock(findings: Findings, newestAt: number, now = Date.now()): void {
  const todo = "set the clock: bans, expiries and the audit trail go by it";
  if (now < EARLIEST_MS) findings.error(`it says ${dateText(now)}`, todo);
  else if (newestAt > now + AHEAD_MS) {
    findings.warning(`it says ${dateText(now)}, a record is of ${dateText(newestAt)}`, todo);
  } else findings.ok(dateText(now));
}
