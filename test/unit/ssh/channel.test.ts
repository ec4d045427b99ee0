import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DRAIN_BYTES } from "../../../src/channel.ts";
import { MemoryBudget, type SessionMemory } from "../../../src/memory/budget.ts";
import { SshChannel } from "../../../src/ssh/channel.ts";
import type { Protocol, RawChannel } from "../../../src/ssh/internals.ts";
import { Outbox } from "../../../src/ssh/outbox.ts";
import { INITIAL_WINDOW } from "../../../src/ssh/receive-window.ts";

const ID = 7;
const WINDOW = 100_000;
const MEMORY = 64 * 1024 * 1024;

/** What the protocol was told to send, in order; "packets" are unencrypted. */
class FakeProtocol {
  sent: string[] = [];
  data = Buffer.alloc(0);
  sizes: number[] = [];
  _kexinit: Buffer | undefined;
  readonly _destruct = true;
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  readonly _packetRW = {
    write: {
      allocStart: 5,
      allocStartKEX: 5,
      alloc: (length: number) => Buffer.alloc(5 + length),
      finalize: (packet: Buffer) => packet,
    },
  };

  readonly _cipher = {
    encrypt: (packet: Buffer) => {
      expect([packet[5], packet.readUInt32BE(6)]).toEqual([94, ID]);
      const body = packet.subarray(14);
      expect(packet.readUInt32BE(10)).toBe(body.length);
      this.sizes.push(body.length);
      this.data = Buffer.concat([this.data, body]);
      this.#socket.write(packet);
    },
  };

  channelWindowAdjust(channel: number, bytes: number): void {
    this.sent.push(`adjust ${channel} ${bytes}`);
  }

  channelExtData(_channel: number, data: Buffer, type: number): void {
    this.sent.push(`stderr ${type} ${data.toString()}`);
  }

  exitStatus(_channel: number, status: number): void {
    this.sent.push(`exit-status ${status}`);
  }
}

let ours: Socket;
let theirs: Socket;
let protocol: FakeProtocol;
let raw: RawChannel;
let channel: SshChannel;
let memory: SessionMemory;
let violations: string[];
let calls: string[];

beforeEach(async () => {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  theirs = connect(port, "127.0.0.1");
  [ours] = (await once(server, "connection")) as [Socket];
  server.close();
  theirs.resume();
  violations = [];
  calls = [];
  protocol = new FakeProtocol(ours);
  raw = {
    incoming: { id: 3, window: INITIAL_WINDOW, packetSize: 32768, state: "open" },
    outgoing: { id: ID, window: WINDOW, packetSize: 40_000, state: "open" },
    push: () => true,
    _waitWindow: false,
    _chunkcb: undefined,
    eof: () => protocol.sent.push("EOF"),
    close: () => protocol.sent.push("CLOSE"),
  };
  memory = new MemoryBudget(MEMORY).user().session();
  memory.user.force(INITIAL_WINDOW);
  const outbox = new Outbox(ours);
  outbox.chargeTo(memory);
  const owner = {
    protocol: protocol as unknown as Protocol,
    outbox,
    memory,
    violation: (text: string) => violations.push(text),
    activity: () => {},
    roundTrip: 0,
  };
  channel = new SshChannel(raw, owner, INITIAL_WINDOW);
  channel.onEnd = () => calls.push("end");
  channel.onClose = () => calls.push("close");
  channel.onDrain = () => calls.push("drain");
});

afterEach(() => {
  ours.destroy();
  theirs.destroy();
});

/** As ssh2's CHANNEL_WINDOW_ADJUST does it. */
function adjust(bytes: number): void {
  raw.outgoing.window += bytes;
  if (!raw._waitWindow) return;
  raw._waitWindow = false;
  raw._chunkcb?.();
}

async function until(done: () => boolean): Promise<void> {
  for (let i = 0; i < 1000 && !done(); i++) await nextTurn();
  expect(done()).toBe(true);
}

function pattern(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 0xff));
}

