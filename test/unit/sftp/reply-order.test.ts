import { describe, expect, it } from "vitest";
import { MemoryBudget } from "../../../src/memory/budget.ts";
import { slabs } from "../../../src/memory/slabs.ts";
import { ReplyOrder } from "../../../src/sftp/reply-order.ts";
import { frameMemory } from "../../../src/sftp/wire/frame-memory.ts";
import { MemoryChannel } from "../../support/memory-channel.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** An order of replies, and what it has sent. */
function start(budget = 100 * MIB) {
  const channel = new MemoryChannel();
  const user = new MemoryBudget(budget).user();
  const memory = user.session();
  const sent: string[] = [];
  channel.clientData = (data) => sent.push(data.toString());
  let rooms = 0;
  const order = new ReplyOrder(channel, memory, () => rooms++);
  return { channel, user, memory, order, sent, rooms: () => rooms };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("replies", () => {
  it("leave in the order of their places, whichever comes first", async () => {
    const { order, sent } = start();
    const [a, b, c] = [order.open(0), order.open(0), order.open(0)];
    order.fill(c, Buffer.from("c"));
    order.fill(a, Buffer.from("a"));
    order.flush();
    await turn();
    expect([sent.join(""), order.isEmpty]).toEqual(["a", false]);
    order.fill(b, Buffer.from("b"));
    order.flush();
    await turn();
    expect([sent.join(""), order.isEmpty]).toEqual(["abc", true]);
  });

  it("are counted while they are made and while they wait, at their size", () => {
    const { order, memory } = start();
    const [a, b] = [order.open(1000), order.open(0)];
    expect(memory.used).toBe(1000);
    order.fill(b, Buffer.alloc(70));
    expect(memory.used).toBe(1070);
    order.fill(a, Buffer.alloc(50));
    expect(memory.used).toBe(0);
  });
});

describe("room", () => {
  it("is for 64 requests, until the first is answered", () => {
    const { order } = start();
    const slots = Array.from({ length: 64 }, () => order.open(0));
    expect(order.hasRoom(0)).toBe(false);
    for (const slot of slots.slice(1)) order.fill(slot, Buffer.alloc(1));
    expect(order.hasRoom(0)).toBe(false);
    for (const slot of slots.slice(0, 1)) order.fill(slot, Buffer.alloc(1));
    expect(order.hasRoom(0)).toBe(true);
  });

  it("is 4 MiB, with what is gathered and what the channel still has", () => {
    const { order, channel } = start();
    const slot = order.open(3 * MIB);
    expect([order.hasRoom(MIB), order.hasRoom(MIB + 1)]).toEqual([true, false]);
    channel.pause();
    order.fill(slot, Buffer.alloc(3 * MIB));
    order.fill(order.open(0), Buffer.alloc(100));
    expect([order.hasRoom(MIB - 100), order.hasRoom(MIB - 99)]).toEqual([true, false]);
  });

  it("is what the session may take, and told of when it comes", async () => {
    const { order, user, rooms } = start(8 * MIB);
    const other = user.session();
    other.force(3 * MIB);
    order.open(1);
    expect(order.hasRoom(MIB)).toBe(false);
    other.give(3 * MIB);
    await turn();
    expect([rooms(), order.hasRoom(MIB)]).toEqual([1, true]);
  });
});

describe("close", () => {
  it("gives all memory back, also of what comes later, and sends nothing", async () => {
    const { order, memory, channel } = start();
    const before = slabs.bytesOut;
    const [a, b] = [order.open(9 * KIB), order.open(9 * KIB)];
    order.fill(b, frameMemory(9 * KIB));
    order.close();
    expect([memory.used, slabs.bytesOut]).toEqual([9 * KIB, before]);
    order.fill(a, frameMemory(9 * KIB));
    expect([memory.used, slabs.bytesOut, channel.writes]).toEqual([0, before, 0]);
  });

  it("waits for room no more", async () => {
    const { order, user, rooms } = start(8 * MIB);
    const other = user.session();
    other.force(3 * MIB);
    order.open(1);
    expect(order.hasRoom(MIB)).toBe(false);
    order.close();
    other.give(3 * MIB);
    await turn();
    expect(rooms()).toBe(0);
  });
});
