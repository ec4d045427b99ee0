import { once } from "node:events";
import { connect, createServer, Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { plentyOfMemory } from "../../../src/memory/budget.ts";
import { BulkLine } from "../../../src/ssh/bulk-line.ts";
import type { LoopShare } from "../../../src/ssh/loop-share.ts";
import { Outbox, type Sender } from "../../../src/ssh/outbox.ts";

const QUANTUM = 1024;

let ours: Socket;
let theirs: Socket;
let outbox: Outbox;
let chunks: Buffer[];
const received = (): Buffer => Buffer.concat(chunks);

beforeEach(async () => {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  theirs = connect(port, "127.0.0.1");
  [ours] = (await once(server, "connection")) as [Socket];
  server.close();
  chunks = [];
  theirs.on("data", (chunk: Buffer) => chunks.push(chunk));
  ours.on("error", () => {});
  outbox = new Outbox(ours);
});

afterEach(() => {
  ours.destroy();
  theirs.destroy();
});

class Recorder implements Sender {
  flushes = 0;
  steps = 0;
  /** what one flush sends, and was allowed to */
  sends = 0;
  readonly most: number[] = [];
  onFlush: () => void = () => {};

  flush(most: number): number {
    this.flushes += 1;
    this.most.push(most);
    this.onFlush();
    return this.sends;
  }

  progress(): void {
    this.steps += 1;
  }
}

async function until(done: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!done() && performance.now() < deadline) await nextTurn();
  expect(done()).toBe(true);
}

/** A connection that moves little, or much. */
function shareOf(light: boolean, moved: number[] = []): LoopShare {
  const share = {
    quantum: () => QUANTUM,
    isLight: () => light,
    moved: (bytes: number) => void moved.push(bytes),
  };
  return share as unknown as LoopShare;
}

/** When the callback and all promises that can go on are done: before any other event. */
function callbackOver(): Promise<void> {
  const later = (hops: number, done: () => void): void => {
    if (hops === 0) process.nextTick(done);
    else queueMicrotask(() => later(hops - 1, done));
  };
  return new Promise((resolve) => later(20, resolve));
}

