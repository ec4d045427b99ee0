import { expect, it } from "vitest";
import { compact } from "../../src/channel.ts";

it("attack: a little data in a wide packet doesn't keep the packet in memory", () => {
  const packet = Buffer.alloc(256 * 1024, 7);
  const kept = compact(packet.subarray(10, 4106));
  expect(kept.buffer.byteLength).toBeLessThan(32 * 1024);
  expect(kept.equals(packet.subarray(10, 4106))).toBe(true);
});

it("takes what fills its memory as it is", () => {
  const packet = Buffer.alloc(256 * 1024);
  const data = packet.subarray(14, 255 * 1024);
  expect(compact(data)).toBe(data);
});
