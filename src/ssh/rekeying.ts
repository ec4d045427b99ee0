import type { Connection } from "ssh2";
import { ExchangeBudget } from "./exchange-budget.ts";
import { isRekeying, keyExchangeMethod, protocolOf } from "./internals.ts";

/** How long a client may take for a key exchange, in milliseconds. */
const EXCHANGE_TIMEOUT_MS = 60_000;

/** Packets ssh2 holds back meanwhile; a client that goes on asking instead fills this. */
const MAX_HELD_BACK = 10_000;
/** The same before the login, when there is nothing to ask for. */
const MAX_HELD_BACK_BEFORE_LOGIN = 32;

export interface RekeyingSettings {
  /** bytes after which there are new keys; 0: never for that */
  readonly rekeyBytes: number;
  /** milliseconds after which there are new keys; 0: never for that */
  readonly rekeyInterval: number;
}

export interface RekeyingEvents {
  /** Bytes read and written on the connection so far. */
  total(): number;
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
  readonly #budget = new ExchangeBudget();
  #timeout: NodeJS.Timeout | undefined;
  /** the exchange under way was started by the client */
  #isClients = false;
  /** when the last exchange began, or was over */
  #bytesAtLast = 0;
  #timeOfLast = performance.now();

  constructor(connection: Connection, settings: RekeyingSettings, events: RekeyingEvents) {
    this.#connection = connection;
    this.#bytes = settings.rekeyBytes || Number.POSITIVE_INFINITY;
    this.#interval = settings.rekeyInterval || Number.POSITIVE_INFINITY;
    this.#events = events;
    connection.on("rekey", () => this.#done());
  }

  /** The client's KEXINIT came: it asks for an exchange, or answers that we did. False: no more. */
  begins(): boolean {
    if (isRekeying(protocolOf(this.#connection))) return true;
    this.#earn();
    this.#isClients = this.#budget.allowsOne;
    if (this.#isClients) return true;
    this.#events.abuse("too many key exchanges");
    return false;
  }

  /** Bytes came in, and answers may have gone out. */
  moved(): void {
    if (isRekeying(protocolOf(this.#connection))) {
      this.#watch();
      return;
    }
    const due =
      this.#sinceLast >= this.#bytes || performance.now() - this.#timeOfLast >= this.#interval;
    if (!due || !this.#connection.authenticated) return;
    this.#earn();
    this.#connection.rekey();
    this.#watch();
  }

  stop(): void {
    clearTimeout(this.#timeout);
    this.#timeout = undefined;
  }

  #watch(): void {
    const queue = protocolOf(this.#connection)._queue;
    const { authenticated } = this.#connection;
    if ((queue?.length ?? 0) > (authenticated ? MAX_HELD_BACK : MAX_HELD_BACK_BEFORE_LOGIN)) {
      this.#events.abuse("requests without end during a key exchange");
      return;
    }
    // Before the login its own time runs.
    if (!authenticated) return;
    this.#timeout ??= setTimeout(() => {
      this.#events.abuse("a key exchange was not finished in time");
    }, EXCHANGE_TIMEOUT_MS);
  }

  #done(): void {
    this.stop();
    this.#mark();
    if (this.#isClients) this.#budget.spend(keyExchangeMethod(protocolOf(this.#connection)));
    this.#isClients = false;
    this.#events.done();
  }

  get #sinceLast(): number {
    return this.#events.total() - this.#bytesAtLast;
  }

  #earn(): void {
    // Before the login there is no data to move, and padding is no reason for new keys.
    if (this.#connection.authenticated) this.#budget.earn(this.#sinceLast);
    this.#mark();
  }

  #mark(): void {
    this.#bytesAtLast = this.#events.total();
    this.#timeOfLast = performance.now();
  }
}