describe("Outbox", () => {
  test("light: an answer leaves before the next event, in one write with all of its callback", async () => {
    const events: string[] = [];
    ours.destroy();
    const socket = new Socket();
    const outbox = new Outbox(socket, shareOf(true));
    socket.uncork = () => void events.push("written");
    const sender = new Recorder();
    sender.onFlush = () => void events.push("flushed");
    outbox.add(sender);
    setImmediate(() => events.push("next event"));
    // A window adjust at once, then answers after promises.
    socket.write(Buffer.from("adjust"));
    for (let i = 0; i < 3; i += 1) await Promise.resolve();
    outbox.ready(sender);
    for (let i = 0; i < 3; i += 1) await Promise.resolve();
    socket.write(Buffer.from("more"));
    await nextTurn();
    expect(events).toEqual(["flushed", "written", "next event"]);
    socket.destroy();
  });

  test("light: more than a quantum stands in the line with the bulk", async () => {
    const line = new BulkLine();
    const outbox = new Outbox(ours, shareOf(true), line);
    const sender = new Recorder();
    sender.sends = QUANTUM;
    sender.onFlush = () => {
      if (sender.flushes < 3) outbox.ready(sender);
    };
    outbox.ready(sender);
    await callbackOver();
    expect(sender.flushes).toBe(1);
    expect(line.has(outbox)).toBe(true);
    await nextTurn();
    expect(sender.flushes).toBe(2);
  });

  test("bulk of all connections is one quantum a turn; what else they wrote doesn't wait", async () => {
    const line = new BulkLine();
    const uncorked: number[] = [];
    const all = [0, 1, 2].map((at) => {
      const socket = new Socket();
      const outbox = new Outbox(socket, shareOf(false), line);
      const sender = new Recorder();
      sender.sends = QUANTUM;
      socket.uncork = () => void uncorked.push(at);
      socket.write(Buffer.from("adjust"));
      outbox.ready(sender);
      return { socket, sender };
    });
    const flushes = (): number[] => all.map(({ sender }) => sender.flushes);
    await callbackOver();
    expect(flushes()).toEqual([0, 0, 0]);
    await nextTurn();
    expect(flushes()).toEqual([1, 0, 0]);
    expect(uncorked).toEqual([0, 1, 2]);
    await nextTurn();
    await nextTurn();
    expect(flushes()).toEqual([1, 1, 1]);
    for (const { socket } of all) socket.destroy();
  });

  test("one whose socket is gone leaves the line", async () => {
    const line = new BulkLine();
    const outbox = new Outbox(ours, shareOf(false), line);
    outbox.ready(new Recorder());
    expect(line.has(outbox)).toBe(true);
    ours.emit("close");
    expect(line.has(outbox)).toBe(false);
  });

  test("holds the writes of one turn back and never beyond it", async () => {
    ours.write(Buffer.from("a"));
    ours.write(Buffer.from("b"));
    expect(ours.writableCorked).toBe(1);
    expect(outbox.pending).toBe(2);
    await nextTurn();
    expect(ours.writableCorked).toBe(0);
    await until(() => received().toString() === "ab");
    expect(outbox.bytes).toBe(2);
  });

  test("flushes each ready sender once at the end of the turn, and tells of progress", async () => {
    const sender = new Recorder();
    sender.onFlush = () => void ours.write(Buffer.from("data"));
    outbox.add(sender);
    outbox.ready(sender);
    outbox.ready(sender);
    expect(sender.flushes).toBe(0);
    await until(() => sender.steps > 0);
    expect(sender.flushes).toBe(1);
    await until(() => received().toString() === "data");
    expect(ours.writableCorked).toBe(0);
  });

  test("wake flushes all senders; a removed one is forgotten", async () => {
    const [a, b] = [new Recorder(), new Recorder()];
    outbox.add(a);
    outbox.add(b);
    outbox.ready(b);
    outbox.remove(b);
    outbox.wake();
    await nextTurn();
    expect([a.flushes, b.flushes]).toEqual([1, 0]);
  });

  test("a turn ends when its quantum is sent: who is ready still comes in the next one", async () => {
    const [first, second] = [new Recorder(), new Recorder()];
    first.sends = 1024 * 1024;
    first.onFlush = () => {
      if (first.flushes < 3) outbox.ready(first);
    };
    for (const sender of [first, second]) outbox.add(sender);
    outbox.ready(first);
    outbox.ready(second);
    await callbackOver();
    expect([first.flushes, second.flushes]).toEqual([1, 0]);
    await nextTurn();
    // The one that sent before stands behind the other now.
    expect([first.flushes, second.flushes]).toEqual([2, 1]);
    await until(() => first.flushes === 3);
    expect(Math.min(...first.most)).toBeGreaterThan(0);
  });

  test("attack: who has not logged in makes nobody's pieces small", async () => {
    const moved: number[] = [];
    const stranger = new Outbox(ours, shareOf(true, moved));
    const sender = new Recorder();
    sender.sends = 100;
    stranger.add(sender);
    stranger.ready(sender);
    await until(() => sender.flushes === 1);
    expect(moved).toEqual([]);
    stranger.chargeTo(plentyOfMemory());
    stranger.ready(sender);
    await until(() => sender.flushes === 2);
    expect(moved).toEqual([100]);
  });

  test("end sends what was held back", async () => {
    ours.write(Buffer.from("last words"));
    ours.end();
    await once(theirs, "end");
    expect(received().toString()).toBe("last words");
  });

  test("a sender that throws ends its connection and nothing else", async () => {
    const sender = new Recorder();
    sender.onFlush = () => {
      throw new Error("a bug");
    };
    outbox.add(sender);
    outbox.ready(sender);
    await new Promise((resolve) => ours.once("close", resolve));
    expect(ours.writableCorked).toBe(0);
  });
});

test("counts packets the kernel has not taken, whatever their size", async () => {
  theirs.pause();
  const small = Buffer.alloc(32);
  for (let i = 0; i < 100; i++) ours.write(small);
  expect(outbox.pendingPackets).toBe(100);
  await until(() => outbox.pendingPackets === 0);
  const large = Buffer.alloc(64 * 1024 * 1024);
  ours.write(large);
  await nextTurn();
  for (let i = 0; i < 50; i++) ours.write(small);
  expect(outbox.pendingPackets).toBe(51);
  theirs.resume();
  await until(() => outbox.pendingPackets === 0);
});