describe("what goes out", () => {
  test("small writes of one turn share a packet, no larger than the peer takes", async () => {
    const data = pattern(100_000);
    for (let at = 0; at < data.length; at += 1_000) channel.write(data.subarray(at, at + 1_000));
    await until(() => protocol.data.length === data.length);
    expect(protocol.data).toEqual(data);
    expect(protocol.sizes).toEqual([40_000, 40_000, 20_000]);
  });

  test("the peer's window is never overrun, and the rest goes when it opens", async () => {
    const data = pattern(WINDOW + 50_000);
    channel.write(data);
    // A machine that is busy sends less in a turn.
    const sent = async (bytes: number): Promise<void> => {
      await until(() => protocol.data.length >= bytes);
      await nextTurn();
      expect(protocol.data.length).toBe(bytes);
    };
    await sent(WINDOW);
    expect(channel.queuedBytes).toBeGreaterThanOrEqual(50_000);
    adjust(10);
    await sent(WINDOW + 10);
    adjust(1 << 20);
    await sent(data.length);
    expect(protocol.data).toEqual(data);
    expect(raw._waitWindow).toBe(true);
  });

  test("queued bytes are never invisible, and draining is told once", async () => {
    channel.write(pattern(DRAIN_BYTES + WINDOW + 1));
    expect(channel.queuedBytes).toBe(DRAIN_BYTES + WINDOW + 1);
    await until(() => channel.queuedBytes === DRAIN_BYTES + 1);
    expect(calls).toEqual([]);
    adjust(1 << 21);
    await until(() => channel.queuedBytes === 0);
    expect(calls).toEqual(["drain"]);
  });

  test("nothing but control messages goes out during a key exchange", async () => {
    protocol._kexinit = Buffer.alloc(1);
    channel.write(pattern(1_000));
    channel.end(0);
    await nextTurn();
    expect(protocol.data.length).toBe(0);
    expect(protocol.sent).toEqual([]);
    protocol._kexinit = undefined;
    channel.flush(Number.POSITIVE_INFINITY);
    expect(protocol.data.length).toBe(1_000);
    expect(protocol.sent).toEqual(["exit-status 0", "EOF", "CLOSE"]);
  });

  test("end sends what is queued first, also when the window is shut", async () => {
    channel.write(pattern(WINDOW + 1));
    channel.end(3);
    channel.end(4);
    channel.write(pattern(5));
    await nextTurn();
    expect(protocol.sent).toEqual([]);
    adjust(1_000);
    await nextTurn();
    expect(protocol.data.length).toBe(WINDOW + 1);
    expect(protocol.sent).toEqual(["exit-status 3", "EOF", "CLOSE"]);
    expect(calls).toEqual(["close"]);
  });

  test("error texts stay in order with the data and within the peer's window", async () => {
    raw.outgoing.window = 5;
    channel.write(Buffer.from("ab"));
    channel.writeError(Buffer.from("hello"));
    channel.write(Buffer.from("cd"));
    channel.end(1);
    await nextTurn();
    await nextTurn();
    expect([protocol.data.toString(), ...protocol.sent]).toEqual(["ab", "stderr 1 hel"]);
    adjust(100);
    await nextTurn();
    await nextTurn();
    const rest = ["stderr 1 lo", "exit-status 1", "EOF", "CLOSE"];
    expect([protocol.data.toString(), ...protocol.sent]).toEqual(["abcd", "stderr 1 hel", ...rest]);
  });
});

