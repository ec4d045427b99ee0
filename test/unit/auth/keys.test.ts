import { execFile } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  fingerprint,
  PublicKeyError,
  parsePublicKey,
  parsePublicKeys,
} from "../../../src/auth/keys.ts";

const run = promisify(execFile);
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "moorage-keys-"));
});

afterAll(() => rm(directory, { recursive: true, force: true }));

async function keygen(...args: string[]): Promise<{ file: string; line: string }> {
  const file = join(directory, args.join(""));
  await run("ssh-keygen", ["-q", "-N", "", "-C", "ann@host", "-f", file, ...args]);
  return { file, line: (await readFile(`${file}.pub`, "utf8")).trim() };
}

function field(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function line(type: string, ...fields: Buffer[]): string {
  const blob = Buffer.concat([Buffer.from(type), ...fields].map(field));
  return `${type} ${blob.toString("base64")}`;
}

/** An rsa key from node's own generator, with its numbers to play with. */
function rsa(bits: number): { e: Buffer; n: Buffer } {
  const { publicKey } = generateKeyPairSync("rsa", { modulusLength: bits });
  const { e = "", n = "" } = publicKey.export({ format: "jwk" });
  return {
    e: Buffer.from(e, "base64url"),
    n: Buffer.concat([Buffer.alloc(1), Buffer.from(n, "base64url")]),
  };
}

function refused(text: string): string {
  try {
    parsePublicKeys(text);
  } catch (error) {
    if (error instanceof PublicKeyError) return error.message;
    throw error;
  }
  throw new Error("it was taken");
}

const ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGNEJMFfzLrw1DWGnt6zK5/93XFNuf9tErGcA5BgFRJf";

describe("as ssh-keygen makes them", () => {
  test.each([
    ["ssh-ed25519", ["-t", "ed25519"]],
    ["ecdsa-sha2-nistp256", ["-t", "ecdsa", "-b", "256"]],
    ["ecdsa-sha2-nistp384", ["-t", "ecdsa", "-b", "384"]],
    ["ecdsa-sha2-nistp521", ["-t", "ecdsa", "-b", "521"]],
    ["ssh-rsa", ["-t", "rsa", "-b", "2048"]],
    ["ssh-rsa", ["-t", "rsa", "-b", "3072"]],
  ])("%s %j", async (algorithm, args) => {
    const { file, line: text } = await keygen(...args);
    const key = parsePublicKey(text);
    const { stdout } = await run("ssh-keygen", ["-l", "-f", `${file}.pub`]);
    expect(key).toEqual({
      fingerprint: stdout.split(" ")[1],
      algorithm,
      blob: Buffer.from(text.split(" ")[1] ?? "", "base64"),
      comment: "ann@host",
      createdAt: expect.any(Number),
    });
    expect(fingerprint(key.blob)).toBe(key.fingerprint);
  });

  test("a private key is refused without a word of it", async () => {
    const { file } = await keygen("-t", "ed25519", "-a", "1");
    const text = await readFile(file, "utf8");
    const secret = text.split("\n")[1] ?? "";
    const pieces = [text, text.replace(/-----.*-----/g, ""), `ssh-ed25519 ${secret}`];
    for (const piece of pieces) {
      const message = refused(piece);
      expect(message).toContain("private key");
      expect(message).not.toContain(secret.slice(0, 8));
      expect(message).not.toContain("\n");
    }
  });
});

test.each([
  ["PEM", "-----BEGIN RSA PRIVATE KEY-----\nc2VjcmV0\n-----END RSA PRIVATE KEY-----"],
  ["PKCS#8", "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----"],
  ["the end of one", "c2VjcmV0\n-----END OPENSSH PRIVATE KEY-----"],
  ["PuTTY", "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nc2VjcmV0"],
])("a private key in the form of %s is refused", (_, text) => {
  expect(refused(text)).toContain("private key");
  expect(refused(text)).not.toContain("c2Vj");
});

test.each([
  ["ssh-dss AAAAB3NzaC1kc3M= x", "ssh-dss"],
  ["sk-ssh-ed25519@openssh.com AAAA x", "damaged"],
  ["sk-ecdsa-sha2-nistp256@openssh.com AAAA x", "damaged"],
  ["ssh-ed25519-cert-v01@openssh.com AAAA x", "certificates"],
  [`command="rm -rf /" ${ED25519}`, "option command"],
  [`no-pty,from="10.*" ${ED25519}`, "option from"],
  [`host.example ${ED25519}`, "option host.example"],
  ["---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----", "ssh-keygen -i"],
  ["-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "ssh-keygen -i"],
  ["ssh-ed448 AAAA", "not a public key"],
  ["AAAAC3NzaC1lZDI1NTE5AAAA", "not a public key"],
  ["hello", "not a public key"],
  ["", "no public key"],
  ["# only a comment\n\n", "no public key"],
  [`${ED25519.slice(0, -1)}`, "damaged"],
  [`${ED25519.slice(0, -8)}`, "damaged"],
  [`${ED25519}AAAA`, "damaged"],
  ["ssh-ed25519", "damaged"],
  [ED25519.replace("AAAAC3", "AAAAC*"), "damaged"],
  [ED25519.replace("ssh-ed25519", "ssh-rsa"), "damaged"],
  [`ssh-ed25519 ${"A".repeat(20_000)}`, "too long"],
])("%j is refused", (text, reason) => {
  const message = refused(text);
  expect(message).toContain(reason);
  expect(message).not.toContain("\n");
});

describe("rsa numbers", () => {
  const { e, n } = rsa(2048);

  test("2048 bits are taken", () => {
    expect(parsePublicKey(line("ssh-rsa", e, n)).algorithm).toBe("ssh-rsa");
  });

  test("fewer are refused", () => {
    const short = rsa(2040);
    expect(refused(line("ssh-rsa", short.e, short.n))).toContain("2048");
  });

  test("a modulus out of all proportion is refused", () => {
    const huge = Buffer.concat([Buffer.alloc(1), Buffer.alloc(3_000, 0xff)]);
    expect(refused(line("ssh-rsa", e, huge))).toContain("too long");
  });

  test.each([
    ["even exponent", Buffer.from([4])],
    ["exponent 1", Buffer.from([1])],
    ["exponent of 65 bits", Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 1])],
    ["exponent with a needless zero", Buffer.from([0, 1, 0, 1])],
  ])("%s is refused", (_, exponent) => {
    expect(refused(line("ssh-rsa", exponent, n))).toContain("damaged");
  });

  test("a modulus with a needless zero is refused: no client would ever match it", () => {
    expect(refused(line("ssh-rsa", e, Buffer.concat([Buffer.alloc(1), n])))).toContain("damaged");
  });

  test("a modulus that is negative is refused", () => {
    expect(refused(line("ssh-rsa", e, n.subarray(1)))).toContain("damaged");
  });
});

