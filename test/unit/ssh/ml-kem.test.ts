import { createHash, randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { ml_kem768 } from "@noble/post-quantum/ml-kem.js";
import { build } from "esbuild";
import { describe, expect, test } from "vitest";
import { type KeyEncapsulation, kem, nodeKem } from "../../../src/ssh/ml-kem.ts";
import { nobleKem } from "../../../src/ssh/ml-kem-noble.ts";

/**
 * From C2SP's Wycheproof (testvectors_v1/mlkem_768_test.json, and mlkem_768_encaps_test.json for m), which
 * has them from NIST's ACVP and pq-crystals; of public key and ciphertext the SHA-256.
 */
const VECTORS = [
  {
    id: 2,
    seed: "7c9935a0b07694aa0c6d10e4db6b1add2fd81a25ccb148032dcd739936737f2d8626ed79d451140800e03b59b956f8210e556067407d13dc90fa9e8b872bfb8f",
    m: "147c03f7a5bebba406c8fae1874d7f13c80efe79a3a9a874cc09fe76f6997615",
    secret: "e7184a0975ee3470878d2d159ec83129c8aec253d4ee17b4810311d198cd0368",
    publicKey: "86adbca81f4fee893e2fb58fb98aa2fe188f501fed268d7f4056f8c05c4e53c4",
    ciphertext: "36829a2f35cbf4deb62c0a12a15c22dae9f8d2c252566fc24f88abe805cb575e",
  },
  {
    id: 3,
    seed: "d60b93492a1d8c1c7ba6fc0b733137f3406cee8110a93f170e7a78658af326d9003271531cf27285b8721ed5cb46853043b346a66cba6cf765f1b0eaa40bf672",
    m: "cde797df8ce67231f6c5d15811843e01eb2ab84c7490931240822adbddd72046",
    secret: "5f0c5d9f39d3e724b5a2bd54e69e360f72ffab5d4d6cc5e572fecba80acd4796",
    publicKey: "858915faa304fb5beed7d653189707b34a27504dd254ffb12ad47392a0c1ad4a",
    ciphertext: "22ddb185d097bbf15e84e745d02ec3cc2fe03e35cecca7066db063673c10a683",
  },
  {
    id: 40,
    seed: "952b49c803d6d6fba69f4375adce8594847a00bcae2179da49af2aed0423250262d7033947ae42ca53522a65fbafe18d3bc3e0cb66164e9a094fe4b44d8977ed",
    m: "afb7d6dc2b7eb6d84acc080c1be63c98afe7b07786b5801f716444a3e8e64800",
    secret: "09f64cee1af4d8738ab149d34a106ea7b19ac43e5a2536defe689824409050ba",
    publicKey: "a42fe557f11b67d03709a4bde4fd8c7af26527fd3c27f261d66dccac1d061ca0",
    ciphertext: "26d087794274c4585e95e7e4f04d018c809de305ff1315e9f28521f7ee430a45",
  },
];

/** The same, tcId 1: a ciphertext that is to be rejected, and is not where bytes of 0 end a comparison. */
const REJECTED = {
  seed: "cbfc4405d1b2a3a386c94c25e0f2d5f5ee92cb0388ff4d6aa04223086d51c3fd24752da14c9fc3b8ae0d9e4a8b1016b8d8fc69e229c03ea2ef08a4ae0cffc37f",
  secret: "76c10bb1d86d96d7eb18e298363e51f7728e113f455df7d15017940ed3541451",
  ciphertext:
    "AOlsROtfU4DYC0ywXWCJcaKPvoOLkStVi/lnbGxnyWku1uoGP8R7cNXWAEglwmm5y45otXKNZ/RIRNl2hqERVOPL1Kb55HUk2T2FG9zkgNd2Le0JvlPRfM4+4o3FoGkRwGK5myGDVd1YIhCMVeLGf36gt0thibM7RYnY/50Mhn0T7arxxfckZ1Mgvto+asxnPASPoEobMPiZIn1aVV4IpBKke323XrEYqIRKcbGGiAQm9rtudxhtGOdTy8zpPJ+3bHKYdbTUc+7KjauZQZafrvBN+c4xeOc0HqtBbSi7eu4Sv7j0w9+BTv9FoBhzKQeaz8Qajo26ewjREfAuN6HStp5X7vgI/MauIzhVNKQgqT37apXHPi8QFhd8T+nTztdp4ncpOqzt7W0H78eJDqqIW9HnP55dornP2g1Ey8kJBwWsLOPnvNd3W1k8cG5F3cl9OmXZt+c2c/lHPfW/7GiWcfc+f27nfHMKjr2h8LLBEqcZBNbyilHY1Hn4Mj+0heci9cTVhX6VmJqcuvJz79BPw8vemLqplp4JXoiszs+9Eu8hVUl6WxX+kacNEQa5GlaDY7/C1nNsyBOMvEHd8eVP1AUR4n2J4sJsAntjwVbiu7mY+q7T1yGG8Mxiba05p4Lc2iCH/ROpSY4QtBtoVkaiJ+oRZqVjLBlZg/SrorcYtAdAMNVxJtNMODSYkgB6y+qeOTuWfcMUaycPCAofC+6Q1loJWmNSp3GO0XF6gCWivTjGbRILr0JHZ2of4ESlfOJowHj4/0bMJv5PnHoD1kZ62suEGNJic2Yrzh97wAuQbgCI6V3A+0GeIjLoWqx3uefNVj5gTeXh0+lpPc07GYZc9CUHc2kefgr5wnVc0x9J0flnCPO6LwuYGEUlq7hp4S1c6grBdAGBqHUDUwCwWlS41C7jtK6SsG5DzYB+Kwlsl38jxh74yYnFLtg3VAdt6hMj9jklC+9hvfkDv3lhzsibppQtnQZHrJyBldk+2KvO3yV1RkQDVxmloKHIwHmJEnJqmoJY5MEK50hTIu2bozH28JDEtJKk/PU9dTzTTyjsBEP84HJPQ8iaOUIWnVCZqPdDDzhpHrzi4/5PYA2Cx8zt9gZz+OXUwan4S4tbI/XtY977anIF4KixBb3G/0Vo/HjLRFawL+239MSPb9a2khajMZghA520DhmjGgsMnUcdWnpzhl0m+L41lVJbHsSoV579B+qY4mAuK//f2P68XHtMc20ya1AwzMb6+UIKnBVqj0UWuf/2dUWd/c1O+F1629/9YPSjlijjmcx1LC6Zqy9DHcdl58nSBr/jJkn77070ix15Nvx0dm1yQ1DuIkWo1fI/vGx+2LVxaM4ehk5J1/jEddzaFAvUJHOCWzxy64xUeAGIgTAR4ZYqUD+bUW4TIm3mN1sgRzOwGSGDyPVehw5hz4lHwxkXkLwLZXvEOuvJ2Gw=",
};

const SSH = new URL("../../../src/ssh/", import.meta.url);

/** Node 20 and 22 have none. */
const native = nodeKem();
const KEMS: [name: string, kem: KeyEncapsulation][] = [["JavaScript", nobleKem]];
if (native !== undefined) KEMS.push(["Node's own", native]);
KEMS.push(["JavaScript, as the client's program has it", await clientKem()]);

/** The client's program has Node's own hashes in it. */
async function clientKem(): Promise<KeyEncapsulation> {
  const place = (name: string): string => fileURLToPath(new URL(name, SSH));
  const { outputFiles } = await build({
    entryPoints: [place("ml-kem-noble.ts")],
    alias: { "@noble/hashes/sha3.js": place("sha3.ts") },
    bundle: true,
    platform: "node",
    format: "cjs",
    write: false,
  });
  const module = { exports: {} as { nobleKem: KeyEncapsulation } };
  const body = new Function("module", "require", outputFiles[0]?.text ?? "");
  body(module, createRequire(import.meta.url));
  return module.exports.nobleKem;
}

const PAIRS = KEMS.flatMap(([one, first]) =>
  KEMS.map(([other, second]) => [`${one} and ${other}`, first, second] as const),
);

function sha256(data: Buffer | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

function hex(text: string): Buffer {
  return Buffer.from(text, "hex");
}

describe.each(KEMS)("ML-KEM-768 in %s", (_, tried) => {
  test.each(VECTORS)("gives vector $id", ({ seed, m, secret, publicKey, ciphertext }) => {
    const keys = tried.keys(hex(seed));
    expect(sha256(keys.publicKey)).toBe(publicKey);
    const made = ml_kem768.encapsulate(keys.publicKey, hex(m));
    expect(sha256(made.cipherText)).toBe(ciphertext);
    expect(Buffer.from(made.sharedSecret).toString("hex")).toBe(secret);
    expect(keys.decapsulate(Buffer.from(made.cipherText)).toString("hex")).toBe(secret);
  });

  test("rejects by giving a secret that nobody else has", () => {
    const { seed, ciphertext, secret } = REJECTED;
    const got = tried.keys(hex(seed)).decapsulate(Buffer.from(ciphertext, "base64"));
    expect(got.toString("hex")).toBe(secret);
  });

  test("makes other keys and other secrets each time", () => {
    const { publicKey } = tried.keys();
    expect(tried.keys().publicKey.equals(publicKey)).toBe(false);
    expect(tried.encapsulate(publicKey).secret.equals(tried.encapsulate(publicKey).secret)).toBe(
      false,
    );
  });

  test.each([3329, 4095])("attack: a public key with a number of %s is refused", (number) => {
    for (const index of [0, 1, 2, 3, 767]) {
      const { publicKey } = tried.keys();
      setNumber(publicKey, index, number);
      expect(() => tried.encapsulate(publicKey)).toThrow();
    }
    const { publicKey } = tried.keys();
    setNumber(publicKey, 1, 3328);
    expect(() => tried.encapsulate(publicKey)).not.toThrow();
  });

  test.each([0, 1, 32, 1183, 1185, 1216])("a public key of %s bytes is refused", (length) => {
    expect(() => tried.encapsulate(Buffer.alloc(length))).toThrow();
  });

  test.each([0, 1, 1087, 1089, 1120])("a ciphertext of %s bytes is refused", (length) => {
    expect(() => tried.keys().decapsulate(Buffer.alloc(length))).toThrow();
  });
});

/** Public keys are numbers of 12 bits, two in three bytes (FIPS 203, ByteEncode). */
function setNumber(publicKey: Buffer, index: number, number: number): void {
  const at = (index >> 1) * 3;
  const pair = publicKey.readUIntLE(at, 3);
  const changed = index % 2 === 0 ? (pair & 0xfff000) | number : (pair & 0x000fff) | (number << 12);
  publicKey.writeUIntLE(changed, at, 3);
}

test.each(PAIRS)("%s agree on a secret", (_, first, second) => {
  const keys = first.keys();
  const { ciphertext, secret } = second.encapsulate(keys.publicKey);
  expect(ciphertext).toHaveLength(1088);
  expect(secret).toHaveLength(32);
  expect(keys.decapsulate(ciphertext).equals(secret)).toBe(true);
});

test.each(PAIRS)("%s give the same for a ciphertext with a bit flipped", (_, first, second) => {
  const seed = randomBytes(64);
  const { ciphertext, secret } = first.encapsulate(first.keys(seed).publicKey);
  for (const at of [0, 500, 1087]) {
    const flipped = Buffer.from(ciphertext);
    flipped[at] = (flipped[at] ?? 0) ^ 1;
    const got = first.keys(seed).decapsulate(flipped);
    expect(got.equals(secret)).toBe(false);
    expect(second.keys(seed).decapsulate(flipped).equals(got)).toBe(true);
  }
});

test("Node's own is taken where there is one", () => {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < 24) expect(native).toBeUndefined();
  if (major > 24 || (major === 24 && minor >= 7)) expect(native).toBeDefined();
  expect(kem === nobleKem).toBe(native === undefined);
});
