// @ts-check
// How the server's values come: as SQLite's would.

/**
 * @import { Fault } from "./faults.ts"
 * @import { QueryArrayResult } from "pg"
 */

const BOOLEAN = 16;
const BYTEA = 17;
/** int8, int2, int4, oid, numeric */
const NUMBERS = new Set([20, 21, 23, 26, 1700]);
/** float4, float8: who asks for one takes it as it is */
const FLOATS = new Set([700, 701]);

/** @param {string} text */
function toNumber(text) {
  const number = Number(text);
  if (Number.isInteger(number) && !Number.isSafeInteger(number)) {
    throw new RangeError("the database has a number beyond 2^53");
  }
  return number;
}

/**
 * In memory of its own: with a view of larger memory that would be copied whole.
 * @param {string} text
 */
function toBytes(text) {
  return new Uint8Array(Buffer.from(text.slice(2), "hex"));
}

/** @param {string} text */
const toFlag = (text) => (text === "t" ? 1 : 0);
/** @param {string} text */
const asItIs = (text) => text;

/** Of pg's queries. */
export const types = {
  /**
   * @param {number} type
   * @returns {(text: string) => unknown}
   */
  getTypeParser(type) {
    if (NUMBERS.has(type)) return toNumber;
    if (FLOATS.has(type)) return Number;
    if (type === BOOLEAN) return toFlag;
    return type === BYTEA ? toBytes : asItIs;
  },
};

/**
 * @param {QueryArrayResult} result
 * @returns {number} rows that were inserted, changed or removed
 */
export function changesOf({ command, rowCount }) {
  return command === "INSERT" || command === "UPDATE" || command === "DELETE" ? (rowCount ?? 0) : 0;
}

/**
 * @param {unknown} thrown
 * @returns {Fault}
 */
export function toFault(thrown) {
  const { code, message } = /** @type {{ code?: unknown, message?: unknown }} */ (thrown);
  const text = String(message);
  if (typeof code === "string") return { code, message: text };
  // What pg has no code for.
  if (/does not support SSL/.test(text)) return { code: "NO_TLS", message: text };
  if (/^SASL/.test(text)) return { code: "SASL", message: text };
  if (/timeout/i.test(text)) return { code: "TIMEOUT", message: text };
  return { code: "", message: text };
}
