import { describe, expect, it } from "vitest";
import { FrameQueue } from "../../../../src/sftp/wire/frames.ts";

const DATA = Buffer.from(Array.from({ length: 40 }, (_, index) => index + 1));

describe("FrameQueue", () => {
  it("reads numbers across every split", () => {
    for (let split = 1; split < 8; split++) {
      const frames = new FrameQueue();
      frames.push(DATA.subarray(0, split));
      expect(frames.nextLength()).toBe(split < 4 ? -1 : 0x01020304);
      frames.push(DATA.subarray(split));
      expect(frames.nextLength()).toBe(0x01020304);
      for (let at = 0; at <= 36; at++) expect(frames.u32(at)).toBe(DATA.readUInt32BE(at));
      expect(frames.u8(39)).toBe(40);
    }
  });

  it("reads numbers over 2^31 as positive", () => {
    const frames = new FrameQueue();
    frames.push(Buffer.from([0xff, 0xfe]));
    frames.push(Buffer.from([0xfd, 0xfc]));
    expect(frames.u32(0)).toBe(0xfffefdfc);
  });

  it("takes, slices and skips across chunks", () => {
    for (const size of [1, 2, 3, 5, 7, 39, 40]) {
      const frames = new FrameQueue();
      for (let at = 0; at < 40; at += size) frames.push(DATA.subarray(at, at + size));
      expect(frames.take(3)).toEqual(DATA.subarray(0, 3));
      frames.skip(4);
      const slices: Buffer[] = [];
      frames.takeSlices(20, slices);
      expect(Buffer.concat(slices)).toEqual(DATA.subarray(7, 27));
      expect(frames.size).toBe(13);
      expect(frames.take(13)).toEqual(DATA.subarray(27));
      expect(frames.size).toBe(0);
      frames.push(DATA);
      expect(frames.take(40)).toEqual(DATA);
    }
  });

  it("knows when a frame is whole, and takes it with its length", () => {
    const frames = new FrameQueue();
    const frame = Buffer.from([0, 0, 0, 3, 7, 8, 9]);
    for (const byte of frame) {
      expect(frames.hasFrame).toBe(false);
      frames.push(Buffer.from([byte]));
    }
    frames.push(Buffer.alloc(4));
    expect([frames.hasFrame, frames.takeFrame()]).toEqual([true, frame]);
    expect([frames.hasFrame, frames.takeFrame()]).toEqual([true, Buffer.alloc(4)]);
    expect([frames.hasFrame, frames.size]).toEqual([false, 0]);
  });

  it("gives large chunks out as they came, without a copy", () => {
    const frames = new FrameQueue();
    const chunks = [Buffer.alloc(8192, 1), Buffer.alloc(8192, 2)];
    for (const chunk of chunks) frames.push(chunk);
    const slices: Buffer[] = [];
    frames.takeSlices(16384, slices);
    expect(slices[0]).toBe(chunks[0]);
    expect(slices[1]).toBe(chunks[1]);
  });

  it("attack: whatever comes between a client's data, what waits takes about twice its bytes", () => {
    const KIB = 1024;
    const crumbs: [string, () => Buffer[]][] = [
      ["a quarter of a chunk", () => [Buffer.alloc(64 * KIB).subarray(0, 16 * KIB)]],
      ["tiny between large", () => [Buffer.alloc(4 * KIB), Buffer.alloc(1)]],
      ["tiny of wide packets", () => [Buffer.alloc(256 * KIB).subarray(0, 10)]],
      [
        "a third of two in turns",
        () => [64, 60].map((n) => Buffer.alloc(n * KIB).subarray(20_000)),
      ],
    ];
    for (const [name, make] of crumbs) {
      const queue = new FrameQueue();
      const kept = new Set<ArrayBufferLike>();
      for (let i = 0; i < 3000 && queue.size < 3 * KIB * KIB; i++) {
        for (const chunk of make()) queue.push(chunk);
      }
      const memory = queue.memory;
      const bytes = queue.size;
      for (let left = bytes; left > 0; ) {
        const slices: Buffer[] = [];
        const length = Math.min(left, 50_000);
        queue.takeSlices(length, slices);
        for (const { buffer } of slices) kept.add(buffer);
        left -= length;
      }
      const real = [...kept].reduce((sum, { byteLength }) => sum + byteLength, 0);
      expect(real, name).toBeLessThanOrEqual(memory);
      expect(memory, name).toBeLessThanOrEqual(2 * bytes + KIB * KIB + 64 * KIB);
      expect(queue.memory, name).toBe(0);
    }
  });

  it("attack: chunks of a little data don't keep the wide packets they came in", () => {
    const queue = new FrameQueue();
    for (let i = 0; i < 4; i++) queue.push(Buffer.alloc(256 * 1024).subarray(9, 9 + 4096));
    const slices: Buffer[] = [];
    queue.takeSlices(queue.size, slices);
    for (const { buffer } of slices) expect(buffer.byteLength).toBeLessThan(64 * 1024);
  });

  it("joins small chunks that wait, so that a flood of bytes costs bytes", () => {
    const frames = new FrameQueue();
    for (let index = 0; index < 100_000; index++) frames.push(Buffer.from([index & 0xff]));
    const slices: Buffer[] = [];
    frames.takeSlices(100_000, slices);
    expect(slices.length).toBeLessThan(10);
    const joined = Buffer.concat(slices);
    for (let index = 0; index < 100_000; index += 777) expect(joined[index]).toBe(index & 0xff);
  });

  it("does not change bytes handed out when more arrive", () => {
    const frames = new FrameQueue();
    frames.push(Buffer.from("first"));
    frames.push(Buffer.from("second"));
    const slices: Buffer[] = [];
    frames.takeSlices(11, slices);
    frames.push(Buffer.from("x"));
    frames.push(Buffer.from("overwritten"));
    expect(Buffer.concat(slices).toString()).toBe("firstsecond");
  });

  it("forgets everything on clear", () => {
    const frames = new FrameQueue();
    frames.push(DATA);
    frames.clear();
    expect(frames.size).toBe(0);
    expect(frames.nextLength()).toBe(-1);
  });
});
