import { DIGEST_BYTES, type DigestAlgorithm } from "../../digests/types.ts";
import { FsError } from "../../errors.ts";
import type { ByteString } from "../../vfs/path.ts";
import type { Call } from "../call.ts";
import { reason } from "../errors.ts";
import { content, withOperand } from "../files.ts";
import { Input } from "../io.ts";
import type { Options } from "../options.ts";
import { quoteIfNeeded } from "../quote.ts";
import { sumOf } from "./sums.ts";

/** A longer line is no checksum. */
const MAX_LINE = 16 * 1024;

export interface SumKind {
  readonly algorithm: DigestAlgorithm;
  readonly tag: string;
}

/** What was found in one list of checksums. */
interface Tally {
  read: number;
  matched: number;
  malformed: number;
  mismatched: number;
  unreadable: number;
}

/** `md5sum -c` and its kin. */
export async function checkSums(call: Call, options: Options, kind: SumKind): Promise<number> {
  let good = true;
  const lists = options.operands.length === 0 ? ["-" as ByteString] : options.operands;
  for (const list of lists) {
    try {
      const tally = await withOperand(call, list, (file) => {
        const pieces = content(call, file);
        const pull = async () => (await pieces.next()).value as Buffer | undefined;
        const input = file === undefined ? call.stdin : new Input({ pull });
        return checkList(call, input, list, options, kind);
      });
      good = (await summarize(call, tally, list, options)) && good;
    } catch (thrown) {
      if (!(thrown instanceof FsError)) throw thrown;
      await call.complain(`${quoteIfNeeded(list)}: ${reason(thrown)}`);
      good = false;
    }
  }
  return good ? 0 : 1;
}

async function checkList(
  call: Call,
  input: Input,
  list: ByteString,
  options: Options,
  kind: SumKind,
): Promise<Tally> {
  const tally: Tally = { read: 0, matched: 0, malformed: 0, mismatched: 0, unreadable: 0 };
  for (let number = 1; ; number += 1) {
    await call.step();
    const line = await input.readLine(call.signal, MAX_LINE);
    if (line === undefined) return tally;
    if (line.startsWith("#")) continue;
    const entry = parseLine(line.replace(/\r?\n$/, ""), kind);
    if (entry !== undefined) {
      tally.read += 1;
      await checkOne(call, entry, options, kind, tally);
      continue;
    }
    if (line === "\n") continue;
    tally.malformed += 1;
    if (options.has("w")) {
      const where = `${listName(list)}: ${number}`;
      await call.complain(`${where}: improperly formatted ${kind.tag} checksum line`);
    }
  }
}

interface Entry {
  readonly name: ByteString;
  readonly digest: string;
}

/** Reads "HEX  NAME", "HEX *NAME" and "TAG (NAME) = HEX", each with or without escaping. */
function parseLine(line: string, { algorithm, tag }: SumKind): Entry | undefined {
  const [, mark, text = ""] = /^[ \t]*(\\?)(.*)$/s.exec(line) ?? [];
  const escaped = mark !== "";
  const digits = 2 * DIGEST_BYTES[algorithm];
  const bsd = new RegExp(`^${tag} ?\\((.*)\\)[ \\t]*=[ \\t]*([0-9a-fA-F]{${digits}})$`, "s");
  const gnu = new RegExp(`^([0-9a-fA-F]{${digits}})[ \\t](?:[ *])?(.+)$`, "s");
  const tagged = bsd.exec(text);
  const plain = tagged === null ? gnu.exec(text) : null;
  const digest = tagged?.[2] ?? plain?.[1];
  const name = tagged?.[1] ?? plain?.[2];
  if (digest === undefined || name === undefined) return undefined;
  const real = escaped ? unescapeName(name) : (name as ByteString);
  return real && { name: real, digest: digest.toLowerCase() };
}

function unescapeName(name: string): ByteString | undefined {
  if (/\\(?![\\nr])/.test(name.replaceAll("\\\\", ""))) return undefined;
  const real = name.replace(/\\([\\nr])/g, (_, c) => (c === "n" ? "\n" : c === "r" ? "\r" : "\\"));
  return real as ByteString;
}

async function checkOne(
  call: Call,
  { name, digest }: Entry,
  options: Options,
  { algorithm }: SumKind,
  tally: Tally,
): Promise<void> {
  const silent = options.has("status");
  let found: string;
  try {
    found = await sumOf(call, name, algorithm);
  } catch (thrown) {
    if (!(thrown instanceof FsError)) throw thrown;
    if (thrown.code === "ENOENT" && options.has("ignore-missing")) return;
    await call.complain(`${quoteIfNeeded(name)}: ${reason(thrown)}`);
    tally.unreadable += 1;
    if (!silent) await call.out.print(`${call.shown(resultName(name))}: FAILED open or read\n`);
    return;
  }
  const matches = found === digest;
  if (matches) tally.matched += 1;
  else tally.mismatched += 1;
  if (silent || (matches && options.has("quiet"))) return;
  await call.out.print(`${call.shown(resultName(name))}: ${matches ? "OK" : "FAILED"}\n`);
}

/** Here only a newline makes GNU escape a name. */
function resultName(name: ByteString): ByteString {
  if (!name.includes("\n")) return name;
  return `\\${name.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}` as ByteString;
}

function listName(list: ByteString): string {
  return list === "-" ? "'standard input'" : quoteIfNeeded(list);
}

function count(number: number, one: string, many: string): string {
  return number === 1 ? `1 ${one}` : `${number} ${many}`;
}

/** Warns of what was wrong with a list. True when everything in it was right. */
async function summarize(
  call: Call,
  tally: Tally,
  list: ByteString,
  options: Options,
): Promise<boolean> {
  if (tally.read === 0) {
    await call.complain(`${listName(list)}: no properly formatted checksum lines found`);
    return false;
  }
  const warn = async (number: number, one: string, many: string): Promise<void> => {
    if (number > 0) await call.complain(`WARNING: ${count(number, one, many)}`);
  };
  if (!options.has("status")) {
    await warn(tally.malformed, "line is improperly formatted", "lines are improperly formatted");
    await warn(tally.unreadable, "listed file could not be read", "listed files could not be read");
    await warn(
      tally.mismatched,
      "computed checksum did NOT match",
      "computed checksums did NOT match",
    );
  }
  const nothing = options.has("ignore-missing") && tally.matched === 0;
  if (nothing && !options.has("status")) {
    await call.complain(`${listName(list)}: no file was verified`);
  }
  const strict = options.has("strict") && tally.malformed > 0;
  return !nothing && tally.mismatched === 0 && tally.unreadable === 0 && !strict;
}
