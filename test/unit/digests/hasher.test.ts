import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import { PosixCrc, tableCrc, ZipCrc } from "../../../src/digests/crc.js";
import { Hasher } from "../../../src/digests/hasher.js";
import { availableDigests, DIGEST_BYTES } from "../../../src/digests/types.ts";

/** Cut at places that no block size divides. */
function pieces(data: Buffer): Buffer[] {
  const out: Buffer[] = [];
  for (let at = 0, step = 1; at < data.length; at += step, step = (step * 7) % 1009) {
    out.push(data.subarray(at, at + step));
  }
  return out;
}

const DATA = randomBytes(100_003);

describe("the CRC of zip", () => {
  it("is the one of RFC 1952", () => {
    const crc = new ZipCrc();
    crc.update(Buffer.from("123456789"));
    expect(crc.digest().toString("hex")).toBe("cbf43926");
    expect(new ZipCrc().digest().toString("hex")).toBe("00000000");
  });

  it("is the same from the tables, which older Node needs, and in any pieces", () => {
    let crc = 0;
    for (const piece of pieces(DATA)) crc = tableCrc(piece, crc);
    expect(crc >>> 0).toBe(crc32(DATA));
    const whole = new ZipCrc();
    for (const piece of pieces(DATA)) whole.update(piece);
    expect(whole.digest().readUInt32BE()).toBe(crc32(DATA));
  });
});

describe("the CRC of cksum", () => {
  it.each([0, 1, 7, 8, 9, 255, 256, 70_000, DATA.length])("of %i bytes", (length) => {
    const data = DATA.subarray(0, length);
    const crc = new PosixCrc();
    for (const piece of pieces(data)) crc.update(piece);
    const [expected] = execFileSync("cksum", { input: data, encoding: "utf8" }).split(" ");
    expect(crc.digest().readUInt32BE()).toBe(Number(expected));
  });
});

describe("Hasher", () => {
  it.each(availableDigests())("%s has its length, in any pieces", (algorithm) => {
    const whole = new Hasher(algorithm);
    whole.update(DATA);
    const digest = whole.digest();
    expect(digest).toHaveLength(DIGEST_BYTES[algorithm]);
    const cut = new Hasher(algorithm);
    for (const piece of pieces(DATA)) cut.update(piece);
    expect(cut.digest()).toEqual(digest);
  });

  it("makes a digest of each block, the last one short", () => {
    const hasher = new Hasher("sha1", 1000);
    for (const piece of pieces(DATA)) hasher.update(piece);
    const blocks: Buffer[] = [];
    for (let at = 0; at < DATA.length; at += 1000) {
      blocks.push(
        createHash("sha1")
          .update(DATA.subarray(at, at + 1000))
          .digest(),
      );
    }
    expect(hasher.digest()).toEqual(Buffer.concat(blocks));
  });

  it("makes none of nothing", () => {
    expect(new Hasher("md5", 256).digest()).toHaveLength(0);
    const whole = new Hasher("md5", 256);
    whole.update(DATA.subarray(0, 512));
    expect(whole.digest()).toHaveLength(32);
  });
});
