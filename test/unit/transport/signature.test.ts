import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { blobString } from "../../../src/auth/blob.ts";
import { signatureFault } from "../../../src/transport/signature.ts";
import {
  certificateType,
  makeCertificate,
  makeSigner,
  type Signer,
  TOUCHED,
  VERIFIED,
} from "../../support/signer.ts";

const NORMAL = { touch: true, verify: false };
const SESSION = randomBytes(32);
const CA = makeSigner("ed25519");

/** What is signed of a request to log in (RFC 4252 section 7). */
function signedText(algorithm: string, data: Buffer, session = SESSION, user = "ann"): Buffer {
  const head = [blobString(session), Buffer.from([50]), blobString(user)];
  const method = [blobString("ssh-connection"), blobString("publickey"), Buffer.from([1])];
  return Buffer.concat([...head, ...method, blobString(algorithm), blobString(data)]);
}

/** A request as ssh2 passes it on. */
function request(signer: Signer, change: { algo?: string; data?: Buffer; flags?: number } = {}) {
  const { algo = signer.type, data = signer.blob, flags = TOUCHED } = change;
  const blob = signedText(algo, data);
  return { blob, key: { algo, data }, signature: signer.sign(blob, { flags }) };
}

/** The same with a certificate of the key. */
function certified(signer: Signer, flags = TOUCHED) {
  const data = makeCertificate({ key: signer, authority: CA });
  return request(signer, { algo: certificateType(signer.type), data, flags });
}

const KEYS = ["ed25519", "p256", "p384", "p521", "sk-ed25519", "sk-p256"] as const;

describe.each(KEYS)("%s", (type) => {
  const signer = makeSigner(type);

  test("a right signature has no fault, with the key and with a certificate", () => {
    expect(signatureFault(request(signer), NORMAL)).toBeUndefined();
    expect(signatureFault(certified(signer), NORMAL)).toBeUndefined();
  });

  test.each([
    ["plain", request(signer)],
    ["certified", certified(signer)],
  ])("attack: a signature that was made for another session, or user: %s", (_, good) => {
    const { algo, data } = good.key;
    const other = signedText(algo, data, randomBytes(32));
    expect(signatureFault({ ...good, blob: other }, NORMAL)).toBe("wrong");
    const bob = signedText(algo, data, SESSION, "bob");
    expect(signatureFault({ ...good, blob: bob }, NORMAL)).toBe("wrong");
  });

  test("attack: the certificate's holder has another key", () => {
    const good = certified(signer);
    const signature = makeSigner(type).sign(good.blob);
    expect(signatureFault({ ...good, signature }, NORMAL)).toBe("wrong");
  });

  test("attack: a signature that names a certificate's type", () => {
    const good = certified(signer);
    const inner = good.signature.subarray(blobString(signer.type).length);
    const signature = Buffer.concat([blobString(good.key.algo), inner]);
    expect(signatureFault({ ...good, signature }, NORMAL)).toBe("wrong");
  });

  test("without a signature, and with what is no key", () => {
    const { signature: _, ...good } = request(signer);
    expect(signatureFault(good, NORMAL)).toBe("wrong");
    const key = { algo: signer.type, data: Buffer.from("junk") };
    expect(signatureFault({ ...request(signer), key }, NORMAL)).toBe("wrong");
  });
});

describe.each(["sk-ed25519", "sk-p256"] as const)("%s", (type) => {
  const signer = makeSigner(type);
  const fault = (flags: number, grant: typeof NORMAL) => [
    signatureFault(request(signer, { flags }), grant),
    signatureFault(certified(signer, flags), grant),
  ];

  test("attack: a program signs while nobody is there", () => {
    const untouched = "the key was not touched";
    expect(fault(0, NORMAL)).toEqual([untouched, untouched]);
    expect(fault(VERIFIED, NORMAL)).toEqual([untouched, untouched]);
    expect(fault(0, { touch: false, verify: false })).toEqual([undefined, undefined]);
  });

  test("attack: whoever found the token touches it", () => {
    const verify = { touch: true, verify: true };
    const unknown = "the key did not know its user";
    expect(fault(TOUCHED, verify)).toEqual([unknown, unknown]);
    expect(fault(TOUCHED | VERIFIED, verify)).toEqual([undefined, undefined]);
  });
});

test("a certificate of an RSA key is signed with the hash that the request names", () => {
  const signer = makeSigner("rsa");
  const data = makeCertificate({ key: signer, authority: CA });
  const by = (asked: string, signed: string) => {
    const algo = `${asked}-cert-v01@openssh.com`;
    const blob = signedText(algo, data);
    const signature = signer.sign(blob, { algorithm: signed });
    return signatureFault({ blob, key: { algo, data }, signature }, NORMAL);
  };
  expect(by("rsa-sha2-256", "rsa-sha2-256")).toBeUndefined();
  expect(by("rsa-sha2-512", "rsa-sha2-512")).toBeUndefined();
  expect(by("rsa-sha2-512", "rsa-sha2-256")).toBe("wrong");
  expect(by("rsa-sha2-512", "ssh-rsa")).toBe("wrong");
  expect(by("ssh-rsa", "ssh-rsa")).toBe("wrong");
});
