import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { MemoryBudget } from "./budget.ts";
import { slabs } from "./slabs.ts";

type MemoryUse = Pick<NodeJS.MemoryUsage, "external" | "heapUsed">;

/** How often it is looked whether the process rests, in milliseconds. */
const LOOK_MS = 10_000;

/** It rests where it works less than this part of the time. */
const RESTING = 0.02;

/** Work that leaves enough behind to look what it was, in milliseconds of processor time. */
const MUCH_WORK = 1_000;

/** What is worth a collection, in bytes. */
const WORTH_IT = 32 * 1024 * 1024;

export type Garbage = "young" | "all";

export interface RestActions {
  /** gives memory back that is not in use */
  trim(): void;
  /** bytes that the process holds and no session accounts for */
  held(): number;
  /** collects garbage: the young generation, or everything, which also forgets optimised code */
  collect(what: Garbage): void;
}

/**
 * Tidies up when the work is done. An idle process allocates nothing, so V8 collects nothing, and
 * the buffers of the last transfers would stay for as long as nobody comes.
 */
export class Rest {
  readonly #actions: RestActions;
  readonly #timer: NodeJS.Timeout;
  #worked = 0;
  /** after the last collection */
  #kept: number;
  #last = process.cpuUsage();

  constructor(actions: RestActions) {
    this.#actions = actions;
    this.#kept = actions.held();
    this.#timer = setInterval(() => this.look(workSince(this.#last), LOOK_MS), LOOK_MS);
    this.#timer.unref();
  }

  /**
   * @param work processor time since the last look, in milliseconds
   * @param elapsed time since then
   */
  look(work: number, elapsed: number): void {
    this.#last = process.cpuUsage();
    this.#actions.trim();
    this.#worked += work;
    if (work > elapsed * RESTING || this.#worked < MUCH_WORK) return;
    this.#worked = 0;
    if (!this.#isWorthIt()) return;
    this.#actions.collect("young");
    // What many sessions held is old by then, and nothing else would collect it while nobody comes.
    if (this.#isWorthIt()) this.#actions.collect("all");
    this.#kept = this.#actions.held();
  }

  #isWorthIt(): boolean {
    return this.#actions.held() - this.#kept >= WORTH_IT;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

function workSince(last: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(last);
  return (user + system) / 1000;
}

/** What a process does when it rests. @param budget what its sessions hold */
export function tidyUp(budget: Pick<MemoryBudget, "used">): RestActions {
  return { trim: () => slabs.trim(), held: () => unaccounted(budget), collect };
}

/** What sessions gave back is left behind at once, though the system does not have it yet. */
export function unaccounted(
  { used }: Pick<MemoryBudget, "used">,
  { external, heapUsed }: MemoryUse = process.memoryUsage(),
): number {
  return external + heapUsed - used;
}

let gc: ((options?: { readonly type: "minor" }) => void) | undefined;

/**
 * The young generation twice: what survived once is collected the second time. Nearly all buffers of
 * transfers are there. After a collection of everything the next burst of small files takes twice the
 * processor's time. V8 itself marks little by little, and keeps the code.
 */
function collect(what: Garbage): void {
  if (gc === undefined) {
    // The only door to V8's collector that needs no flag of the command line.
    setFlagsFromString("--expose-gc");
    gc = runInNewContext("gc") as typeof gc & {};
    setFlagsFromString("--no-expose-gc");
  }
  // Node.js 20 takes any type for the young generation.
  if (what === "all") gc();
  else for (let times = 0; times < 2; times += 1) gc({ type: "minor" });
}
