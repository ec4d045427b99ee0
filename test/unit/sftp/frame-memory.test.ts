import { describe, expect, it } from "vitest";
import { DATA_HEADER, MAX_DATA } from "../../../src/sftp/constants.ts";
import { frameMemory, recycle } from "../../../src/sftp/frame-memory.ts";

describe("frame memory", () => {
  it("has room for the header and the data", () => {
    for (const data of [0, 1, 4000, 4096, 32768, 32769, 65536, 100_000, 131_073, MAX_DATA]) {
      const frame = frameMemory(data);
      expect(frame.length).toBeGreaterThanOrEqual(DATA_HEADER + data);
      expect(frame.length).toBeLessThanOrEqual(2 * (DATA_HEADER + data) + 32 * 1024);
    }
  });

  it("is used again, all of it, and by one at a time", () => {
    const first = frameMemory(MAX_DATA);
    recycle(first.subarray(0, 200_000));
    const again = frameMemory(MAX_DATA);
    expect(again.buffer).toBe(first.buffer);
    expect(again.length).toBe(DATA_HEADER + MAX_DATA);
    expect(frameMemory(MAX_DATA).buffer).not.toBe(first.buffer);
  });

  it("is kept up to a bound", () => {
    const frames = Array.from({ length: 200 }, () => frameMemory(MAX_DATA));
    const before = new Set(frames.map((frame) => frame.buffer));
    for (const frame of frames) recycle(frame);
    const reused = Array.from({ length: 200 }, () => frameMemory(MAX_DATA)).filter((frame) =>
      before.has(frame.buffer),
    );
    expect(reused.length).toBeGreaterThan(10);
    expect(reused.length * MAX_DATA).toBeLessThan(17 * 1024 * 1024);
  });

  it("of other lengths is left to the collector", () => {
    const odd = Buffer.allocUnsafeSlow(50_000);
    recycle(odd);
    expect(frameMemory(49_000).buffer).not.toBe(odd.buffer);
  });
});
