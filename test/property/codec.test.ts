import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readAttrs, writeAttrs } from "../../src/sftp/wire/attrs.ts";
import { PacketType } from "../../src/sftp/wire/constants.ts";
import { FrameQueue } from "../../src/sftp/wire/frames.ts";
import { Reader } from "../../src/sftp/wire/reader.ts";
import { Writer } from "../../src/sftp/wire/writer.ts";
import { bytes } from "../../src/vfs/path.ts";
import { MemoryFs } from "../support/memory-fs.ts";
import { serveMemory, startMemory } from "../support/sftp-client-memory.ts";
import { frame, type Requests, u32 } from "../support/sftp-client-packets.ts";

const RUNS = { numRuns: 200 };
const u32s = fc.integer({ min: 0, max: 0xffffffff });
const buffers = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));

const fields = fc.oneof(
  u32s.map((value) => ({ kind: "u32" as const, value })),
  fc.bigInt({ min: 0n, max: 2n ** 53n - 1n }).map((value) => ({ kind: "u64" as const, value })),
  buffers.map((value) => ({ kind: "string" as const, value })),
);

describe("codec", () => {
  it("reads what it writes", () => {
    fc.assert(
      fc.property(fc.array(fields), fc.integer({ min: 5, max: 64 }), (list, hint) => {
        const writer = new Writer(PacketType.NAME, hint);
        for (const field of list) {
          if (field.kind === "u32") writer.u32(field.value);
          else if (field.kind === "u64") writer.u64(Number(field.value));
          else if (field.value.length % 2) writer.string(field.value);
          else writer.bytes(bytes(field.value));
        }
        const whole = writer.finish();
        expect(whole.readUInt32BE(0)).toBe(whole.length - 4);
        const reader = new Reader(whole, 5);
        for (const field of list) {
          if (field.kind === "u32") expect(reader.u32()).toBe(field.value);
          else if (field.kind === "u64") expect(reader.u64()).toBe(Number(field.value));
          else expect(reader.string().equals(field.value)).toBe(true);
        }
        expect(reader.remaining).toBe(0);
      }),
      RUNS,
    );
  });

  it("reads the attributes it writes", () => {
    const stats = fc.record({
      mode: fc.integer({ min: 0, max: 0o177777 }),
      nlink: fc.constant(1),
      size: fc.maxSafeNat(),
      atime: u32s,
      mtime: u32s,
    });
    fc.assert(
      fc.property(stats, u32s, u32s, (stat, uid, gid) => {
        const owner = { uid, gid, user: "u", group: "g" };
        const whole = writeAttrs(new Writer(PacketType.ATTRS), stat, owner).finish();
        expect(readAttrs(new Reader(whole, 5))).toEqual({
          size: stat.size,
          owner: { uid, gid },
          permissions: stat.mode,
          times: { atime: stat.atime, mtime: stat.mtime },
        });
      }),
      RUNS,
    );
  });

  it("gives the same frames however they were split", () => {
    const lists = fc.array(buffers, { minLength: 1, maxLength: 20 });
    const cuts = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(lists, cuts, fc.boolean(), (list, sizes, slice) => {
        const sent = Buffer.concat(list.map((body) => Buffer.concat([u32(body.length), body])));
        const frames = new FrameQueue();
        const got: Buffer[] = [];
        for (let at = 0, turn = 0; at < sent.length; turn++) {
          const size = sizes[turn % sizes.length] as number;
          frames.push(sent.subarray(at, at + size));
          at += size;
          // Every other time frames wait, so that chunks gather.
          if (turn % 2 === 0 || at >= sent.length) takeAll(frames, got, slice);
        }
        expect(got.length).toBe(list.length);
        expect(Buffer.concat(got).equals(sent)).toBe(true);
        expect(frames.size).toBe(0);
      }),
      RUNS,
    );
  });
});

function takeAll(frames: FrameQueue, into: Buffer[], slice: boolean): void {
  for (;;) {
    const length = frames.nextLength();
    if (length === -1 || frames.size < 4 + length) return;
    if (!slice) {
      into.push(frames.take(4 + length));
      continue;
    }
    const slices: Buffer[] = [];
    frames.takeSlices(4 + length, slices);
    into.push(Buffer.concat(slices));
  }
}

describe("a session", () => {
  const settle = async () => {
    for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
  };

  it("survives garbage without growing", async () => {
    const garbage = fc.array(fc.uint8Array({ maxLength: 2000 }), { maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(garbage, fc.boolean(), async (chunks, greeted) => {
        const served = serveMemory(new MemoryFs());
        if (greeted) await served.client.init();
        for (const chunk of chunks) served.client.send(Buffer.from(chunk));
        await settle();
        expect(served.channel.queuedBytes).toBeLessThan(64 * 1024);
        await served.session.close();
        expect(served.fs.openFiles).toBe(0);
      }),
      RUNS,
    );
  });

  it("answers every well-formed frame of garbage exactly once, in order", async () => {
    const bodies = fc.array(
      fc.tuple(fc.integer({ min: 2, max: 255 }), fc.uint8Array({ maxLength: 60 })),
      { maxLength: 60 },
    );
    const lengths = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 });
    await fc.assert(
      fc.asyncProperty(bodies, lengths, async (list, sizes) => {
        let turn = 0;
        const chunk = () => sizes[turn++ % sizes.length] as number;
        const { client, session } = await startMemory({}, {}, { chunk });
        client.send(...list.map(([type, body], id) => frame(type, u32(id), Buffer.from(body))));
        for (let id = 0; id < list.length; id++) expect((await client.reply()).id).toBe(id);
        await session.close();
      }),
      RUNS,
    );
  });

  it("gives the same replies at every split of the stream", async () => {
    const script = (r: Requests, handle: Buffer) => [
      r.write(handle, 0, Buffer.alloc(300, 1)),
      r.write(handle, 300, "tail"),
      r.read(handle, 298, 100),
      r.stat("f"),
      r.rename("f", "g"),
      r.open("missing", 1),
      r.close(handle),
      r.close(handle),
    ];
    const run = async (chunk: number) => {
      const { client, session } = await startMemory({}, {}, { chunk });
      const handle = await client.open("f", 0x1b);
      const replies = await client.all(...script(client.requests, handle));
      await session.close();
      return replies.map((reply) => reply.frame.toString("hex"));
    };
    const whole = await run(1 << 20);
    for (let chunk = 1; chunk < 120; chunk++) expect(await run(chunk)).toEqual(whole);
  });
});
