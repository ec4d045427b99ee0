import type { Socket } from "node:net";
import type { Arrival } from "../transport/proxied.ts";
import { type LocalPlace, NO_PLACE, type Stranger } from "../transport/strangers.ts";
import type { FromWorker } from "./messages.ts";
import { Placement } from "./placement.ts";
import type { WorkerProcess } from "./worker-process.ts";

/** How soon a worker has to have a connection, in milliseconds: there may be none, or no descriptor. */
const PATIENCE_MS = 30_000;

const NOTHING = Buffer.alloc(0);

type OfConnection = Extract<FromWorker, { readonly id: number }>;

/** A connection, from when it was accepted until its worker says that it is gone. */
interface Visit {
  readonly id: number;
  /** undefined: gone already */
  readonly address: string | undefined;
  readonly port: number | undefined;
  readonly place: LocalPlace;
  /** runs until a worker says that it has it */
  readonly timer: NodeJS.Timeout;
  /** what was read of it already */
  readonly head: Buffer;
  readonly rest: Arrival["rest"];
  /** ours until the worker has it */
  socket: Socket | undefined;
  /** undefined while there is none */
  worker?: WorkerProcess;
}

/** Gives accepted connections to workers, and keeps the places of those that have not logged in. */
export class Handover {
  readonly #serving: () => readonly WorkerProcess[];
  readonly #visits = new Map<number, Visit>();
  readonly #placement = new Placement<WorkerProcess>();
  #last = 0;

  /** @param serving the workers that take connections now */
  constructor(serving: () => readonly WorkerProcess[]) {
    this.#serving = serving;
  }

  /** Of its socket nothing may have been read but the head and the rest. */
  receive({ socket, from, head, rest }: Arrival, join: (stranger: Stranger) => LocalPlace): void {
    const id = ++this.#last;
    // Whether a worker is busy with it, that one knows: it lets it go afterwards.
    const place = join({ busy: false, evict: (text) => this.#evict(id, text) });
    const { address, port } = from;
    const timer = setTimeout(() => this.#forget(id), PATIENCE_MS);
    this.#visits.set(id, { id, address, port, place, timer, head, rest, socket });
    // Errors of a socket that nobody reads yet just close it.
    socket.on("error", () => {});
    socket.once("close", () => this.#closedHere(id));
    this.assign();
  }

  /** Gives connections that wait for a worker to those there are now. */
  assign(): void {
    const serving = this.#serving().filter(({ answers }) => answers);
    if (serving.length === 0) return;
    for (const visit of this.#visits.values()) {
      if (visit.worker === undefined) this.#give(visit, serving);
    }
  }

  #give(visit: Visit, serving: readonly WorkerProcess[]): void {
    const { id, address, port, head, socket } = visit;
    const worker = this.#placement.choose(serving, address ?? "");
    if (worker === undefined || socket === undefined) return;
    visit.worker = worker;
    worker.joined();
    this.#placement.joined(address ?? "", worker);
    const known = Buffer.concat([head, visit.rest?.() ?? NOTHING]);
    const read = known.length === 0 ? {} : { head: known.toString("base64") };
    worker.pass({ kind: "connection", id, address, port, ...read }, socket, () => this.#forget(id));
  }

  /** What a worker says of one of its connections. */
  heard(worker: WorkerProcess, { kind, id }: OfConnection): void {
    const visit = this.#visits.get(id);
    if (visit?.worker !== worker) this.#heardOfUnknown(worker, kind, id);
    else if (kind === "took") this.#took(visit);
    else if (kind === "wait") visit.place.wait();
    else if (kind === "back") worker.send({ kind: "room", id, room: visit.place.back() });
    else if (kind === "leave") visit.place.leave();
    else this.#forget(id);
    // It may have hung, with all others.
    if (kind === "took") this.assign();
  }

  /** It has a descriptor of its own: closing ours says nothing to the client. */
  #took(visit: Visit): void {
    clearTimeout(visit.timer);
    visit.socket?.destroy();
    visit.socket = undefined;
  }

  /** Given up while the worker hung: it counts nowhere any more. */
  #heardOfUnknown(worker: WorkerProcess, kind: OfConnection["kind"], id: number): void {
    if (kind === "took") worker.send({ kind: "evict", id, text: NO_PLACE });
    if (kind === "back") worker.send({ kind: "room", id, room: false });
  }

  /** The worker is gone, and so are its connections. */
  lost(worker: WorkerProcess): void {
    for (const visit of [...this.#visits.values()]) {
      if (visit.worker !== worker) continue;
      this.#forget(visit.id);
    }
  }

  /** Closes what no worker has. */
  close(): void {
    for (const { id, worker } of [...this.#visits.values()]) {
      if (worker === undefined) this.#forget(id);
    }
  }

  #evict(id: number, text: string): void {
    const visit = this.#visits.get(id);
    if (visit === undefined) return;
    visit.place.leave();
    // Not taken yet: a worker that hangs would keep its descriptor here.
    if (visit.socket !== undefined) this.#forget(id);
    else visit.worker?.send({ kind: "evict", id, text });
  }

  /** Closed before a worker had it. */
  #closedHere(id: number): void {
    if (this.#visits.get(id)?.worker === undefined) this.#forget(id);
  }

  #forget(id: number): void {
    const visit = this.#visits.get(id);
    if (visit === undefined) return;
    this.#visits.delete(id);
    clearTimeout(visit.timer);
    visit.socket?.destroy();
    visit.place.leave();
    if (visit.worker === undefined) return;
    visit.worker.left();
    this.#placement.left(visit.address ?? "");
  }
}
