import * as zlib from "node:zlib";

/** The polynomial of ISO/IEC 8802-3 (Ethernet), and the same with its bits reversed. */
const POLYNOMIAL = 0x04c11db7;
const REVERSED = 0xedb88320;

/**
 * Eight tables in one, so that eight bytes are looked up at once ("slicing-by-8").
 * @param {(byte: number) => number} first a byte's effect on an empty register
 * @param {(crc: number, table: Int32Array) => number} shift that effect one byte later
 */
function tables(first, shift) {
  const table = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte += 1) table[byte] = first(byte);
  for (let at = 256; at < table.length; at += 1) table[at] = shift(table[at - 256] ?? 0, table);
  return table;
}

const ZIP = tables(
  (byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ REVERSED : crc >>> 1;
    return crc;
  },
  (crc, table) => (crc >>> 8) ^ table[crc & 0xff],
);

const POSIX = tables(
  (byte) => {
    let crc = byte << 24;
    for (let bit = 0; bit < 8; bit += 1) crc = crc < 0 ? (crc << 1) ^ POLYNOMIAL : crc << 1;
    return crc;
  },
  (crc, table) => (crc << 8) ^ table[crc >>> 24],
);

/** @param {number} crc */
function bigEndian(crc) {
  const out = Buffer.alloc(4);
  out.writeInt32BE(crc | 0);
  return out;
}

/** CRC-32 of zip, gzip and crc32(1) (RFC 1952 section 8). */
export class ZipCrc {
  #crc = 0;

  /** @param {Uint8Array} data */
  update(data) {
    this.#crc = zipCrc(data, this.#crc);
  }

  digest() {
    return bigEndian(this.#crc);
  }
}

/**
 * Goes on from the CRC of what came before.
 * @param {Uint8Array} data
 * @param {number} before
 */
export function tableCrc(data, before) {
  const t = ZIP;
  const whole = data.length - (data.length % 8);
  let crc = ~before;
  let at = 0;
  for (; at < whole; at += 8) {
    crc ^= data[at] | (data[at + 1] << 8) | (data[at + 2] << 16) | (data[at + 3] << 24);
    crc =
      t[1792 + (crc & 0xff)] ^
      t[1536 + ((crc >>> 8) & 0xff)] ^
      t[1280 + ((crc >>> 16) & 0xff)] ^
      t[1024 + (crc >>> 24)] ^
      t[768 + data[at + 4]] ^
      t[512 + data[at + 5]] ^
      t[256 + data[at + 6]] ^
      t[data[at + 7]];
  }
  for (; at < data.length; at += 1) crc = (crc >>> 8) ^ t[(crc ^ data[at]) & 0xff];
  return ~crc;
}

/** Node has it since 20.15. @type {(data: Uint8Array, before: number) => number} */
const zipCrc =
  zlib.crc32 === undefined ? tableCrc : (data, before) => zlib.crc32(data, before >>> 0);

/** The CRC of POSIX cksum: bits from the top, and the length behind the data. */
export class PosixCrc {
  #crc = 0;
  #length = 0;

  /** @param {Uint8Array} data */
  update(data) {
    const t = POSIX;
    const whole = data.length - (data.length % 8);
    let crc = this.#crc;
    let at = 0;
    for (; at < whole; at += 8) {
      crc ^= (data[at] << 24) | (data[at + 1] << 16) | (data[at + 2] << 8) | data[at + 3];
      crc =
        t[1792 + (crc >>> 24)] ^
        t[1536 + ((crc >>> 16) & 0xff)] ^
        t[1280 + ((crc >>> 8) & 0xff)] ^
        t[1024 + (crc & 0xff)] ^
        t[768 + data[at + 4]] ^
        t[512 + data[at + 5]] ^
        t[256 + data[at + 6]] ^
        t[data[at + 7]];
    }
    for (; at < data.length; at += 1) crc = (crc << 8) ^ t[(crc >>> 24) ^ data[at]];
    this.#crc = crc;
    this.#length += data.length;
  }

  digest() {
    let crc = this.#crc;
    for (let rest = this.#length; rest > 0; rest = Math.floor(rest / 256)) {
      crc = (crc << 8) ^ POSIX[(crc >>> 24) ^ (rest % 256)];
    }
    return bigEndian(~crc);
  }
}
