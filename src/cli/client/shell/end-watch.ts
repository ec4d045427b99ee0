import type { Ending, Remote } from "../../../client/types.ts";
import { visible } from "../../../text/safe.ts";

/** What follows a connection that the next command makes anew. */
export const AGAIN = "the next command connects again";

/** Tells at once that the connection ended, while nothing else would: commands say it themselves. */
export class EndWatch {
  #final: Ending | undefined;
  #isTold = false;
  #isIdle = false;

  /** @param tell a safe line, while a command is waited for; `last`: there will be none */
  constructor(remote: Remote, tell: (text: string, last: boolean) => void) {
    remote.onEnd = (ending) => {
      const { reason, final } = ending;
      if (final) this.#final = ending;
      if (!this.#isIdle) return;
      this.#isTold = true;
      tell(visible(final ? reason : `connection lost: ${reason}; ${AGAIN}`), final);
    };
  }

  /** The server ended the session. */
  get isFinal(): boolean {
    return this.#final !== undefined;
  }

  /** What is still to be told of it. */
  get untold(): string | undefined {
    return this.#isTold ? undefined : this.#final?.reason;
  }

  /** Waits for the next command. */
  async idle<T>(command: Promise<T>): Promise<T> {
    this.#isIdle = true;
    try {
      return await command;
    } finally {
      this.#isIdle = false;
    }
  }
}
