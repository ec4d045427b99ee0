/** Largest size or duration that a JavaScript number holds exactly. */
const MAX = BigInt(Number.MAX_SAFE_INTEGER);

/** A letter alone is a power of 1024, as with `ls -h`, rsync, curl and dd. */
const SIZE_UNITS: ReadonlyMap<string, bigint> = new Map([
  ["", 1n],
  ["b", 1n],
  ["k", 2n ** 10n],
  ["m", 2n ** 20n],
  ["g", 2n ** 30n],
  ["t", 2n ** 40n],
  ["p", 2n ** 50n],
  ["kb", 10n ** 3n],
  ["mb", 10n ** 6n],
  ["gb", 10n ** 9n],
  ["tb", 10n ** 12n],
  ["pb", 10n ** 15n],
  ["kib", 2n ** 10n],
  ["mib", 2n ** 20n],
  ["gib", 2n ** 30n],
  ["tib", 2n ** 40n],
  ["pib", 2n ** 50n],
]);

const DURATION_UNITS: ReadonlyMap<string, bigint> = new Map([
  ["", 1_000n],
  ["ms", 1n],
  ["s", 1_000n],
  ["m", 60_000n],
  ["h", 3_600_000n],
  ["d", 86_400_000n],
  ["w", 604_800_000n],
]);

/** Units to print sizes in, the largest first; binary ones come first where both fit. */
const SIZE_NAMES: readonly [string, number][] = [
  ["PiB", 2 ** 50],
  ["PB", 1e15],
  ["TiB", 2 ** 40],
  ["TB", 1e12],
  ["GiB", 2 ** 30],
  ["GB", 1e9],
  ["MiB", 2 ** 20],
  ["MB", 1e6],
  ["KiB", 2 ** 10],
  ["KB", 1e3],
];

const DURATION_NAMES: readonly [string, number][] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
];

// Bounded lengths: the digits go into a BigInt.
const QUANTITY = /^(\d{1,20})(?:\.(\d{1,20}))?\s*([A-Za-z]{0,3})$/;

/** Text that is no size or duration. The message completes a sentence that begins with “it is …”. */
export class UnitError extends Error {
  override readonly name = "UnitError";
}

/**
 * Bytes: `10GB` is 10·10^9, `10GiB` and `10G` 10·2^30, a bare number bytes. Fractions are allowed when whole
 * bytes come out. Units are read without regard to case.
 * @throws UnitError for anything else, and above 2^53−1
 */
export function parseSize(value: string | number): number {
  return exact(
    value,
    SIZE_UNITS,
    "a whole number of bytes",
    "B, K, KB, KiB, M, MB, MiB, G, GB, GiB, T, TB, TiB",
  );
}

/**
 * Bytes a second: a size, with or without `/s` behind it.
 * @throws UnitError for anything else, and above 2^53−1
 */
export function parseRate(value: string | number): number {
  return parseSize(typeof value === "number" ? value : value.trim().replace(/\s*\/s$/i, ""));
}

/**
 * Milliseconds: `500ms`, `30s`, `5m`, `1h`, `90d`, `2w`; a bare number is seconds.
 * @throws UnitError for anything else, and above 2^53−1
 */
export function parseDuration(value: string | number): number {
  return exact(value, DURATION_UNITS, "a whole number of milliseconds", "ms, s, m, h, d, w");
}

function exact(
  value: string | number,
  units: ReadonlyMap<string, bigint>,
  whole: string,
  names: string,
): number {
  const text = typeof value === "number" ? plainDigits(value) : value.trim();
  const match = QUANTITY.exec(text);
  if (match === null && text.startsWith("-")) throw new UnitError("negative");
  if (match === null) throw new UnitError(`not a number with a unit (${names})`);
  const [, integer = "", fraction = "", name = ""] = match;
  const unit = units.get(name.toLowerCase());
  if (unit === undefined) throw new UnitError(`not in one of the units ${names}`);
  const scaled = BigInt(integer + fraction) * unit;
  const divisor = 10n ** BigInt(fraction.length);
  if (scaled % divisor !== 0n) throw new UnitError(`not ${whole}`);
  const result = scaled / divisor;
  if (result > MAX) throw new UnitError("too large");
  return Number(result);
}

function plainDigits(value: number): string {
  if (!Number.isFinite(value)) throw new UnitError("not a finite number");
  if (value < 0) throw new UnitError("negative");
  // String() of a large whole number would have an exponent.
  return Number.isInteger(value) ? BigInt(value).toString() : String(value);
}

/** A size that {@link parseSize} reads back to the same number: the largest unit that is exact. */
export function formatSize(bytes: number): string {
  for (const [name, unit] of SIZE_NAMES) {
    // Up to three decimals for decimal units: 10240000000 is 10.24GB.
    const places = unit % 1000 === 0 && bytes < unit * 1000 ? 1000 : 1;
    if (bytes >= unit && bytes % (unit / places) === 0) return `${bytes / unit}${name}`;
  }
  return `${bytes}`;
}

/** A rate that {@link parseRate} reads back to the same number. */
export function formatRate(bytesPerSecond: number): string {
  return `${formatSize(bytesPerSecond)}/s`;
}

/** A size for people: three significant digits, decimal units ("1.23 GB"). */
export function roundSize(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  for (const [name, unit] of SIZE_NAMES) {
    if (unit % 1000 !== 0 || bytes < unit * 0.9995) continue;
    const value = bytes / unit;
    return `${value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0)} ${name}`;
  }
  return `${bytes} B`;
}

/** A duration that {@link parseDuration} reads back to the same number. */
export function formatDuration(ms: number): string {
  if (ms === 0) return "0";
  for (const [name, unit] of DURATION_NAMES) {
    if (ms % unit === 0) return `${ms / unit}${name}`;
  }
  return `${ms}ms`;
}

/** The letters for powers of 1024 and, below, of 1000. */
const LETTERS = ["", "K", "M", "G", "T", "P", "E"];
const SI_LETTERS = ["", "k", ...LETTERS.slice(2)];

/** "512", "1.5K", "20M": powers of 1024, rounded up, as `ls -h` prints them. */
export function humanSize(bytes: number): string {
  return powersOf(1024, LETTERS, bytes);
}

/** The same with powers of 1000: "1.5k", "20M", as `df -H` prints them. */
export function siSize(bytes: number): string {
  return powersOf(1000, SI_LETTERS, bytes);
}

function powersOf(base: number, letters: readonly string[], bytes: number): string {
  let unit = 0;
  let value = bytes;
  while (value >= base && unit < letters.length - 1) {
    value /= base;
    unit += 1;
  }
  if (unit === 0) return String(bytes);
  const tenths = Math.ceil(value * 10) / 10;
  if (tenths < 10) return `${tenths.toFixed(1)}${letters[unit]}`;
  const whole = Math.ceil(value);
  return whole === base && unit < letters.length - 1
    ? `1.0${letters[unit + 1]}`
    : whole + (letters[unit] ?? "");
}
