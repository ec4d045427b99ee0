import type { Connection, Statement } from "../../src/store/connection.ts";

type Row = Record<string, unknown>;

/** What {@link CopyTarget} does wrong. */
export interface TargetFaults {
  /** it loses a row of this table */
  readonly loses?: string;
  readonly busy?: boolean;
}

/** A database that understands what a copy asks, and keeps it in memory. */
export class CopyTarget implements Connection {
  readonly engine = "postgres";
  readonly directory = "";
  readonly isOpen = true;
  readonly tables = new Map<string, Row[]>();
  readonly counters: Record<string, number> = {};
  readonly ends: string[] = [];
  statements = 0;
  readonly #faults: TargetFaults;

  constructor(faults: TargetFaults = {}) {
    this.#faults = faults;
  }

  begin(): boolean {
    return this.#faults.busy !== true;
  }

  commit(): void {
    this.ends.push("commit");
  }

  rollback(): void {
    this.ends.push("rollback");
  }

  reading<T>(read: () => T): T {
    return read();
  }

  version(): number {
    return 0;
  }

  close(): void {}

  readonly prepare = ((sql: string) => {
    const statement: Statement<unknown[], unknown> = {
      get: (...values) => this.#answer(sql, values),
      all: () => [],
      run: (...values) => {
        const changes = Number(this.#answer(sql, values) ?? 0);
        return { changes };
      },
      pluck: () => statement,
    };
    return statement;
  }) as Connection["prepare"];

  #answer(sql: string, values: readonly unknown[]): unknown {
    this.statements += 1;
    const table = /(?:INTO|FROM) "?(\w+)"?/.exec(sql)?.[1] ?? "";
    const rows = this.tables.get(table) ?? [];
    if (sql.startsWith("INSERT")) this.#insert(table, rows, values[0] as string);
    else if (sql.startsWith("DELETE")) this.tables.delete(table);
    else if (sql.includes("setval")) return this.#count(String(values[0]), Number(values[2]));
    else if (sql.startsWith("UPDATE sqlite_sequence")) {
      this.counters[String(values[1])] = Number(values[0]);
      return 1;
    } else if (sql.includes("information_schema")) return 0;
    else if (sql.includes("COUNT(*)")) return rows.length;
    else return { usedBytes: sum(rows, "used_bytes"), usedFiles: sum(rows, "used_files") };
    return undefined;
  }

  /** One table has no sequence, and is counted as SQLite does it. */
  #count(table: string, last: number): number | null {
    if (table === '"audit"') return null;
    this.counters[table] = last;
    return last;
  }

  #insert(table: string, rows: readonly Row[], text: string): void {
    const more = JSON.parse(text) as Row[];
    this.tables.set(table, [...rows, ...more.slice(this.#faults.loses === table ? 1 : 0)]);
  }
}

function sum(rows: readonly Row[], column: string): number {
  return rows.reduce((all, row) => all + Number(row[column]), 0);
}