describe("what comes in", () => {
  test("data goes to the consumer and ssh2 grants nothing by itself", () => {
    const seen: Buffer[] = [];
    channel.onData = (chunk) => seen.push(chunk);
    const chunk = Buffer.from("abc");
    expect(raw.push(chunk)).toBe(false);
    expect(seen).toEqual([chunk]);
    expect(raw.incoming.window).toBeGreaterThan(INITIAL_WINDOW);
  });

  test("credit comes back for what was consumed", () => {
    channel.onData = () => {};
    for (let i = 0; i < 40; i++) raw.push(Buffer.alloc(32_768));
    channel.consume(40 * 32_768);
    expect(protocol.sent).toEqual([`adjust ${ID} ${40 * 32_768}`]);
  });

  test("a client that sends past its window is told off, its data not taken", () => {
    let taken = 0;
    channel.onData = (chunk) => {
      taken += chunk.length;
    };
    for (let sent = 0; sent < INITIAL_WINDOW; sent += 32_768) raw.push(Buffer.alloc(32_768));
    expect(violations).toEqual([]);
    raw.push(Buffer.from("x"));
    expect(violations).toEqual(["the client sent more than the channel's window allows"]);
    expect(taken).toBe(INITIAL_WINDOW);
  });

  test("who has written nothing is told when what others queued has gone", async () => {
    theirs.pause();
    ours.write(Buffer.alloc(16 * 1024 * 1024));
    expect(channel.queuedBytes).toBeGreaterThan(DRAIN_BYTES);
    await nextTurn();
    expect(calls).toEqual([]);
    theirs.resume();
    await once(ours, "drain");
    await until(() => calls.length > 0);
    expect(calls).toEqual(["drain"]);
  });

  test("is full while its user has no share left, and told when it has", async () => {
    const other = memory.user.session();
    other.force(MEMORY);
    raw.outgoing.window = 10;
    expect(channel.isFull).toBe(false);
    channel.write(pattern(100));
    expect(channel.isFull).toBe(true);
    await nextTurn();
    await nextTurn();
    expect(calls).toEqual([]);
    other.give(MEMORY);
    await until(() => calls.length > 0);
    expect(calls).toEqual(["drain"]);
    expect(channel.isFull).toBe(false);
    expect(channel.queuedBytes).toBeGreaterThan(0);
  });

  test("EOF is told once, and nothing after it", () => {
    const seen: Buffer[] = [];
    channel.onData = (chunk) => seen.push(chunk);
    raw.push(null);
    raw.push(null);
    raw.push(Buffer.from("late"));
    expect(calls).toEqual(["end"]);
    expect(seen).toEqual([]);
  });
});

describe("the end", () => {
  test("after the peer closed every method does nothing", async () => {
    channel.write(pattern(WINDOW + 5));
    channel.closedByPeer();
    channel.closedByPeer();
    channel.write(Buffer.from("x"));
    channel.writeError(Buffer.from("x"));
    channel.consume(1_000_000);
    channel.end(0);
    channel.destroy();
    raw.push(Buffer.from("x"));
    adjust(1_000);
    await nextTurn();
    expect(channel.queuedBytes).toBe(0);
    expect(protocol.data.length).toBe(0);
    expect(protocol.sent).toEqual([]);
    expect(calls).toEqual(["close"]);
  });

  const ENDS: [string, () => void][] = [
    ["the peer closes", () => channel.closedByPeer()],
    ["it is destroyed", () => channel.destroy()],
    [
      "the connection is lost",
      () => {
        ours.destroy();
        channel.closedByPeer();
      },
    ],
  ];
  test.each(ENDS)("all memory comes back when %s, whatever was sent of it", async (_, end) => {
    const released: Buffer[] = [];
    const pieces = [pattern(1_000), pattern(WINDOW), pattern(50_000), pattern(7)];
    for (const piece of pieces) channel.write(piece, (data) => released.push(data));
    channel.writeError(pattern(300));
    expect(memory.used).toBe(WINDOW + 51_307);
    await nextTurn();
    expect(released).toEqual(pieces.slice(0, 1));
    end();
    expect(released).toEqual(pieces);
    channel.write(pieces[0] as Buffer, (data) => released.push(data));
    expect(released).toHaveLength(5);
    ours.destroy();
    await once(ours, "close");
    expect(memory.user.used).toBe(0);
  });

  test("destroy closes at once, drops what is queued and tells so once, later", async () => {
    channel.write(pattern(1_000));
    channel.destroy();
    expect(calls).toEqual([]);
    await nextTurn();
    channel.destroy();
    await nextTurn();
    expect(protocol.sent).toEqual(["CLOSE"]);
    expect(protocol.data.length).toBe(0);
    expect(calls).toEqual(["close"]);
  });
});
