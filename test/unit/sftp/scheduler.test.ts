import { describe, expect, it } from "vitest";
import type { FsErrorCode } from "../../../src/errors.ts";
import { PacketType, StatusCode } from "../../../src/sftp/wire/constants.ts";
import { randomDelay, startMemory } from "../../support/sftp-client-memory.ts";
import { frame, type Reply, str, u32, u64 } from "../../support/sftp-client-packets.ts";

const { OK, FAILURE } = StatusCode;
const KIB = 1024;
const MIB = 1024 * KIB;
/** the scheduler's own bound of 4 MiB, and one page or status on top */
const REPLY_BOUND = 4 * MIB + 128 * KIB;

const codes = (replies: Reply[]) => replies.map((reply) => reply.code);
const turns = async (count: number) => {
  for (; count > 0; count--) await new Promise((resolve) => setImmediate(resolve));
};

describe("memory", () => {
  it("holds 30,000 queued READs of 261120 within a bound and answers all of them", async () => {
    const { fs, channel, client } = await startMemory();
    await client.put("big", Buffer.alloc(2 * MIB, 7));
    const handle = await client.open("big", 0x01);
    channel.maxQueued = 0;
    fs.maxRunning = 0;
    channel.pause();
    const reads = Array.from({ length: 30_000 }, (_, index) =>
      client.requests.read(handle, (index % 4) * 261120, 261120),
    );
    client.send(...reads);
    await turns(50);
    const stalled = { read: fs.calls.length, queued: channel.queuedBytes };
    await turns(50);
    expect({ read: fs.calls.length, queued: channel.queuedBytes }).toEqual(stalled);
    expect(channel.maxQueued).toBeGreaterThan(2 * MIB);
    channel.resume();
    for (const read of reads) {
      const reply = await client.reply();
      if (reply.id !== read.readUInt32BE(5) || reply.data.length !== 261120) {
        throw new Error(`reply ${reply.id} for ${read.readUInt32BE(5)}`);
      }
    }
    expect(channel.maxQueued).toBeLessThan(REPLY_BOUND);
    expect(fs.maxRunning).toBeLessThanOrEqual(64);
  });

  it("stops reading when replies of any kind are not taken", async () => {
    const { fs, channel, client } = await startMemory();
    await client.put("f", Buffer.alloc(100));
    const handle = await client.open("f", 0x01);
    const kinds = [
      () => client.requests.stat("f"),
      () => client.requests.stat("missing"),
      () => client.requests.make(77),
      () => client.requests.read(handle, 50, 261120),
      () => client.requests.read(handle, 500, 261120),
      () => client.requests.extended("unknown@nowhere"),
    ];
    channel.pause();
    for (const kind of kinds) client.send(...Array.from({ length: 18_000 }, kind));
    let calls = -1;
    while (calls !== fs.calls.length) {
      calls = fs.calls.length;
      await turns(20);
    }
    expect(channel.queuedBytes).toBeLessThan(REPLY_BOUND);
    expect(channel.writes).toBeLessThan(20_000);
    channel.resume();
    for (let count = 0; count < 108_000; count++) await client.reply();
    expect(client.received).toBeGreaterThanOrEqual(108_000);
  });

  it("gives no credit for a WRITE before it is stored, and all of it afterwards", async () => {
    let open: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    let gated = false;
    const delay = () => (gated ? gate : Promise.resolve());
    const { channel, client } = await startMemory({ delay });
    const handle = await client.open("f", 0x1a);
    const before = channel.consumed;
    gated = true;
    const writes = Array.from({ length: 100 }, (_, index) =>
      client.requests.write(handle, index * 32768, Buffer.alloc(32768)),
    );
    client.send(...writes);
    await turns(20);
    expect(channel.consumed).toBe(before);
    open();
    for (const write of writes) expect((await client.reply()).id).toBe(write.readUInt32BE(5));
    const sent = writes.reduce((sum, write) => sum + write.length, 0);
    expect(channel.consumed - before).toBe(sent);
  });

  it("gives credit for every byte of other requests", async () => {
    const { channel, client } = await startMemory({}, {}, { window: 16 * KIB });
    let sent = channel.consumed;
    const requests = Array.from({ length: 3000 }, (_, index) =>
      client.requests.stat(`missing-${index}`),
    );
    requests.push(client.requests.write(Buffer.alloc(8), 0, Buffer.alloc(5000)));
    requests.push(client.requests.read(Buffer.alloc(8), 0, 1));
    requests.push(frame(PacketType.WRITE, u32(5), u32(4000)));
    for (const request of requests) sent += request.length;
    client.send(...requests);
    for (const _ of requests) await client.reply();
    expect(channel.consumed).toBe(sent);
  });
});

