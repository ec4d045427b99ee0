import { expect, test } from "vitest";
import { carve } from "../../../../src/client/remote/memory.ts";

test("small pieces are cut from one slab, and none is in another", () => {
  const pieces = Array.from({ length: 200 }, (_, at) => carve(4161).fill(at));
  for (const [at, piece] of pieces.entries()) {
    expect(piece).toHaveLength(4161);
    expect(piece.every((byte) => byte === at)).toBe(true);
  }
  expect(new Set(pieces.map(({ buffer }) => buffer)).size).toBeLessThan(8);
});

test("a larger piece has memory of its own, and doesn't keep a slab", () => {
  expect(carve(200_000).buffer.byteLength).toBe(200_000);
});
