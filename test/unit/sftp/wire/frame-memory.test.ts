import { describe, expect, it } from "vitest";
import { slabs } from "../../../../src/memory/slabs.ts";
import { DATA_HEADER, MAX_DATA } from "../../../../src/sftp/wire/constants.ts";
import { frameMemory, frameRoom, recycle } from "../../../../src/sftp/wire/frame-memory.ts";

describe("frame memory", () => {
  it("has room for the header and the data, and takes what it is counted with", () => {
    for (const data of [0, 1, 4000, 4096, 32768, 32769, 65536, 100_000, 131_073, MAX_DATA]) {
      const frame = frameMemory(data);
      expect(frame.length).toBeGreaterThanOrEqual(DATA_HEADER + data);
      expect(frame.length).toBeLessThanOrEqual(2 * (DATA_HEADER + data) + 36 * 1024);
      expect(frameRoom(data)).toBe(frame.length);
      recycle(frame);
    }
    expect(slabs.bytesOut).toBe(0);
  });

  it("is used again, all of it, and by one at a time", () => {
    const first = frameMemory(MAX_DATA);
    const place = [first.buffer, first.byteOffset];
    recycle(first.subarray(0, 200_000));
    const again = frameMemory(MAX_DATA);
    expect([again.buffer, again.byteOffset]).toEqual(place);
    const other = frameMemory(MAX_DATA);
    expect(other.byteOffset).not.toBe(again.byteOffset);
    recycle(again);
    recycle(other);
  });

  it("of others is left to the collector", () => {
    const other = Buffer.allocUnsafeSlow(50_000);
    recycle(other);
    const frame = frameMemory(49_000);
    expect(frame.buffer).not.toBe(other.buffer);
    recycle(frame);
  });
});