describe("order", () => {
  it("answers in arrival order whatever takes longer", async () => {
    const { fs, client } = await startMemory({ delay: randomDelay(5) });
    await client.put("f", Buffer.from("0123456789"));
    const handle = await client.open("f", 0x03);
    const r = client.requests;
    const requests = Array.from({ length: 300 }, (_, index) =>
      index % 3 === 0 ? r.stat("f") : index % 3 === 1 ? r.read(handle, index % 10, 1) : r.make(99),
    );
    fs.maxRunning = 0;
    const replies = await client.all(...requests);
    expect(replies.length).toBe(300);
    expect(fs.maxRunning).toBeGreaterThan(10);
  });

  it("overlaps nothing with a request that changes something", async () => {
    const { fs, client } = await startMemory({ delay: randomDelay(9) });
    const r = client.requests;
    fs.maxRunning = 0;
    const replies = await client.all(
      ...Array.from({ length: 20 }, (_, index) => [
        r.mkdir(`d${index}`),
        r.rename(`d${index}`, `e${index}`),
        r.setstat(`e${index}`, { permissions: 0o700 }),
        r.rmdir(`e${index}`),
      ]).flat(),
    );
    expect(codes(replies)).toEqual(Array(80).fill(OK));
    expect(fs.maxRunning).toBe(1);
  });

  it("looks a handle up only when the CLOSE before it is done", async () => {
    const { client } = await startMemory({ delay: randomDelay(3) });
    await client.put("f", "text");
    const handle = await client.open("f", 0x03);
    const r = client.requests;
    const replies = await client.all(
      r.read(handle, 0, 4),
      r.close(handle),
      r.read(handle, 0, 4),
      r.write(handle, 0, "x"),
      r.fstat(handle),
    );
    expect(replies[0]?.data.toString()).toBe("text");
    expect(codes(replies.slice(1))).toEqual([OK, FAILURE, FAILURE, FAILURE]);
  });

  it("lets other work in between requests that never wait", async () => {
    const { client } = await startMemory();
    let turnsSeen = 0;
    let counting = true;
    const count = () => {
      turnsSeen++;
      if (counting) setImmediate(count);
    };
    const requests = Array.from({ length: 30_000 }, () => client.requests.realpath("a/b/c/d"));
    client.send(...requests);
    setImmediate(count);
    for (const _ of requests) await client.reply();
    counting = false;
    expect(turnsSeen).toBeGreaterThan(3);
  });
});

describe("writes", () => {
  it("joins what is received of a sequence, and answers each", async () => {
    const { fs, client } = await startMemory();
    const handle = await client.open("f", 0x1a);
    const data = Buffer.from(Array.from({ length: 400 * 4096 }, (_, index) => index % 251));
    const writes = Array.from({ length: 400 }, (_, index) =>
      client.requests.write(handle, index * 4096, data.subarray(index * 4096, (index + 1) * 4096)),
    );
    fs.calls.length = 0;
    expect(codes(await client.all(...writes))).toEqual(Array(400).fill(OK));
    expect(fs.calls.filter((call) => call === "write").length).toBeLessThan(20);
    expect((await client.get("f")).equals(data)).toBe(true);
  });

  it("stores of a joined write over the quota what fits, part by part", async () => {
    const { fs, client } = await startMemory({ quota: 10_000 });
    const handle = await client.open("f", 0x1a);
    const writes = Array.from({ length: 10 }, (_, index) =>
      client.requests.write(handle, index * 3000, Buffer.alloc(3000, index + 1)),
    );
    const replies = await client.all(...writes);
    expect(codes(replies)).toEqual([OK, OK, OK, ...Array(7).fill(FAILURE)]);
    expect(replies[9]?.text).toMatch(/quota/i);
    expect(fs.used).toBe(9000);
  });

  it("does the same for appends, and nothing twice", async () => {
    const { fs, client } = await startMemory({ quota: 10 });
    const handle = await client.open("f", 0x0e);
    const parts = ["aaa", "bbb", "cccc", "ddddddd", "e"];
    const writes = parts.map((part) => client.requests.write(handle, 0, part));
    expect(codes(await client.all(...writes))).toEqual([OK, OK, OK, FAILURE, FAILURE]);
    expect((await client.get("f")).toString()).toBe("aaabbbcccc");
    expect(fs.used).toBe(10);
  });

  it("repeats no append after an error that may have written something", async () => {
    let failing: FsErrorCode | undefined;
    const fail = (operation: string) => (operation === "write" ? failing : undefined);
    const { fs, client } = await startMemory({ fail });
    const r = client.requests;
    for (const [flags, calls] of [
      [0x0e, 1],
      [0x1a, 4],
    ] as const) {
      const handle = await client.open("f", flags);
      failing = "ENOSPC";
      fs.calls.length = 0;
      const writes = [0, 1, 2].map((index) => r.write(handle, index, "x"));
      expect(codes(await client.all(...writes))).toEqual([FAILURE, FAILURE, FAILURE]);
      expect(fs.calls.length).toBe(calls);
      failing = undefined;
    }
  });

  it("never runs two at once: a crash could leave the second without the first", async () => {
    const { fs, client } = await startMemory({ delay: randomDelay(11) });
    const [a, b] = [await client.open("a", 0x1a), await client.open("b", 0x1a)];
    const c = await client.open("a", 0x02);
    const r = client.requests;
    const run = async (...requests: Buffer[]) => {
      fs.maxRunning = 0;
      expect(codes(await client.all(...requests))).toEqual(requests.map(() => OK));
      return fs.maxRunning;
    };
    const many = (at: (index: number) => Buffer) => Array.from({ length: 30 }, (_, i) => at(i));
    expect(await run(...many((index) => r.write(a, index * 10, "apart")))).toBe(1);
    expect(await run(...many((index) => r.write(index % 2 ? a : c, index * 10, "apart")))).toBe(1);
    expect(await run(...many((index) => r.write(a, index * 2, "common")))).toBe(1);
    expect(await run(...many((index) => r.write(index % 2 ? a : c, 0, "common")))).toBe(1);
    expect(await run(...many((index) => r.write(index % 2 ? a : b, index * 9, "files")))).toBe(1);
    expect((await client.get("a")).subarray(0, 6).toString()).toBe("common");
  });

  it("refuses what no file can hold, and handles of another kind", async () => {
    const { client } = await startMemory();
    const r = client.requests;
    const writing = await client.open("f", 0x1a);
    const reading = await client.open("f", 0x01);
    const directory = (await client.call(r.opendir("/"))).handle;
    const replies = await client.all(
      r.write(writing, 2n ** 64n - 1n, "x"),
      r.write(writing, 2n ** 53n, "x"),
      r.write(writing, 2n ** 53n - 1n, "xx"),
      r.write(reading, 0, "x"),
      r.write(directory, 0, "x"),
      r.read(writing, 0, 1),
      r.read(directory, 0, 1),
    );
    expect(codes(replies)).toEqual(Array(7).fill(FAILURE));
    expect(replies[0]?.text).toMatch(/too large/i);
    expect(replies[3]?.text).toMatch(/not open for writing/);
    const empty = await client.call(r.write(writing, 2n ** 40n, ""));
    expect(empty.code).toBe(OK);
    expect((await client.call(r.fstat(writing))).attrs.size).toBe(0);
  });
});

