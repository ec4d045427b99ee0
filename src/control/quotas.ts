import { ControlError, EXIT } from "./errors.ts";

/** @throws ControlError for what is no number of bytes; null: no limit */
export function checkedQuota(bytes: number | null): number | null {
  if (bytes === null || (Number.isSafeInteger(bytes) && bytes >= 0)) return bytes;
  throw new ControlError(`a quota has 0 to ${Number.MAX_SAFE_INTEGER} bytes`, EXIT.usage);
}

/** What was typed, safe for a terminal and one line. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}…` : text);
}
