import type { ByteString } from "../vfs/path.ts";
import { CommandError } from "./errors.ts";

const FACTORS: Readonly<Record<string, number>> = {
  "": 1,
  b: 512,
  K: 1024,
  k: 1024,
  M: 1024 ** 2,
  G: 1024 ** 3,
  T: 1024 ** 4,
  kB: 1000,
  KB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};

/** A count as head and tail take it: "10", "4K", "1MB". @throws CommandError */
export function parseCount(text: ByteString, what: string): number {
  const [, digits, unit = ""] = /^(\d+)([A-Za-z]*)$/.exec(text) ?? [];
  const factor = FACTORS[unit];
  const value = Number(digits) * (factor ?? Number.NaN);
  if (!Number.isSafeInteger(value)) throw new CommandError(`invalid number of ${what}: '${text}'`);
  return value;
}
