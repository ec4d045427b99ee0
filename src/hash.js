// @ts-check
// Hashes by name: those of Node.js, and BLAKE3 by a native library where there is one for the machine.
// It is JavaScript because Node 20 can't start a thread from TypeScript, and the tests run from the sources.
import * as crypto from "node:crypto";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/** @typedef {{ update(data: Uint8Array): unknown, digestBuffer(): Buffer }} Native */

/** @type {(new () => Native) | null | undefined} null when the machine has none, undefined before the first look */
let native;

function load() {
  if (native !== undefined) return native;
  try {
    native = withoutNetwork(() => require("@napi-rs/blake-hash").Blake3Hasher) ?? null;
  } catch {
    // The library is an optional dependency. npm doesn't install it on a machine that it isn't built for.
    native = null;
  }
  return native;
}

/**
 * Loads the library without a look-up of names. The library reads Node's report to learn which C library the machine has.
 * For that report Node would ask DNS for the name of each peer, and the whole process would stand still meanwhile.
 * @template T
 * @param {() => T} act
 */
function withoutNetwork(act) {
  // Not in the types of Node 20, which has it since 20.13.
  const report = /** @type {{ excludeNetwork?: boolean }} */ (process.report);
  const before = report.excludeNetwork;
  report.excludeNetwork = true;
  try {
    return act();
  } finally {
    report.excludeNetwork = before ?? false;
  }
}

/** Can this machine compute BLAKE3? */
export function hasBlake3() {
  return load() !== null;
}

/** BLAKE3 with 32 bytes, used like a Hash of node:crypto. After digest() it may be given more. */
export class Blake3 {
  #native;

  constructor() {
    const Hasher = load();
    if (!Hasher) throw new Error("no BLAKE3 on this machine");
    this.#native = new Hasher();
  }

  /** @param {Uint8Array} data */
  update(data) {
    this.#native.update(data);
    return this;
  }

  digest() {
    return this.#native.digestBuffer();
  }
}

/**
 * @param {string} algorithm by OpenSSL's name, or "blake3"
 * @throws Error where there is none of that name
 */
export function createHash(algorithm) {
  return algorithm === "blake3" ? new Blake3() : crypto.createHash(algorithm);
}

/**
 * The digest of what a hash was given so far; it may be given more afterwards.
 * @param {Blake3 | crypto.Hash} hash
 */
export function digestSoFar(hash) {
  return hash instanceof Blake3 ? hash.digest() : hash.copy().digest();
}
