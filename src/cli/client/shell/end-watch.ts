import type { Ending, Remote } from "../../../client/types.ts";
import { visible } from "../../../text/safe.ts";

/** What the shell does after a connection that was lost. */
export const AGAIN = "the next command connects again";

/**
 * Tells at once that the connection ended, but only while the shell waits for a command. A command that
 * runs says so itself.
 */
export class EndWatch {
  #final: Ending | undefined;
  #isTold = false;
  #isIdle = false;

  /** @param tell shows a line that is safe for a terminal; `last` means that the shell ends with it */
  constructor(remote: Remote, tell: (text: string, last: boolean) => void) {
    remote.onEnd = (ending) => {
      const { reason, final } = ending;
      if (final) this.#final = ending;
      if (!this.#isIdle) return;
      this.#isTold = true;
      tell(visible(final ? reason : `connection lost: ${reason}; ${AGAIN}`), final);
    };
  }

  /** Whether the server ended the session on purpose, so that the shell ends as well. */
  get isFinal(): boolean {
    return this.#final !== undefined;
  }

  /** Why the server ended the session, when nobody was told yet. */
  get untold(): string | undefined {
    return this.#isTold ? undefined : this.#final?.reason;
  }

  /** Waits for the next command; meanwhile an end of the connection is told. */
  async idle<T>(command: Promise<T>): Promise<T> {
    this.#isIdle = true;
    try {
      return await command;
    } finally {
      this.#isIdle = false;
    }
  }
}