test("an ecdsa point off its curve or of another curve is refused", () => {
  const curve = Buffer.from("nistp256");
  const off = Buffer.concat([Buffer.from([4]), Buffer.alloc(64, 7)]);
  expect(refused(line("ecdsa-sha2-nistp256", curve, off))).toContain("damaged");
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { x = "", y = "" } = publicKey.export({ format: "jwk" });
  const point = Buffer.concat([
    Buffer.from([4]),
    Buffer.from(x, "base64url"),
    Buffer.from(y, "base64url"),
  ]);
  expect(parsePublicKey(line("ecdsa-sha2-nistp256", curve, point)).comment).toBe("");
  // SSH allows the short form of a point, but no client sends it: it would never match.
  const short = Buffer.concat([
    Buffer.from([2 + ((point.at(-1) ?? 0) & 1)]),
    point.subarray(1, 33),
  ]);
  expect(refused(line("ecdsa-sha2-nistp256", curve, short))).toContain("damaged");
  const other = Buffer.from("nistp384");
  expect(refused(line("ecdsa-sha2-nistp256", other, point))).toContain("damaged");
  expect(refused(line("ecdsa-sha2-nistp384", other, point))).toContain("damaged");
});

test("reads a file of several keys, and names the line that is wrong", async () => {
  const { line: other } = await keygen("-t", "ecdsa");
  const text = `\uFEFF# keys of ann\r\n\r\n${ED25519} laptop\r\n  ${other}\r\n`;
  expect(parsePublicKeys(text).map((key) => key.comment)).toEqual(["laptop", "ann@host"]);
  expect(() => parsePublicKey(text)).toThrow("2 public keys");
  expect(() => parsePublicKey(text)).toThrow(PublicKeyError);
  expect(refused(`${text}ssh-dss AAAA\n`)).toMatch(/^line 5: ssh-dss/);
});

test("a comment keeps its words and loses what could move a terminal", () => {
  expect(parsePublicKey(`${ED25519}   my  \x1b[31mlap\ttop\u202e ä  `).comment).toBe(
    "my  [31mlaptop ä",
  );
  expect(parsePublicKey(`${ED25519} ${"x".repeat(1_000)}`).comment).toHaveLength(200);
  const seals = parsePublicKey(`${ED25519} ${"\u{1f9ad}".repeat(300)}`).comment;
  expect(seals).toBe("\u{1f9ad}".repeat(200));
});

test("garbage is refused with one line that does not quote it", () => {
  const garbage = fc.oneof(
    fc.string({ unit: "binary", maxLength: 200 }),
    fc
      .tuple(
        fc.constantFrom("ssh-rsa", "ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-dss"),
        fc.uint8Array({ maxLength: 120 }),
      )
      .map(([type, blob]) => `${type} ${Buffer.from(blob).toString("base64")}`),
    fc
      .tuple(
        fc.constantFrom("ssh-rsa", "ssh-ed25519", "ecdsa-sha2-nistp521"),
        fc.array(
          fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes)),
          {
            maxLength: 3,
          },
        ),
      )
      .map(([type, fields]) => line(type, ...fields)),
  );
  fc.assert(
    fc.property(garbage, (text) => {
      let message: string | undefined;
      try {
        for (const key of parsePublicKeys(text)) {
          expect(text).toContain(key.blob.toString("base64").replace(/=+$/, ""));
        }
      } catch (error) {
        expect(error).toBeInstanceOf(PublicKeyError);
        message = (error as PublicKeyError).message;
      }
      expect(message ?? "").not.toContain("\n");
    }),
    { numRuns: 500 },
  );
});

test("a good key with any one bit of it turned is damaged or another key", () => {
  const blob = parsePublicKey(ED25519).blob;
  fc.assert(
    fc.property(fc.nat({ max: blob.length * 8 - 1 }), (bit) => {
      const changed = Buffer.from(blob);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const text = `ssh-ed25519 ${changed.toString("base64")}`;
      const inHeader = bit >> 3 < 19;
      if (inHeader) expect(() => parsePublicKey(text)).toThrow(PublicKeyError);
      else expect(parsePublicKey(text).fingerprint).not.toBe(fingerprint(blob));
    }),
  );
});
