import { Socket } from "node:net";
import type { Shares, Wants } from "../rates/share-keeper.ts";
import { tally } from "../tally.ts";
import type { Arrival } from "../transport/proxied.ts";
import type { Stranger, StrangersPlace } from "../transport/strangers.ts";
import {
  type FromWorker,
  NO_COUNTS,
  NO_DELAY,
  type Others,
  type Report,
  type ServerFacts,
  type ToWorker,
  WORKERS_VERSION,
} from "./messages.ts";

/** How often the supervisor hears what was moved, in milliseconds, while something is. */
const REPORT_MS = 100;
/** How long the supervisor may take to say the first word, in milliseconds. */
const BEGIN_MS = 10_000;

/** Takes a connection. @param join gives it its place among the strangers */
export type Receive = (arrival: Arrival, join: (stranger: Stranger) => StrangersPlace) => void;

/** A worker's line to its supervisor. */
export class SupervisorLine {
  readonly facts: ServerFacts;
  /** resolves when the supervisor is gone */
  readonly lost: Promise<void>;
  /** the supervisor wants this worker to end */
  isEnding = false;
  /** called when it does, once or more often */
  onStop: (graceMs: number) => void = () => {};
  /** called with what this worker may use of rates from now on */
  onShares: (shares: Shares) => void = () => {};
  /** what the other processes of the server moved and hold */
  others: Others = { counts: NO_COUNTS, memory: 0, loopDelay: NO_DELAY };
  readonly #strangers = new Map<number, Stranger>();
  readonly #asking = new Map<number, (room: boolean) => void>();
  #receive: Receive | undefined;
  #reports: NodeJS.Timeout | undefined;

  private constructor(facts: ServerFacts) {
    this.facts = facts;
    this.lost = new Promise((resolve) => process.once("disconnect", resolve));
    void this.lost.then(() => this.#orphaned());
    process.on("message", (message: ToWorker, socket) => this.#take(message, socket));
  }

  /** Rejects when no supervisor that this program understands is there. */
  static open(): Promise<SupervisorLine> {
    return new Promise((resolve, reject) => {
      const late = (): void => reject(new Error("no supervisor started this worker"));
      const timer = setTimeout(late, BEGIN_MS);
      process.once("message", (message: ToWorker) => {
        clearTimeout(timer);
        if (message.kind !== "begin" || message.version !== WORKERS_VERSION) {
          reject(new Error("the program has changed since the server was started: restart it"));
        } else resolve(new SupervisorLine(message.facts));
      });
      if (process.send === undefined) late();
    });
  }

  /** Connections come from now on. @param report asked again and again */
  ready(receive: Receive, report: () => Report): void {
    this.#receive = receive;
    this.#say({ kind: "ready", version: WORKERS_VERSION });
    let told = "";
    this.#reports = setInterval(() => {
      const now = report();
      const text = JSON.stringify(now);
      if (text === told) return;
      told = text;
      this.#say({ kind: "report", ...now });
    }, REPORT_MS);
  }

  /** No more connections. */
  leave(): void {
    this.#receive = undefined;
    this.#say({ kind: "leaving" });
  }

  /** It ends. @param node its row in `nodes` */
  close(node: string): void {
    clearInterval(this.#reports);
    this.#say({ kind: "counted", node, totals: tally.figures.totals });
  }

  want(wants: Wants): void {
    this.#say({ kind: "wants", ...wants });
  }

  /** Stops the server, all of it. */
  stopServer(graceMs: number): void {
    this.#say({ kind: "stop", graceMs });
  }

  #say(message: FromWorker): void {
    if (process.connected) process.send?.(message, undefined, undefined, () => {});
  }

  #take(message: ToWorker, socket: unknown): void {
    if (message.kind === "connection") {
      const { id, address, port, head = "" } = message;
      // It comes without a socket when the client was gone already.
      const from = { address, port };
      if (socket instanceof Socket)
        this.#serve(id, { socket, from, head: Buffer.from(head, "base64") });
      else this.#say({ kind: "closed", id });
    } else if (message.kind === "evict") this.#strangers.get(message.id)?.evict(message.text);
    else if (message.kind === "room") this.#answer(message.id, message.room);
    else if (message.kind === "others") this.others = message.others;
    else if (message.kind === "shares") this.onShares(message);
    else if (message.kind === "stop") {
      this.isEnding = true;
      this.onStop(message.graceMs);
    }
  }

  #serve(id: number, arrival: Arrival): void {
    const { socket } = arrival;
    this.#say({ kind: "took", id });
    socket.once("close", () => {
      this.#strangers.delete(id);
      this.#answer(id, false);
      this.#say({ kind: "closed", id });
    });
    if (this.#receive === undefined) {
      socket.on("error", () => {});
      socket.destroy();
      return;
    }
    this.#receive(arrival, (stranger) => this.#join(id, stranger));
  }

  #join(id: number, stranger: Stranger): StrangersPlace {
    this.#strangers.set(id, stranger);
    return {
      wait: () => this.#say({ kind: "wait", id }),
      back: () => this.#back(id),
      leave: () => {
        if (this.#strangers.delete(id)) this.#say({ kind: "leave", id });
      },
    };
  }

  #back(id: number): Promise<boolean> {
    return new Promise((resolve) => {
      if (!process.connected) resolve(false);
      else {
        this.#asking.set(id, resolve);
        this.#say({ kind: "back", id });
      }
    });
  }

  #answer(id: number, room: boolean): void {
    this.#asking.get(id)?.(room);
    this.#asking.delete(id);
  }

  #orphaned(): void {
    for (const id of [...this.#asking.keys()]) this.#answer(id, false);
  }
}

/** Says why this process can't start as a worker. Resolves when that was said. */
export function sayFailed(text: string): Promise<void> {
  const message: FromWorker = { kind: "failed", text };
  return new Promise((resolve) => {
    if (process.connected) process.send?.(message, undefined, undefined, () => resolve());
    else resolve();
  });
}
