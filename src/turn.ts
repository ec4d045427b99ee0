/** Milliseconds of one turn of the event loop after which others come first. */
const TURN_MS = 0.5;

/** Somebody of the user's who waits to go on. */
interface Waiting {
  readonly resume: () => void;
  /** It goes on after `resume` has returned. */
  readonly isLater: boolean;
}

/** Those who began in this turn of the loop, or had more to do than a turn holds. */
let begun = new Set<Turn>();
let isScheduled = false;

function atNextTurn(turn: Turn): void {
  begun.add(turn);
  if (isScheduled) return;
  isScheduled = true;
  setImmediate(nextTurn);
}

/**
 * A turn of the loop is over. All users whose work goes on have one share of the next turn together,
 * however many they are; those who did not get to it are first in the one after.
 */
function nextTurn(): void {
  isScheduled = false;
  const turns = begun;
  begun = new Set();
  const start = performance.now();
  for (const turn of turns) turn.over();
  try {
    for (const turn of turns) {
      turns.delete(turn);
      turn.goOn();
      if (performance.now() - start >= TURN_MS) break;
    }
  } finally {
    // Also when one fails: the others would wait for ever.
    comeFirst([...turns].filter((turn) => turn.isWaitedFor));
  }
}

/** They were passed over in this turn. */
function comeFirst(turns: readonly Turn[]): void {
  for (const turn of turns) atNextTurn(turn);
  begun = new Set([...turns, ...begun]);
}

/**
 * A user's share of the event loop. Operations that need no thread complete within the turn: without
 * a limit they would keep it. All channels and commands of a user share one, so that many get no
 * more than one; they take turns.
 */
export class Turn {
  /** when the turn began, while there is one */
  #start: number | undefined;
  #passingOn = false;
  /** by what is called when it may go on, in the order of arrival */
  readonly #waiting = new Map<() => void, Waiting>();

  /** False when others come first: `resume` is called when it is this one's turn again. */
  mayGoOn(resume: () => void): boolean {
    return this.#mayGoOn({ resume, isLater: false });
  }

  /** To be awaited between two steps of long work: resolves when the next one may begin. */
  async pass(): Promise<void> {
    await new Promise<void>((resolve) => {
      if (this.#mayGoOn({ resume: resolve, isLater: true })) resolve();
    });
  }

  /** It is not waited for any more. */
  forget(resume: () => void): void {
    this.#waiting.delete(resume);
  }

  /** Somebody of the user's has more to do. */
  get isWaitedFor(): boolean {
    return this.#waiting.size > 0;
  }

  /** The turn of the loop is over. */
  over(): void {
    this.#start = undefined;
    this.#passingOn = false;
  }

  /** It is this user's turn again. */
  goOn(): void {
    this.#passingOn = true;
    let isPassed = false;
    try {
      for (const { resume, isLater } of this.#waiting.values()) {
        if (isPassed || !this.#inTime()) break;
        this.#waiting.delete(resume);
        isPassed = isLater;
        resume();
      }
    } finally {
      // What goes on later has the rest of this turn.
      this.#passingOn = isPassed;
    }
  }

  #mayGoOn(one: Waiting): boolean {
    if (this.#inTime() && (this.#waiting.size === 0 || this.#passingOn)) return true;
    this.#waiting.set(one.resume, one);
    atNextTurn(this);
    return false;
  }

  #inTime(): boolean {
    const now = performance.now();
    if (this.#start === undefined) {
      this.#start = now;
      atNextTurn(this);
    }
    return now - this.#start < TURN_MS;
  }
}
