import { describe, expect, it } from "vitest";
import { LARGEST_PIECE, roomOf, Slabs } from "../../../src/memory/slabs.ts";

const SIZES = [1, 36 * 1024, 36 * 1024 + 1, 68 * 1024, 100_000, 132 * 1024, LARGEST_PIECE];

function isApart(a: Buffer, b: Buffer): boolean {
  if (a.buffer !== b.buffer) return true;
  return a.byteOffset + a.length <= b.byteOffset || b.byteOffset + b.length <= a.byteOffset;
}

describe("slabs", () => {
  it("give pieces that are long enough and overlap nowhere", () => {
    const slabs = new Slabs();
    const pieces = Array.from({ length: 300 }, (_, i) => slabs.take(SIZES[i % 7] as number));
    for (const [i, piece] of pieces.entries()) {
      expect(piece.length).toBe(roomOf(SIZES[i % 7] as number));
      expect(pieces.every((other) => other === piece || isApart(other, piece))).toBe(true);
    }
    expect(slabs.bytesOut).toBe(pieces.reduce((sum, piece) => sum + piece.length, 0));
    for (const piece of pieces) slabs.give(piece);
    expect(slabs.bytesOut).toBe(0);
  });

  it("use what came back last first, whatever part of it was given", () => {
    const slabs = new Slabs();
    const piece = slabs.take(100_000);
    slabs.give(piece.subarray(70_000, 80_000));
    expect(slabs.take(100_000)).toBe(piece);
  });

  it("take back a piece once only", () => {
    const slabs = new Slabs();
    const piece = slabs.take(10_000);
    slabs.give(piece);
    expect(() => slabs.give(piece)).toThrow("twice");
    slabs.give(Buffer.alloc(100));
    expect(slabs.bytesOut).toBe(0);
  });

  it("have no piece beyond the largest", () => {
    expect(() => new Slabs().take(LARGEST_PIECE + 1)).toThrow(RangeError);
  });

  it("use a block for pieces of another length when none of it is out", () => {
    const slabs = new Slabs();
    for (const length of SIZES) {
      const pieces = Array.from({ length: 100 }, () => slabs.take(length));
      for (const piece of pieces) slabs.give(piece);
    }
    // A hundred of the largest at once are all that was ever needed.
    expect(slabs.bytesReserved).toBeLessThan(100 * LARGEST_PIECE * 1.5);
  });

  it("give regions back that nobody used since the last look, and their memory is gone", () => {
    const slabs = new Slabs();
    const pieces = Array.from({ length: 1000 }, () => slabs.take(30_000));
    const reserved = slabs.bytesReserved;
    expect(reserved).toBeGreaterThan(1000 * 30_000);
    slabs.trim();
    for (const piece of pieces) slabs.give(piece);
    slabs.trim();
    expect(slabs.bytesReserved).toBe(reserved);
    slabs.trim();
    expect(slabs.bytesReserved).toBe(0);
    expect(pieces.map((piece) => piece.buffer.byteLength)).toEqual(pieces.map(() => 0));
    expect(slabs.take(30_000).length).toBe(36 * 1024);
  });

  it("keep a region of which a piece is out, and fill the first ones first", () => {
    const slabs = new Slabs();
    const many = Array.from({ length: 2000 }, () => slabs.take(36 * 1024));
    const kept = many.pop() as Buffer;
    kept.fill(7);
    for (const piece of many) slabs.give(piece);
    for (let look = 0; look < 3; look++) slabs.trim();
    expect(slabs.bytesReserved).toBeLessThan(40 * 1024 * 1024);
    expect(kept.every((byte) => byte === 7)).toBe(true);
    const next = slabs.take(36 * 1024);
    expect(next.buffer).toBe(kept.buffer);
  });
});
