import { FsError } from "../errors.ts";
import { interruption } from "./errors.ts";

/** For one user: command lines that run, and that wait. */
export interface CommandLimits {
  readonly commandsPerUser: number;
  readonly commandQueue: number;
}

interface User {
  running: number;
  readonly waiting: (() => void)[];
}

/** How many command lines of one user run at once; further ones wait in order, up to a number. */
export class CommandSlots {
  readonly #limits: () => CommandLimits;
  readonly #users = new Map<number, User>();

  /** @param limits asked for each time: they may change */
  constructor(limits: () => CommandLimits) {
    this.#limits = limits;
  }

  /**
   * Resolves when there is a place; what it gives is called to leave it.
   * Rejects with FsError EBUSY when too many wait, with Interrupted when the signal aborts.
   */
  async enter(userId: number, signal: AbortSignal): Promise<() => void> {
    if (signal.aborted) throw interruption(signal);
    const user = this.#users.get(userId) ?? { running: 0, waiting: [] };
    this.#users.set(userId, user);
    if (user.running >= this.#limits().commandsPerUser) await this.#wait(user, signal);
    else user.running += 1;
    let left = false;
    return () => {
      if (!left) this.#leave(userId, user);
      left = true;
    };
  }

  /** The one who leaves hands the place over, so nobody can come in between. */
  #wait(user: User, signal: AbortSignal): Promise<void> {
    if (user.waiting.length >= this.#limits().commandQueue) {
      throw new FsError("EBUSY", "too many commands of yours at once: try again later");
    }
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        signal.removeEventListener("abort", stop);
        resolve();
      };
      const stop = (): void => {
        user.waiting.splice(user.waiting.indexOf(enter), 1);
        reject(interruption(signal));
      };
      user.waiting.push(enter);
      signal.addEventListener("abort", stop, { once: true });
    });
  }

  #leave(userId: number, user: User): void {
    const next = user.waiting.shift();
    if (next === undefined) user.running -= 1;
    else next();
    if (user.running === 0) this.#users.delete(userId);
  }
}
