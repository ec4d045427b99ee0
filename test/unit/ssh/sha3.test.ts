import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import { describe, expect, test } from "vitest";
import { sha3_256, sha3_512, shake128, shake256 } from "../../../src/ssh/sha3.ts";

interface Sponge {
  update(data: Uint8Array): Sponge;
  digest(): Uint8Array;
  xofInto(out: Uint8Array): Uint8Array;
}
interface Hasher {
  (data: Uint8Array): Uint8Array;
  create(options?: { dkLen?: number }): Sponge;
  readonly blockLen: number;
  readonly outputLen: number;
}

const SHAKES: [name: string, hasher: Hasher][] = Object.entries({ shake128, shake256 });
const ALL: typeof SHAKES = [...Object.entries({ sha3_256, sha3_512 }), ...SHAKES];

// What it stands in for belongs to the package of ML-KEM, and not to this one.
const ofKem = createRequire(
  createRequire(import.meta.url).resolve("@noble/post-quantum/ml-kem.js"),
);
const noble: Record<string, Hasher> = await import(ofKem.resolve("@noble/hashes/sha3.js"));

describe.each(ALL)("%s of Node's crypto", (name, mine) => {
  const theirs = noble[name] as Hasher;

  test("has the same sizes", () => {
    expect(mine.blockLen).toBe(theirs.blockLen);
    expect(mine.outputLen).toBe(theirs.outputLen);
  });

  test.each([0, 1, 34, 71, 72, 135, 136, 167, 168, 1184, 5000])("of %s bytes", (length) => {
    const data = randomBytes(length);
    expect(Buffer.from(mine(data))).toEqual(Buffer.from(theirs(data)));
    const [one, other] = [mine.create(), theirs.create()];
    for (const sponge of [one, other]) sponge.update(data.subarray(0, 9)).update(data.subarray(9));
    expect(Buffer.from(one.digest())).toEqual(Buffer.from(other.digest()));
  });
});

describe.each(SHAKES)("%s", (name, mine) => {
  const theirs = noble[name] as Hasher;

  test.each([1, 32, 128, 192, 1000])("gives %s bytes when asked", (dkLen) => {
    const data = randomBytes(33);
    const [one, other] = [mine, theirs].map((hash) => hash.create({ dkLen }).update(data).digest());
    expect(Buffer.from(one as Uint8Array)).toEqual(Buffer.from(other as Uint8Array));
  });

  test("goes on without end, also behind what was computed at first", () => {
    const data = randomBytes(34);
    const [one, other] = [mine.create().update(data), theirs.create().update(data)];
    for (const length of [168, 168, 168, 168, 1, 500, 3000]) {
      const [here, there] = [one, other].map((xof) => xof.xofInto(new Uint8Array(length)));
      expect(Buffer.from(here as Uint8Array)).toEqual(Buffer.from(there as Uint8Array));
    }
  });
});

test("what is a caller's own may change once it was given", () => {
  const data = Buffer.alloc(34, 1);
  const xof = shake128.create().update(data);
  data.fill(2);
  const once = Buffer.from(xof.xofInto(new Uint8Array(8)));
  const same = shake128.create().update(Buffer.alloc(34, 1)).xofInto(new Uint8Array(8));
  expect(once).toEqual(Buffer.from(same));
});

test("SHA-3 has one output", () => {
  expect(() => sha3_256.create().xofInto(new Uint8Array(8))).toThrow("one output");
});
