import { createHash, createPublicKey, diffieHellman, generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { clientEnd, serverEnd } from "../../../src/ssh/hybrid-keys.ts";
import { type KeyEncapsulation, nodeKem } from "../../../src/ssh/ml-kem.ts";
import { nobleKem } from "../../../src/ssh/ml-kem-noble.ts";

const KEMS = [nobleKem, nodeKem()].filter((kem) => kem !== undefined);
const PAIRS = KEMS.flatMap((client) => KEMS.map((server) => [client, server] as const));

/** Public keys whose secret is zero whatever the other key is (RFC 7748 section 6.1). */
const SMALL_ORDER: [name: string, key: string][] = [
  ["0", "00".repeat(32)],
  ["1", `01${"00".repeat(31)}`],
  ["a point of order 8", "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"],
  ["the other of order 8", "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"],
  ["p - 1", `ec${"ff".repeat(30)}7f`],
  ["p", `ed${"ff".repeat(30)}7f`],
  ["p + 1", `ee${"ff".repeat(30)}7f`],
];

describe.each(PAIRS)("the two ends", (clientKem, serverKem) => {
  test("have the same secret, each time another one", () => {
    const secrets = [1, 2].map(() => {
      const [client, server] = [clientEnd(clientKem), serverEnd(serverKem)];
      expect(client.message).toHaveLength(1184 + 32);
      const secret = server.secret(client.message);
      expect(server.message).toHaveLength(1088 + 32);
      expect(client.secret(server.message).equals(secret)).toBe(true);
      return secret;
    });
    expect(secrets[0]).toHaveLength(32);
    expect(secrets[0]?.equals(secrets[1] ?? Buffer.alloc(0))).toBe(false);
  });

  test("attack: a bit flipped in the server's ciphertext leaves them with different secrets", () => {
    const [client, server] = [clientEnd(clientKem), serverEnd(serverKem)];
    const secret = server.secret(client.message);
    const flipped = Buffer.from(server.message);
    flipped[7] = (flipped[7] ?? 0) ^ 0x10;
    expect(client.secret(flipped).equals(secret)).toBe(false);
  });

  test("attack: a bit flipped in either X25519 key leaves them with different secrets", () => {
    const [client, server] = [clientEnd(clientKem), serverEnd(serverKem)];
    const flipped = Buffer.from(client.message);
    flipped[1190] = (flipped[1190] ?? 0) ^ 1;
    const secret = server.secret(flipped);
    expect(client.secret(server.message).equals(secret)).toBe(false);
  });
});

test("the secret is the hash of the KEM's half and X25519's behind it", () => {
  const half = Buffer.alloc(32, 0x17);
  const told: KeyEncapsulation = {
    keys: () => {
      return { publicKey: Buffer.alloc(1184, 1), decapsulate: () => Buffer.from(half) };
    },
    encapsulate: () => ({ ciphertext: Buffer.alloc(1088, 2), secret: Buffer.from(half) }),
  };
  const known = generateKeyPairSync("x25519");
  const raw = known.publicKey.export({ type: "spki", format: "der" });
  const server = serverEnd(told);
  const secret = server.secret(Buffer.concat([Buffer.alloc(1184, 1), raw.subarray(12)]));
  expect(server.message.subarray(0, 1088).equals(Buffer.alloc(1088, 2))).toBe(true);
  const servers = Buffer.concat([raw.subarray(0, 12), server.message.subarray(1088)]);
  const publicKey = createPublicKey({ key: servers, type: "spki", format: "der" });
  const agreed = diffieHellman({ privateKey: known.privateKey, publicKey });
  const wanted = createHash("sha256").update(half).update(agreed).digest();
  expect(secret.equals(wanted)).toBe(true);
  expect(clientEnd(told).message.subarray(0, 1184).equals(Buffer.alloc(1184, 1))).toBe(true);
});

describe.each(KEMS)("attack: what is refused by either", (kem) => {
  test.each([0, 31, 32, 1184, 1215, 1217, 1120, 30_000])("keys of %s bytes", (length) => {
    const text = `the client sent ${length} bytes of keys instead of 1216`;
    expect(() => serverEnd(kem).secret(Buffer.alloc(length, 1))).toThrow(text);
  });

  test.each([0, 32, 1088, 1119, 1121, 1216])("a reply of %s bytes", (length) => {
    const text = `the server sent ${length} bytes of keys instead of 1120`;
    expect(() => clientEnd(kem).secret(Buffer.alloc(length, 1))).toThrow(text);
  });

  test.each(SMALL_ORDER)("the X25519 key %s, whose secret is zero", (_, point) => {
    const key = Buffer.from(point, "hex");
    const client = clientEnd(kem);
    const keys = Buffer.concat([client.message.subarray(0, 1184), key]);
    expect(() => serverEnd(kem).secret(keys)).toThrow();
    const server = serverEnd(kem);
    server.secret(client.message);
    const reply = Buffer.concat([server.message.subarray(0, 1088), key]);
    expect(() => client.secret(reply)).toThrow();
  });

  test("a second secret of the same keys", () => {
    const [client, server] = [clientEnd(kem), serverEnd(kem)];
    server.secret(client.message);
    client.secret(server.message);
    expect(() => client.secret(server.message)).toThrow("the keys were used before");
  });
});