describe("reads", () => {
  it("are whole wherever the file ends, also when it grows in between", async () => {
    const { client } = await startMemory();
    const r = client.requests;
    const sizes = [0, 1, 100, 32767, 32768, 32769, 65536, 261119, 261120, 261121, 600_000];
    for (const size of sizes) {
      const data = Buffer.from(Array.from({ length: size }, (_, index) => index % 253));
      await client.put("f", data);
      const handle = await client.open("f", 0x03);
      const read = async (at: number, length: number) => {
        const reply = await client.call(r.read(handle, at, length));
        return reply.type === PacketType.DATA ? reply.data : Buffer.alloc(0);
      };
      for (const at of [0, 0, 1, size - 1, size, size + 5, 0]) {
        if (at < 0) continue;
        const whole = (await read(at, 261120)).equals(data.subarray(at, at + 261120));
        expect([size, at, whole]).toEqual([size, at, true]);
      }
      await client.ok(r.write(handle, size, Buffer.alloc(100_000, 9)));
      const grown = Buffer.concat([data, Buffer.alloc(100_000, 9)]);
      for (const at of [size, size > 0 ? size - 1 : 0, 0]) {
        expect((await read(at, 261120)).equals(grown.subarray(at, at + 261120))).toBe(true);
      }
      await client.ok(r.close(handle));
    }
  });

  it("of no bytes give no bytes", async () => {
    const { client } = await startMemory();
    await client.put("f", "text");
    const handle = await client.open("f", 0x01);
    expect((await client.call(client.requests.read(handle, 0, 0))).data.length).toBe(0);
  });

  it("that are malformed are answered, not fatal", async () => {
    const { client } = await startMemory();
    const handle = await client.open("f", 0x1b);
    const replies = await client.all(
      frame(PacketType.READ, u32(1), str(handle), u64(0)),
      frame(PacketType.READ, u32(2), u32(5000)),
      frame(PacketType.READ, u32(3)),
      frame(PacketType.WRITE, u32(4), str(handle), u64(0), u32(5), Buffer.from("four")),
      frame(PacketType.WRITE, u32(5), str(handle), u64(0)),
      frame(PacketType.WRITE, u32(6), str(Buffer.alloc(256)), u64(0), u32(5)),
      frame(PacketType.WRITE, u32(7), str(handle), u64(0), str("four"), Buffer.from("tail")),
    );
    expect(codes(replies)).toEqual([...Array(6).fill(StatusCode.BAD_MESSAGE), OK]);
    expect((await client.get("f")).toString()).toBe("four");
  });
});
