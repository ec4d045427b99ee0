import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { Blake3, createHash, digestSoFar, hasBlake3 } from "../../src/hash.js";

/** Of the empty string and of "abc", from BLAKE3's own test vectors and its paper. */
const EMPTY = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
const ABC = "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85";

const hex = (algorithm: string, data: string): string =>
  createHash(algorithm).update(Buffer.from(data)).digest().toString("hex");

describe("hashes by name", () => {
  it("have BLAKE3, here where the tests run", () => {
    expect(hasBlake3()).toBe(true);
    expect(hex("blake3", "")).toBe(EMPTY);
    expect(hex("blake3", "abc")).toBe(ABC);
  });

  it("have those of Node.js, and no others", () => {
    expect(hex("md5", "")).toBe("d41d8cd98f00b204e9800998ecf8427e");
    expect(() => createHash("blake4")).toThrow();
  });

  it.each(["blake3", "sha256"])("tell %s so far, and take more", (algorithm) => {
    const data = randomBytes(100_003);
    const hash = createHash(algorithm);
    hash.update(data.subarray(0, 70_001));
    const first = createHash(algorithm).update(data.subarray(0, 70_001)).digest();
    expect(digestSoFar(hash)).toEqual(first);
    expect(digestSoFar(hash)).toEqual(first);
    hash.update(data.subarray(70_001));
    expect(digestSoFar(hash)).toEqual(createHash(algorithm).update(data).digest());
  });

  it("give BLAKE3 the same whatever the pieces are", () => {
    const data = randomBytes(300_001);
    const cut = new Blake3();
    for (let at = 0; at < data.length; at += 777) cut.update(data.subarray(at, at + 777));
    expect(cut.digest()).toEqual(new Blake3().update(data).digest());
  });
});
