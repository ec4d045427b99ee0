import { readFileSync } from "node:fs";
import { decodeName } from "../../../text/names.ts";

/** What Node.js makes of bytes that aren't UTF-8. */
const LOST = "\u{FFFD}";

/**
 * Names of the command line with the bytes that they were given in, as decodeName() has them: those
 * of a local file need not be UTF-8. Where the system doesn't tell they stay as they are.
 */
export function exactNames(names: readonly string[], given = commandLine()): string[] {
  let from = 0;
  return names.map((name) => {
    if (!name.includes(LOST)) return name;
    // In order: several may look the same.
    const at = given.findIndex((bytes, index) => index >= from && bytes.toString() === name);
    const bytes = given[at];
    if (bytes === undefined) return name;
    from = at + 1;
    return decodeName(bytes);
  });
}

function commandLine(): Buffer[] {
  try {
    const text = readFileSync("/proc/self/cmdline", "latin1");
    return text.split("\0").map((part) => Buffer.from(part, "latin1"));
  } catch {
    return [];
  }
}
