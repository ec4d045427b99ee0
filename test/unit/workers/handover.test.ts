import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { direct } from "../../../src/transport/proxied.ts";
import { Strangers } from "../../../src/transport/strangers.ts";
import { Handover } from "../../../src/workers/handover.ts";
import type { ToWorker } from "../../../src/workers/messages.ts";
import type { WorkerProcess } from "../../../src/workers/worker-process.ts";

/** What a worker process is to the handover. */
class FakeWorker {
  connections = 0;
  answers = true;
  readonly told: ToWorker[] = [];
  readonly failing: (() => void)[] = [];

  joined(): void {
    this.connections += 1;
  }

  left(): void {
    this.connections -= 1;
  }

  send(message: ToWorker): void {
    this.told.push(message);
  }

  pass(message: ToWorker, _: Socket, failed: () => void): void {
    this.told.push(message);
    this.failing.push(failed);
  }

  get asWorker(): WorkerProcess {
    return this as unknown as WorkerProcess;
  }
}

class FakeSocket extends EventEmitter {
  readonly remoteAddress: string;
  readonly remotePort = 5_022;
  destroyed = false;

  constructor(address: string) {
    super();
    this.remoteAddress = address;
  }

  destroy(): void {
    this.destroyed = true;
    this.emit("close");
  }
}

let serving: FakeWorker[];
let strangers: Strangers;
let handover: Handover;

beforeEach(() => {
  vi.useFakeTimers();
  serving = [new FakeWorker()];
  strangers = new Strangers({ places: () => 2, waiting: () => 1 }, () => 0);
  handover = new Handover(() => serving.map((worker) => worker.asWorker));
});

afterEach(() => {
  vi.useRealTimers();
});

function arrive(address: string): FakeSocket {
  const socket = new FakeSocket(address);
  const arrival = direct(socket as unknown as Socket);
  handover.receive(arrival, (stranger) => strangers.add(stranger, address));
  return socket;
}

const hasRoom = () => strangers.hasRoom("192.0.2.9");
const worker = () => serving[0] as FakeWorker;

test("a worker gets the connection, with where it comes from", () => {
  arrive("192.0.2.1");
  const [message] = worker().told;
  expect(message).toEqual({ kind: "connection", id: 1, address: "192.0.2.1", port: 5_022 });
  expect(worker().connections).toBe(1);
});

test("where there is no worker it waits for one, and keeps its place", () => {
  const [later] = serving.splice(0);
  const socket = arrive("192.0.2.1");
  arrive("192.0.2.2");
  expect(hasRoom()).toBe(false);
  serving.push(later as FakeWorker);
  handover.assign();
  expect(worker().connections).toBe(2);
  expect(socket.destroyed).toBe(false);
});

test("not for ever: its place is another's then, also when a worker can't take it", async () => {
  const socket = arrive("192.0.2.1");
  await vi.advanceTimersByTimeAsync(30_000);
  expect(socket.destroyed).toBe(true);
  expect(worker().connections).toBe(0);
});

test("a place is left when its worker says so, and the connection counts until it is gone", async () => {
  arrive("192.0.2.1");
  arrive("192.0.2.2");
  for (const id of [1, 2]) handover.heard(worker().asWorker, { kind: "took", id });
  expect(hasRoom()).toBe(false);
  handover.heard(worker().asWorker, { kind: "leave", id: 1 });
  expect(hasRoom()).toBe(true);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(worker().connections).toBe(2);
  handover.heard(worker().asWorker, { kind: "closed", id: 1 });
  expect(worker().connections).toBe(1);
});

test("ours is closed when the worker has taken its own, and not before", () => {
  const socket = arrive("192.0.2.1");
  expect(socket.destroyed).toBe(false);
  handover.heard(worker().asWorker, { kind: "took", id: 1 });
  expect(socket.destroyed).toBe(true);
  expect(worker().connections).toBe(1);
});

test("what can't be sent, and what a worker that is gone had not taken, is closed", () => {
  const sockets = [arrive("192.0.2.1"), arrive("192.0.2.2")];
  worker().failing[0]?.();
  expect(sockets.map(({ destroyed }) => destroyed)).toEqual([true, false]);
  handover.lost(worker().asWorker);
  expect(sockets.map(({ destroyed }) => destroyed)).toEqual([true, true]);
  expect(worker().connections).toBe(0);
});

test("who waited for a hash that came to nothing asks whether there is still room", () => {
  arrive("192.0.2.1");
  handover.heard(worker().asWorker, { kind: "wait", id: 1 });
  arrive("192.0.2.2");
  arrive("192.0.2.3");
  handover.heard(worker().asWorker, { kind: "back", id: 1 });
  expect(worker().told.at(-1)).toEqual({ kind: "room", id: 1, room: false });
});

test("who is not known any more is told that there is no room", () => {
  handover.heard(worker().asWorker, { kind: "back", id: 7 });
  expect(worker().told).toEqual([{ kind: "room", id: 7, room: false }]);
});

test("who has to go for another one is told by its worker", () => {
  arrive("192.0.2.1");
  arrive("192.0.2.1");
  for (const id of [1, 2]) handover.heard(worker().asWorker, { kind: "took", id });
  expect(hasRoom()).toBe(true);
  expect(worker().told.at(-1)).toMatchObject({ kind: "evict", id: 1 });
});

test("a worker that is gone leaves all its places, and no other's", () => {
  serving.push(new FakeWorker());
  arrive("192.0.2.1");
  arrive("198.51.100.1");
  expect(serving.map(({ connections }) => connections)).toEqual([1, 1]);
  handover.lost(worker().asWorker);
  expect(serving.map(({ connections }) => connections)).toEqual([0, 1]);
  expect(hasRoom()).toBe(true);
});

test("what another worker says of a connection does not count", () => {
  arrive("192.0.2.1");
  handover.heard(new FakeWorker().asWorker, { kind: "closed", id: 1 });
  expect(worker().connections).toBe(1);
});

test("a worker that hangs gets no connections, however few it has", () => {
  serving.push(new FakeWorker());
  worker().answers = false;
  arrive("192.0.2.1");
  arrive("198.51.100.1");
  expect(serving.map(({ connections }) => connections)).toEqual([0, 2]);
});

test("where all hang they wait for the first that goes on", () => {
  arrive("192.0.2.1");
  worker().answers = false;
  arrive("192.0.2.2");
  expect(worker().connections).toBe(1);
  worker().answers = true;
  handover.heard(worker().asWorker, { kind: "took", id: 1 });
  expect(worker().connections).toBe(2);
});

test("a worker that took what was given up meanwhile is told to let it go", async () => {
  arrive("192.0.2.1");
  await vi.advanceTimersByTimeAsync(30_000);
  handover.heard(worker().asWorker, { kind: "took", id: 1 });
  expect(worker().told.at(-1)).toMatchObject({ kind: "evict", id: 1 });
});

test("who has to go before it was taken is closed here: no descriptor waits for the worker", () => {
  const socket = arrive("192.0.2.1");
  arrive("192.0.2.1");
  expect(hasRoom()).toBe(true);
  expect(socket.destroyed).toBe(true);
  expect(worker().connections).toBe(1);
});
