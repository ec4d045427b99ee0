import { createHmac } from "node:crypto";

/** Milliseconds of a time step. */
export const STEP_MS = 30_000;

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/**
 * The code of a secret at a time, by RFC 6238 itself and not by the library that the server has.
 * @param secret base32; spaces don't count
 * @param at milliseconds since the epoch
 */
export function codeAt(secret: string, at: number = Date.now()): string {
  const bits = [...secret.replace(/\s/g, "")]
    .map((letter) => BASE32.indexOf(letter).toString(2).padStart(5, "0"))
    .join("");
  const key = Buffer.from(bits.match(/.{8}/g)?.map((byte) => Number.parseInt(byte, 2)) ?? []);
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(at / STEP_MS)));
  const mac = createHmac("sha1", key).update(step).digest();
  const offset = (mac.at(-1) ?? 0) & 0xf;
  const number = (mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000;
  return String(number).padStart(6, "0");
}

/** Six digits that are the code of no step near now. */
export function wrongCode(secret: string, at: number = Date.now()): string {
  const near = [-2, -1, 0, 1, 2].map((steps) => codeAt(secret, at + steps * STEP_MS));
  const digits = Array.from({ length: 10 }, (_, index) => String(index).repeat(6));
  return digits.find((code) => !near.includes(code)) ?? "";
}
