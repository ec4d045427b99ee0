import type { StoreNode } from "../store/nodes.ts";
import { type Figures, sumOf, type Totals, tally } from "../tally.ts";
import { connectNode } from "./client.ts";

/** What another process may take to tell its figures, in milliseconds. */
const PATIENCE_MS = 1_000;

/** The figures of all processes of the instance on this machine. */
export interface AllFigures extends Pick<Figures, "totals" | "levels"> {
  /** processes that did not answer in time */
  readonly unreached: number;
}

export type Ask = (nodeId: string) => Promise<Figures>;

/**
 * Sums up what all processes of this machine counted; each machine is asked for its own. What a process told last stays counted when it is gone, so that
 * no total ever goes down: of a worker that ended as it should its supervisor knows all.
 */
export class InstanceFigures {
  readonly #ask: Ask;
  readonly #own: () => Figures;
  readonly #heard = new Map<string, Totals>();
  #past: Totals = {};

  constructor(ask: Ask, own: () => Figures = () => tally.figures) {
    this.#ask = ask;
    this.#own = own;
  }

  /** @param own the id of this process's row; @param nodes all that there are */
  async collect(
    own: string,
    nodes: readonly Pick<StoreNode, "id" | "kind" | "alive" | "isHere">[],
  ): Promise<AllFigures> {
    const living = nodes.filter(({ kind, alive, isHere }) => kind === "server" && alive && isHere);
    const others = living.filter(({ id }) => id !== own).map(({ id }) => id);
    const answers = await Promise.all(others.map((id) => inTime(this.#ask(id))));
    // After the answers: a worker that told its last meanwhile is counted once.
    const ours = this.#own();
    const told = [ours, ...answers.flatMap((answer) => answer ?? [])];
    answers.forEach((answer, at) => {
      if (answer !== undefined) this.#heard.set(others[at] ?? "", answer.totals);
    });
    this.#forget(new Set(others), new Set(told.flatMap(({ left }) => left)));
    const totals = sumOf([this.#past, ours.totals, ...this.#heard.values()]);
    const levels = sumOf(told.map((one) => one.levels));
    const unreached = answers.filter((answer) => answer === undefined).length;
    return { totals, levels, unreached };
  }

  /** Who is gone: of those whom their supervisor counts nothing more is to be kept. */
  #forget(living: ReadonlySet<string>, counted: ReadonlySet<string>): void {
    for (const [id, totals] of [...this.#heard]) {
      if (living.has(id) && !counted.has(id)) continue;
      this.#heard.delete(id);
      if (!counted.has(id)) this.#past = sumOf([this.#past, totals]);
    }
  }
}

/** Undefined when it does not answer. */
async function inTime(answer: Promise<Figures>): Promise<Figures | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), PATIENCE_MS);
  });
  try {
    return await Promise.race([answer.catch(() => undefined), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks a process over its control socket. @param root the instance's directory */
export function askOver(root: string): Ask {
  return async (nodeId) => {
    const control = await connectNode(root, nodeId);
    // Closing ends a call that takes too long.
    const patience = setTimeout(() => control.close(), PATIENCE_MS);
    try {
      return await control.call("metrics.own", {});
    } finally {
      clearTimeout(patience);
      control.close();
    }
  };
}
