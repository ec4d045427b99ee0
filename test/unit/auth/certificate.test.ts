import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BlobError, blobString } from "../../../src/auth/blob.ts";
import { isGenuine, parseCertificate } from "../../../src/auth/certificate.ts";
import { parseKeyBlob } from "../../../src/auth/key-blob.ts";
import { makeCertificate, makeSigner, optionText, type SignerType } from "../../support/signer.ts";

const CA = makeSigner("ed25519");
const KEY = makeSigner("ed25519");

const TYPES: readonly SignerType[] = [
  "ed25519",
  "p256",
  "p384",
  "p521",
  "rsa",
  "sk-ed25519",
  "sk-p256",
];

test.each(TYPES)("a certificate of %s says what its authority wrote", (type) => {
  const key = makeSigner(type);
  const blob = makeCertificate({
    key,
    authority: CA,
    serial: 2n ** 63n,
    id: "ann's laptop",
    principals: ["ann", "bob"],
    validAfter: 10n,
    validBefore: 20n,
    critical: [["source-address", optionText("192.0.2.1")]],
    extensions: [["permit-pty", Buffer.alloc(0)]],
  });
  const certificate = parseCertificate(blob);
  expect(certificate).toMatchObject({
    keyBlob: key.blob,
    serial: 2n ** 63n,
    kind: "user",
    id: "ann's laptop",
    principals: ["ann", "bob"],
    validAfter: 10n,
    validBefore: 20n,
    fingerprint: CA.fingerprint,
  });
  expect([...certificate.critical.keys()]).toEqual(["source-address"]);
  expect([...certificate.extensions.keys()]).toEqual(["permit-pty"]);
  expect(isGenuine(certificate)).toBe(true);
});

test.each(TYPES)("an authority with a key of %s signs", (type) => {
  const authority = makeSigner(type);
  expect(isGenuine(parseCertificate(makeCertificate({ key: KEY, authority })))).toBe(true);
});

describe("attacks", () => {
  const genuine = (blob: Buffer): boolean => isGenuine(parseCertificate(blob));

  test("an authority that signs with SHA-1", () => {
    const authority = makeSigner("rsa");
    const sign = (algorithm: string) => makeCertificate({ key: KEY, authority, algorithm });
    expect(genuine(sign("rsa-sha2-256"))).toBe(true);
    expect(genuine(sign("ssh-rsa"))).toBe(false);
  });

  test("the key of the right authority with another's signature", () => {
    const other = makeSigner("ed25519");
    expect(genuine(makeCertificate({ key: KEY, authority: other, authorityBlob: CA.blob }))).toBe(
      false,
    );
  });

  test("an authority whose key is itself a certificate", () => {
    const authorityBlob = makeCertificate({ key: CA, authority: makeSigner("ed25519") });
    const blob = makeCertificate({ key: KEY, authority: CA, authorityBlob });
    expect(() => parseCertificate(blob)).toThrow(BlobError);
  });

  test("a certificate in place of a key, and the other way round", () => {
    const blob = makeCertificate({ key: KEY, authority: CA });
    expect(() => parseKeyBlob(blob)).toThrow(BlobError);
    expect(() => parseCertificate(KEY.blob)).toThrow(BlobError);
  });

  test("the fields of a key of another type", () => {
    for (const type of ["ssh-rsa", "ecdsa-sha2-nistp256", "sk-ssh-ed25519", "ssh-dss", "x"]) {
      const name = `${type}-cert-v01@openssh.com`;
      const blob = makeCertificate({ key: KEY, authority: CA, type: name });
      expect(() => parseCertificate(blob)).toThrow(BlobError);
    }
  });

  test("any bit changed in what is signed", () => {
    const blob = makeCertificate({ key: KEY, authority: CA });
    fc.assert(
      fc.property(fc.nat(blob.length * 8 - 1), (bit) => {
        const bad = Buffer.from(blob);
        bad.writeUInt8(bad.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        let taken = false;
        try {
          const certificate = parseCertificate(bad);
          taken = isGenuine(certificate) && certificate.fingerprint === CA.fingerprint;
        } catch (error) {
          expect(error).toBeInstanceOf(BlobError);
        }
        expect(taken).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  test("cut off anywhere, or longer", () => {
    const blob = makeCertificate({ key: KEY, authority: CA, principals: ["ann", "bob"] });
    for (let length = 0; length < blob.length; length += 1) {
      expect(() => parseCertificate(blob.subarray(0, length))).toThrow(BlobError);
    }
    expect(() => parseCertificate(Buffer.concat([blob, Buffer.alloc(1)]))).toThrow(BlobError);
  });

  test.each([
    ["principals without number", { principals: Array.from({ length: 257 }, (_, n) => `${n}`) }],
    ["a principal without end", { principals: ["x".repeat(40_000)] }],
    ["a name without end", { id: "x".repeat(1_025) }],
    [
      "options without number",
      { critical: Array.from({ length: 257 }, (_, n) => [`${n}`, Buffer.alloc(0)] as const) },
    ],
    [
      "an option twice",
      {
        critical: [
          ["source-address", optionText("192.0.2.1")],
          ["source-address", optionText("0.0.0.0/0")],
        ] as const,
      },
    ],
    ["a kind that nobody knows", { kind: 3 }],
  ])("%s", (_, text) => {
    const blob = makeCertificate({ key: KEY, authority: CA, ...text });
    expect(() => parseCertificate(blob)).toThrow(BlobError);
  });

  test("whatever it is: a clear error, and never another", () => {
    const blob = makeCertificate({ key: KEY, authority: CA });
    const lengths = fc.constantFrom(0, 1, 0xff, 0xffff, 0x7fff_ffff, 0xffff_ffff);
    fc.assert(
      fc.property(fc.nat(blob.length - 4), lengths, fc.uint8Array({ maxLength: 64 }), (...all) => {
        const [at, length, noise] = all;
        const bad = Buffer.from(blob);
        bad.writeUInt32BE(length, at);
        const junk = Buffer.concat([blobString("ssh-ed25519-cert-v01@openssh.com"), noise]);
        for (const one of [bad, Buffer.from(noise), junk]) {
          try {
            isGenuine(parseCertificate(one));
          } catch (error) {
            expect(error).toBeInstanceOf(BlobError);
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
