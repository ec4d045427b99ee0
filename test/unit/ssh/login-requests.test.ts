import { expect, test } from "vitest";
import { blobString } from "../../../src/auth/blob.ts";
import type { Protocol } from "../../../src/ssh/internals.ts";
import { LoginRequests } from "../../../src/ssh/login-requests.ts";

/** What ssh2's server is given of a request that ssh2 has read as `data`. */
function passedOn(payload: Buffer, method: string, data: unknown): unknown[] {
  const asked: unknown[] = [];
  const handlers = {
    USERAUTH_REQUEST: (_self: unknown, ...all: unknown[]) => void asked.push(...all),
  };
  const protocol = { _handlers: handlers } as unknown as Protocol;
  const requests = new LoginRequests(protocol);
  requests.received(payload);
  protocol._handlers.USERAUTH_REQUEST(protocol, "ann", "ssh-connection", method, data);
  return asked;
}

function request(method: string, ...rest: readonly Buffer[]): Buffer {
  const head = ["ann", "ssh-connection", method].map(blobString);
  return Buffer.concat([Buffer.from([50]), ...head, ...rest]);
}

const SIGNATURE = Buffer.concat([blobString("rsa-sha2-512"), blobString("signed")]);
const KEY = Buffer.from("key");

test("algorithm and signature are what the client sent, and not what ssh2 makes of them", () => {
  const [flag, algorithm] = [Buffer.from([1]), blobString("rsa-sha2-512")];
  const payload = request("publickey", flag, algorithm, blobString(KEY), blobString(SIGNATURE));
  const data = { keyAlgo: "ssh-rsa", hashAlgo: "sha512", key: KEY, signature: "else", blob: KEY };
  expect(passedOn(payload, "publickey", data)).toEqual([
    "ann",
    "ssh-connection",
    "publickey",
    { keyAlgo: "rsa-sha2-512", key: KEY, signature: SIGNATURE, blob: KEY, hashAlgo: undefined },
  ]);
});

test("the signature does not change when the packet's memory is used again", () => {
  const [flag, algorithm] = [Buffer.from([1]), blobString("ssh-ed25519")];
  const payload = request("publickey", flag, algorithm, blobString(KEY), blobString(SIGNATURE));
  const [, , , data] = passedOn(payload, "publickey", {}) as { signature: Buffer }[];
  payload.fill(0);
  expect(data?.signature).toEqual(SIGNATURE);
});

test("a question about a key has no signature", () => {
  const payload = request("publickey", Buffer.from([0]), blobString("x"), blobString(KEY));
  const [, , , data] = passedOn(payload, "publickey", { key: KEY });
  expect(data).toEqual({ key: KEY, keyAlgo: "x", signature: undefined, hashAlgo: undefined });
});

test("other methods pass as they are; one that nobody knows is none", () => {
  expect(passedOn(request("password"), "password", "secret").slice(2)).toEqual([
    "password",
    "secret",
  ]);
  expect(passedOn(request("gssapi-with-mic"), "gssapi-with-mic", Buffer.alloc(1))[2]).toBe("none");
});
