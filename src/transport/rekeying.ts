import type { Connection } from "ssh2";
import type { Config } from "../config/types.ts";
import { isRekeying, protocolOf } from "./internals.ts";

/** How long a client may take for a key exchange, in milliseconds. */
const EXCHANGE_TIMEOUT_MS = 60_000;

/** Packets ssh2 holds back meanwhile; a client that goes on asking instead fills this. */
const MAX_HELD_BACK = 10_000;

/** A client may ask for so many exchanges, and one more for each so many bytes. */
const FREE_EXCHANGES = 32;
const BYTES_PER_EXCHANGE = 64 * 1024;

export interface RekeyingEvents {
  /** An exchange is over: data may be sent again. */
  done(): void;
  /** The client misuses key exchanges. */
  abuse(text: string): void;
}

/** New keys after so many bytes or so long (RFC 4253 section 9). */
export class Rekeying {
  readonly #connection: Connection;
  readonly #bytes: number;
  readonly #interval: number;
  readonly #events: RekeyingEvents;
  #timeout: NodeJS.Timeout | undefined;
  #total = 0;
  #bytesAtLast = 0;
  #timeOfLast = performance.now();
  #exchanges = 0;

  constructor(connection: Connection, settings: Config["transport"], events: RekeyingEvents) {
    this.#connection = connection;
    this.#bytes = settings.rekeyBytes || Number.POSITIVE_INFINITY;
    this.#interval = settings.rekeyInterval || Number.POSITIVE_INFINITY;
    this.#events = events;
    connection.on("rekey", () => this.#done());
  }

  /** @param total bytes read and written on the connection so far */
  moved(total: number): void {
    this.#total = total;
    if (isRekeying(protocolOf(this.#connection))) {
      this.#watch();
      return;
    }
    const due =
      total - this.#bytesAtLast >= this.#bytes ||
      performance.now() - this.#timeOfLast >= this.#interval;
    if (!due || !this.#connection.authenticated) return;
    this.#mark();
    this.#connection.rekey();
    this.#watch();
  }

  stop(): void {
    clearTimeout(this.#timeout);
    this.#timeout = undefined;
  }

  #watch(): void {
    if (!this.#connection.authenticated) return;
    const queue = protocolOf(this.#connection)._queue;
    if (queue !== undefined && queue.length > MAX_HELD_BACK) {
      this.#events.abuse("requests without end during a key exchange");
      return;
    }
    this.#timeout ??= setTimeout(() => {
      this.#events.abuse("a key exchange was not finished in time");
    }, EXCHANGE_TIMEOUT_MS);
  }

  #done(): void {
    this.stop();
    this.#mark();
    this.#exchanges += 1;
    if (this.#exchanges > FREE_EXCHANGES + this.#total / BYTES_PER_EXCHANGE) {
      this.#events.abuse("too many key exchanges");
      return;
    }
    this.#events.done();
  }

  #mark(): void {
    this.#bytesAtLast = this.#total;
    this.#timeOfLast = performance.now();
  }
}
