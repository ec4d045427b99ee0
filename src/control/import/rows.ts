import { PublicKeyError, parsePublicKeys } from "../../auth/keys.ts";
import { isUserName, USER_NAME_RULE } from "../../auth/names.ts";
import type { Role, UserKey } from "../../store/types.ts";
import { parseSize, UnitError } from "../../text/units.ts";
import { MAX_GROUPS_OF_A_USER } from "../groups.ts";
import { quoted } from "../quotas.ts";
import { CsvFault, type CsvRecord, type Fault, readCsv } from "./csv.ts";

/** So many users one file may have. */
export const MAX_ROWS = 10_000;
/** In bytes. */
export const MAX_FILE = 8 * 1024 * 1024;

const COLUMNS = ["name", "quota", "groups", "key", "role"] as const;
type Column = (typeof COLUMNS)[number];

/** A user as a line of the file has it. */
export interface ImportRow {
  readonly line: number;
  readonly name: string;
  readonly role: Role;
  /** undefined: what groups and settings say; null: no limit */
  readonly quotaBytes: number | null | undefined;
  readonly groups: readonly string[];
  readonly keys: readonly UserKey[];
}

export interface ImportFile {
  readonly rows: readonly ImportRow[];
  readonly faults: readonly Fault[];
}

/** What is in the file, and all that is wrong with it by itself. Never throws. */
export function readRows(text: string): ImportFile {
  try {
    const [header, ...records] = readCsv(text);
    if (header === undefined) return { rows: [], faults: [{ text: "the file is empty" }] };
    const faults = headerFaults(header);
    if (faults.length > 0) return { rows: [], faults };
    if (records.length > MAX_ROWS) {
      const text = `the file has ${records.length} users: at most ${MAX_ROWS} at once`;
      return { rows: [], faults: [{ text }] };
    }
    return checkRecords(header.fields.map(columnName), records);
  } catch (thrown) {
    if (!(thrown instanceof CsvFault)) throw thrown;
    return { rows: [], faults: [thrown] };
  }
}

function columnName(text: string): string {
  return text.trim().toLowerCase();
}

function headerFaults({ line, fields }: CsvRecord): Fault[] {
  const names = fields.map(columnName);
  const texts = names.flatMap((name, at) => {
    if (!COLUMNS.some((known) => known === name)) {
      return [`unknown column ${quoted(name)}: there are ${COLUMNS.join(", ")}`];
    }
    return names.indexOf(name) < at ? [`column ${name} is there twice`] : [];
  });
  if (!names.includes("name")) texts.push("no column name: the first line names the columns");
  return texts.map((text) => ({ line, text }));
}

function checkRecords(columns: readonly string[], records: readonly CsvRecord[]): ImportFile {
  const rows: ImportRow[] = [];
  const faults: Fault[] = [];
  const lines = new Map<string, number>();
  for (const record of records) {
    const { line } = record;
    const add = (text: string): void => void faults.push({ line, text });
    if (record.fields.length !== columns.length) {
      add(`${record.fields.length} fields, and ${columns.length} columns`);
      continue;
    }
    const row = checkRecord(columns, record, add);
    const first = lines.get(row.name);
    if (first !== undefined) add(`${quoted(row.name)} is in line ${first} already`);
    else lines.set(row.name, line);
    rows.push(row);
  }
  return { rows, faults };
}

/** @param add is told what is wrong with it */
function checkRecord(
  columns: readonly string[],
  { line, fields }: CsvRecord,
  add: (text: string) => void,
): ImportRow {
  const field = (column: Column): string => (fields[columns.indexOf(column)] ?? "").trim();
  const name = field("name");
  if (!isUserName(name)) {
    add(`${quoted(name)} can't be a user's name: ${USER_NAME_RULE}`);
  }
  return {
    line,
    name,
    role: roleIn(field("role"), add),
    quotaBytes: quotaIn(field("quota"), add),
    groups: groupsIn(field("groups"), add),
    keys: keysIn(field("key"), add),
  };
}

function roleIn(text: string, add: (text: string) => void): Role {
  if (text === "admin") return text;
  if (text !== "" && text !== "user") add(`role ${quoted(text)}: give user or admin`);
  return "user";
}

function quotaIn(text: string, add: (text: string) => void): number | null | undefined {
  const plain = text.toLowerCase();
  if (plain === "" || plain === "default") return undefined;
  if (plain === "none") return null;
  try {
    return parseSize(text);
  } catch (thrown) {
    if (!(thrown instanceof UnitError)) throw thrown;
    add(`quota ${quoted(text)}: give a size such as 10GB or 512MiB, none or default`);
    return undefined;
  }
}

/** With commas, semicolons or spaces between them; each may have an "@" in front. */
function groupsIn(text: string, add: (text: string) => void): readonly string[] {
  const names = text.split(/[\s,;]+/).filter((name) => name !== "");
  const groups = [...new Set(names.map((name) => name.replace(/^@/, "")))];
  if (groups.length <= MAX_GROUPS_OF_A_USER) return groups;
  add(`${groups.length} groups: at most ${MAX_GROUPS_OF_A_USER}`);
  return [];
}

function keysIn(text: string, add: (text: string) => void): readonly UserKey[] {
  if (text === "") return [];
  try {
    return parsePublicKeys(text);
  } catch (thrown) {
    if (!(thrown instanceof PublicKeyError)) throw thrown;
    add(`key: ${thrown.message}`);
    return [];
  }
}
