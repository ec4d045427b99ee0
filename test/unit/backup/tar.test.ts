import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodePax, encodePax } from "../../../src/backup/pax.ts";
import { BLOCK, decodeHeader, type Entry, encodeEntry, padding } from "../../../src/backup/tar.ts";

const PLAIN: Entry = {
  type: "file",
  name: "homes/ann/film.mkv",
  mode: 0o640,
  size: 1234,
  mtime: 1_700_000_000,
  target: "",
  uid: 1000,
  gid: 1001,
};

describe("a header", () => {
  it("comes back as it was written", () => {
    const block = encodeEntry(PLAIN);
    expect(block).toHaveLength(BLOCK);
    expect(decodeHeader(block)).toEqual(PLAIN);
  });

  it("has records before it for what has no room in it", () => {
    const name = "n".repeat(101);
    const size = 8 * 1024 ** 3;
    const blocks = encodeEntry({ ...PLAIN, name, size, target: "t".repeat(101) });
    const records = decodeHeader(blocks.subarray(0, BLOCK));
    expect(records?.type).toBe("records");
    const content = blocks.subarray(BLOCK, BLOCK + (records?.size ?? 0));
    expect(decodePax(content)).toEqual({ path: name, size, linkpath: "t".repeat(101) });
    expect(decodeHeader(blocks.subarray(-BLOCK))?.type).toBe("file");
  });

  it("with any bit flipped is none, or one with another content that the digest tells", () => {
    const block = encodeEntry(PLAIN);
    for (let bit = 0; bit < 345 * 8; bit += 1) {
      const flipped = Buffer.from(block);
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
      const found = decodeHeader(flipped);
      // The checksum field may be written in more than one way.
      if (found !== undefined) expect(found).toEqual(PLAIN);
    }
  });

  it("of another kind of file is none", () => {
    const block = encodeEntry(PLAIN);
    for (const type of ["3", "4", "6", "g", "L", "S"]) {
      const other = Buffer.from(block);
      other.write(type, 156, "latin1");
      expect(decodeHeader(other)).toBeUndefined();
    }
  });
});

describe("records", () => {
  it("keep any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 3000 }), (bytes) => {
        const path = Buffer.from(bytes).toString("latin1");
        expect(decodePax(encodePax(new Map([["path", path]])))).toEqual({ path });
      }),
    );
  });

  it.each(["", "5 a=b\n", "9 path=x\n9", "999999 path=x\n", "0 path=x\n", "10 path=xy"])(
    "that are none are refused, or empty: %j",
    (text) => {
      const found = decodePax(Buffer.from(text));
      if (found !== undefined) expect(found).toEqual({});
    },
  );

  it("of any bytes end", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        decodePax(Buffer.from(bytes));
      }),
    );
  });
});

it("padding fills the last block", () => {
  for (const size of [0, 1, 511, 512, 513]) expect((size + padding(size).length) % BLOCK).toBe(0);
});
