import { formatSize, parseSize, roundSize, UnitError } from "../src/text/units.ts";

/** A quota as {@link parseQuota} reads it back: "10.24GB", "none". */
export function quotaText(bytes: number | null): string {
  return bytes === null ? "none" : formatSize(bytes);
}

/** A quota for tables: "10.2 GB", "none". */
export function roundQuota(bytes: number | null): string {
  return bytes === null ? "none" : roundSize(bytes);
}

export type Parsed = { readonly value: number | null } | { readonly error: string };

/** "10GB", "500 MiB", a number of bytes, or "none". */
export function parseQuota(text: string): Parsed {
  if (text.trim().toLowerCase() === "none") return { value: null };
  try {
    return { value: parseSize(text) };
  } catch (thrown) {
    if (!(thrown instanceof UnitError)) throw thrown;
    return { error: `the quota is ${thrown.message}` };
  }
}

export type ParsedOrDefault =
  | { readonly value: number | null | "default" }
  | { readonly error: string };

/** As {@link parseQuota}, or "default": what somebody else says of it. */
export function parseQuotaOrDefault(text: string): ParsedOrDefault {
  return text.trim().toLowerCase() === "default" ? { value: "default" } : parseQuota(text);
}

/** A number of files, or "none". */
export function parseFiles(text: string): Parsed {
  const plain = text.trim().toLowerCase();
  if (plain === "none" || plain === "") return { value: null };
  const count = /^\d{1,15}$/.test(plain) ? Number(plain) : Number.NaN;
  return Number.isSafeInteger(count)
    ? { value: count }
    : { error: "the most files is not a number" };
}
