import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { plentyOfMemory } from "../../../src/memory/budget.ts";
import type { LoopShare } from "../../../src/ssh/loop-share.ts";
import { Outbox, type Sender } from "../../../src/ssh/outbox.ts";

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

describe("Outbox", () => {
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
    await nextTurn();
    expect([first.flushes, second.flushes]).toEqual([1, 0]);
    await nextTurn();
    // The one that sent before stands behind the other now.
    expect([first.flushes, second.flushes]).toEqual([2, 1]);
    await until(() => first.flushes === 3);
    expect(Math.min(...first.most)).toBeGreaterThan(0);
  });

  test("attack: who has not logged in makes nobody's pieces small", async () => {
    const moved: number[] = [];
    const share = { quantum: () => 1024, moved: (bytes: number) => void moved.push(bytes) };
    const stranger = new Outbox(ours, share as unknown as LoopShare);
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
