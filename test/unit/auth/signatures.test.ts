import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BlobError, blobString } from "../../../src/auth/blob.ts";
import { parseKeyBlob } from "../../../src/auth/key-blob.ts";
import { parsePublicKey } from "../../../src/auth/keys.ts";
import { signatureAlgorithms, verifySignature } from "../../../src/auth/signatures.ts";
import { makeSigner, type SignerType, TOUCHED, VERIFIED } from "../../support/signer.ts";

const DATA = Buffer.from("what is signed");
const TYPES: readonly SignerType[] = [
  "ed25519",
  "p256",
  "p384",
  "p521",
  "rsa",
  "sk-ed25519",
  "sk-p256",
];
const SIGNERS = TYPES.map((type) => [type, makeSigner(type)] as const);

describe.each(SIGNERS)("%s", (type, signer) => {
  const key = parseKeyBlob(signer.blob);
  const [algorithm = ""] = signatureAlgorithms(key);
  const good = signer.sign(DATA, { algorithm });

  test("its line is a key, and what it signs is right", () => {
    expect(parsePublicKey(signer.line)).toMatchObject({ fingerprint: signer.fingerprint });
    expect(verifySignature(key, algorithm, good, DATA)).toEqual({
      touched: true,
      verified: false,
    });
  });

  // Numbers whose first byte is a zero, or would be a sign, come about every second time.
  test("whatever it signs is right", () => {
    for (let round = 0; round < (type === "rsa" ? 3 : 40); round += 1) {
      const data = randomBytes(round + 1);
      expect(verifySignature(key, algorithm, signer.sign(data, { algorithm }), data)).toBeDefined();
    }
  });

  test("no other bit is right, nor more, nor less, and nothing is thrown", () => {
    fc.assert(
      fc.property(fc.nat(good.length * 8 - 1), (bit) => {
        const bad = Buffer.from(good);
        bad.writeUInt8(bad.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        expect(verifySignature(key, algorithm, bad, DATA)).toBeUndefined();
      }),
      { numRuns: 60 },
    );
    for (let length = 0; length < good.length; length += 1) {
      expect(verifySignature(key, algorithm, good.subarray(0, length), DATA)).toBeUndefined();
    }
    const more = Buffer.concat([good, Buffer.alloc(1)]);
    expect(verifySignature(key, algorithm, more, DATA)).toBeUndefined();
    expect(verifySignature(key, algorithm, good, Buffer.from("else"))).toBeUndefined();
    expect(verifySignature(key, "ssh-dss", good, DATA)).toBeUndefined();
  });

  test("a key that is cut off or longer is none", () => {
    for (let length = 0; length < signer.blob.length; length += 1) {
      expect(() => parseKeyBlob(signer.blob.subarray(0, length))).toThrow(BlobError);
    }
    expect(() => parseKeyBlob(Buffer.concat([signer.blob, Buffer.alloc(1)]))).toThrow(BlobError);
  });

  test("another key's signature is none of its", () => {
    const other = makeSigner(type).sign(DATA, { algorithm });
    expect(verifySignature(key, algorithm, other, DATA)).toBeUndefined();
  });
});

describe("attack: SHA-1", () => {
  const signer = makeSigner("rsa");
  const key = parseKeyBlob(signer.blob);
  const sha1 = signer.sign(DATA, { algorithm: "ssh-rsa" });

  test("a signature with it is none, under its own name or another", () => {
    expect(verifySignature(key, "ssh-rsa", sha1, DATA)).toBeUndefined();
    const renamed = Buffer.concat([blobString("rsa-sha2-256"), sha1.subarray(11)]);
    expect(verifySignature(key, "rsa-sha2-256", renamed, DATA)).toBeUndefined();
  });

  test("what is signed with one hash is not asked for by the name of another", () => {
    const sha256 = signer.sign(DATA, { algorithm: "rsa-sha2-256" });
    expect(verifySignature(key, "rsa-sha2-256", sha256, DATA)).toBeDefined();
    expect(verifySignature(key, "rsa-sha2-512", sha256, DATA)).toBeUndefined();
  });
});

describe.each(["sk-ed25519", "sk-p256"] as const)("a token: %s", (type) => {
  const signer = makeSigner(type);
  const key = parseKeyBlob(signer.blob);
  const algorithm = key.name;

  test.each([
    [0, { touched: false, verified: false }],
    [TOUCHED, { touched: true, verified: false }],
    [VERIFIED, { touched: false, verified: true }],
    [TOUCHED | VERIFIED, { touched: true, verified: true }],
  ])("says with flags %i %j", (flags, presence) => {
    for (const counter of [0, 1, 0xffff_ffff]) {
      const signature = signer.sign(DATA, { flags, counter });
      expect(verifySignature(key, algorithm, signature, DATA)).toEqual(presence);
    }
  });

  test("attack: the flag of a touch is set in a signature that was made without one", () => {
    const signature = signer.sign(DATA, { flags: 0 });
    signature.writeUInt8(TOUCHED, signature.length - 5);
    expect(verifySignature(key, algorithm, signature, DATA)).toBeUndefined();
  });

  test("attack: a signature for another application, as a web page can have one", () => {
    const web = makeSigner(type, "https://example.org");
    const fields = web.fields.subarray(0, -blobString("https://example.org").length);
    const claimed = Buffer.concat([blobString(algorithm), fields, blobString("ssh:")]);
    const signature = web.sign(DATA);
    expect(verifySignature(parseKeyBlob(web.blob), algorithm, signature, DATA)).toBeDefined();
    expect(verifySignature(parseKeyBlob(claimed), algorithm, signature, DATA)).toBeUndefined();
  });

  test("attack: a plain signature in place of a token's", () => {
    const plain = makeSigner(type === "sk-p256" ? "p256" : "ed25519");
    const fields = Buffer.concat([plain.fields, blobString("ssh:")]);
    const claimed = parseKeyBlob(Buffer.concat([blobString(algorithm), fields]));
    const inner = plain.sign(DATA).subarray(blobString(plain.type).length);
    const renamed = Buffer.concat([blobString(algorithm), inner]);
    expect(verifySignature(claimed, algorithm, renamed, DATA)).toBeUndefined();
    const said = Buffer.concat([renamed, Buffer.from([TOUCHED, 0, 0, 0, 0])]);
    expect(verifySignature(claimed, algorithm, said, DATA)).toBeUndefined();
  });
});

test("an application that is too long is refused", () => {
  expect(() => parseKeyBlob(makeSigner("sk-ed25519", "x".repeat(256)).blob)).toThrow(BlobError);
  expect(parseKeyBlob(makeSigner("sk-ed25519", "x".repeat(255)).blob).application).toHaveLength(
    255,
  );
});

test("a point that is not on the curve is refused", () => {
  const { blob } = makeSigner("p256");
  const bad = Buffer.from(blob);
  bad.writeUInt8(bad.readUInt8(bad.length - 1) ^ 1, bad.length - 1);
  expect(() => parseKeyBlob(bad)).toThrow(BlobError);
});
