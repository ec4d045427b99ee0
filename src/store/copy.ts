import { InstanceError } from "../errors.ts";
import type { Connection } from "./connection.ts";
import { type CopiedTable, copyPlan } from "./copy-plan.ts";
import type { SqliteDatabase } from "./database.ts";

/** Rows, and characters of them, that go in one statement: each costs a way to the other database. */
const ROWS_AT_ONCE = 2_000;
const CHARACTERS_AT_ONCE = 1_000_000;

/** What was copied, as the other database says. */
export interface Copied {
  /** by the tables' names */
  readonly rows: Readonly<Record<string, number>>;
  /** of all homes together */
  readonly usedBytes: number;
  readonly usedFiles: number;
}

/** @param of rows of the whole */
type OnRows = (done: number, of: number) => void;

/**
 * Copies all rows of a database that nobody uses into one that has the tables and no instance yet.
 * All of it in one transaction, which is compared before it ends: it is all there, or nothing.
 * @param source a snapshot that was settled: it has nothing of processes
 * @throws InstanceError when the other database has an instance, or is in use
 */
export function copyDatabase(
  source: SqliteDatabase,
  target: Connection,
  onRows: OnRows = () => {},
): Copied {
  const plan = copyPlan(source);
  if (!target.begin("instance")) throw new InstanceError("the database is in use: try again");
  try {
    requireEmpty(target, plan);
    copyTables(source, target, plan, onRows);
    const copied = requireSame(source, target, plan);
    target.commit();
    return copied;
  } catch (thrown) {
    target.rollback();
    throw thrown;
  }
}

function requireEmpty(target: Connection, plan: readonly CopiedTable[]): void {
  const used = plan.filter(({ name, isSingle }) => !isSingle && rowsOf(target, name) > 0);
  if (used.length === 0) return;
  throw new InstanceError(
    "that database has an instance in it already: give an empty one (createdb), or drop it and make it anew",
  );
}

function rowsOf(target: Connection, name: string): number {
  const count = target.prepare<[], number>(`SELECT CAST(COUNT(*) AS BIGINT) FROM "${name}"`);
  return count.pluck().get() ?? 0;
}

function copyTables(
  source: SqliteDatabase,
  target: Connection,
  plan: readonly CopiedTable[],
  onRows: OnRows,
): void {
  const of = plan.reduce((sum, { rows }) => sum + rows, 0);
  let done = 0;
  for (const table of plan) {
    if (table.isSingle) target.prepare(`DELETE FROM "${table.name}"`).run();
    const insert = target.prepare<[string]>(insertionOf(table));
    for (const { rows, text } of batches(source, table)) {
      insert.run(text);
      done += rows;
      onRows(done, of);
    }
    goOn(target, table);
  }
}

/** The rows are one JSON text, which the other database takes apart by the types of its columns. */
function insertionOf({ name, columns }: CopiedTable): string {
  const list = columns.map((column) => `"${column}"`).join(", ");
  return `INSERT INTO "${name}" (${list}) OVERRIDING SYSTEM VALUE
    SELECT ${list} FROM json_populate_recordset(CAST(NULL AS "${name}"), CAST(CAST(? AS TEXT) AS JSON))`;
}

/** A JSON array of some rows. */
export interface Batch {
  readonly rows: number;
  readonly text: string;
}

/** All rows of a table, so many at once as one statement takes. */
export function* batches(source: SqliteDatabase, { name, bytes }: CopiedTable): Generator<Batch> {
  let texts: string[] = [];
  let characters = 0;
  const batch = () => ({ rows: texts.length, text: `[${texts.join(",")}]` });
  for (const row of source.prepare(`SELECT * FROM "${name}"`).iterate()) {
    const text = rowText(row as Record<string, unknown>, bytes);
    texts.push(text);
    characters += text.length;
    if (texts.length < ROWS_AT_ONCE && characters < CHARACTERS_AT_ONCE) continue;
    yield batch();
    texts = [];
    characters = 0;
  }
  if (texts.length > 0) yield batch();
}

/** Bytes as PostgreSQL writes them. */
function rowText(row: Record<string, unknown>, bytes: readonly string[]): string {
  for (const column of bytes) {
    const value = row[column];
    if (value !== null) row[column] = `\\x${(value as Buffer).toString("hex")}`;
  }
  return JSON.stringify(row, (_, value) => (typeof value === "string" ? storable(value) : value));
}

/** As PostgreSQL takes texts: without the character 0, and without halves of characters. */
function storable(text: string): string {
  return text.replaceAll("\0", "\ufffd").replace(LONE_SURROGATE, "\ufffd");
}

const LONE_SURROGATE = /\p{Surrogate}/gu;

/**
 * The next number is behind the highest that there ever was: none is given twice. The other database
 * counts with a sequence of its own, or in the table that SQLite has for it.
 */
function goOn(target: Connection, { name, counter }: CopiedTable): void {
  if (counter === undefined || counter.last === 0) return;
  const { column, last } = counter;
  const set = target.prepare<[string, string, number], number | null>(
    "SELECT setval(pg_get_serial_sequence(CAST(? AS TEXT), CAST(? AS TEXT)), CAST(? AS BIGINT))",
  );
  if ((set.pluck().get(`"${name}"`, column, last) ?? null) !== null) return;
  const noted = target.prepare("UPDATE sqlite_sequence SET seq = ? WHERE name = ?").run(last, name);
  // What has neither gets its numbers from elsewhere, such as from another table.
  if (noted.changes === 0 && countsUp(target, name, column)) {
    throw new Error(`${name} would give numbers a second time`);
  }
}

function countsUp(target: Connection, name: string, column: string): boolean {
  const query = `SELECT column_default IS NOT NULL FROM information_schema.columns
    WHERE table_schema = current_schema() AND table_name = ? AND column_name = ?`;
  return target.prepare<[string, string], number>(query).pluck().get(name, column) === 1;
}

const USED = `SELECT CAST(COALESCE(SUM(used_bytes), 0) AS BIGINT) AS "usedBytes",
  CAST(COALESCE(SUM(used_files), 0) AS BIGINT) AS "usedFiles" FROM homes`;

interface Used {
  readonly usedBytes: number;
  readonly usedFiles: number;
}

/** @throws Error when it is not all there */
function requireSame(
  source: SqliteDatabase,
  target: Connection,
  plan: readonly CopiedTable[],
): Copied {
  const rows: Record<string, number> = {};
  for (const table of plan) {
    const found = rowsOf(target, table.name);
    if (found !== table.rows) {
      throw new Error(`the copy of ${table.name} has ${found} rows instead of ${table.rows}`);
    }
    rows[table.name] = found;
  }
  const here = source.prepare<[], Used>(USED).get();
  const there = target.prepare<[], Used>(USED).get();
  if (there === undefined || JSON.stringify(here) !== JSON.stringify(there)) {
    throw new Error("the copy's homes don't have the usage that they have here");
  }
  return { rows, ...there };
}
