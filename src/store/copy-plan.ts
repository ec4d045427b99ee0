import type { SqliteDatabase } from "./database.ts";

/** A table that is copied from SQLite, as SQLite's own schema has it. */
export interface CopiedTable {
  readonly name: string;
  readonly columns: readonly string[];
  /** those whose values are bytes */
  readonly bytes: readonly string[];
  /** the column that the database counts up by itself, and the highest number it ever gave */
  readonly counter: { readonly column: string; readonly last: number } | undefined;
  /** a migration made its row: an empty instance has it, too */
  readonly isSingle: boolean;
  readonly rows: number;
}

interface Column {
  readonly name: string;
  readonly type: string;
  /** place in the primary key, from 1 on; 0: not in it */
  readonly pk: number;
}

/**
 * All tables of an instance's database, those that others refer to first: so each row finds what it
 * refers to. What is not in a list can't be forgotten in it.
 * @throws Error when tables refer to each other in a ring
 */
export function copyPlan(database: SqliteDatabase): CopiedTable[] {
  const names = database
    .prepare<[], string>(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
    )
    .pluck()
    .all() as string[];
  return inOrder(names, (name) => refersTo(database, name)).map((name) =>
    described(database, name),
  );
}

function refersTo(database: SqliteDatabase, name: string): string[] {
  const keys = database.prepare('SELECT "table" FROM pragma_foreign_key_list(?)').pluck();
  // Rows that refer to rows of their own table would need an order of their own: none does.
  return keys.all(name) as string[];
}

/** @throws Error for a ring */
export function inOrder(
  names: readonly string[],
  refers: (name: string) => readonly string[],
): string[] {
  const ordered: string[] = [];
  const waiting = new Set<string>();
  const place = (name: string): void => {
    if (ordered.includes(name)) return;
    if (waiting.has(name)) throw new Error(`tables refer to each other in a ring: ${name}`);
    waiting.add(name);
    for (const target of refers(name)) place(target);
    ordered.push(name);
  };
  for (const name of names) place(name);
  return ordered;
}

function described(database: SqliteDatabase, name: string): CopiedTable {
  const columns = database.prepare("SELECT * FROM pragma_table_info(?)").all(name) as Column[];
  const keys = columns.filter(({ pk }) => pk > 0);
  return {
    name,
    columns: columns.map((column) => column.name),
    bytes: columns.filter(({ type }) => type === "BLOB").map((column) => column.name),
    counter: counterOf(database, name, keys),
    isSingle: keys.length === 0 && refersTo(database, name).length === 0,
    rows: database.prepare(`SELECT COUNT(*) FROM "${name}"`).pluck().get() as number,
  };
}

/** SQLite counts up a key that is one integer; whether it remembers the highest depends on the table. */
function counterOf(
  database: SqliteDatabase,
  name: string,
  keys: readonly Column[],
): CopiedTable["counter"] {
  const [key] = keys;
  if (key === undefined || keys.length > 1 || key.type !== "INTEGER") return undefined;
  const remembered = database.prepare("SELECT seq FROM sqlite_sequence WHERE name = ?").pluck();
  const highest = database.prepare(`SELECT MAX("${key.name}") FROM "${name}"`).pluck();
  const last = Math.max(Number(remembered.get(name) ?? 0), Number(highest.get() ?? 0));
  return { column: key.name, last };
}
