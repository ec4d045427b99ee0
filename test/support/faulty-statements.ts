import type { Statement } from "better-sqlite3";
import { Driver } from "../../src/store/database-driver.ts";

/** These end what failed, or are no business of anybody's. */
const NEVER = /^\s*(ROLLBACK|PRAGMA)/i;

/** Statements of this process's connections to the database, of which one is to fail. */
class FaultyStatements {
  /** statements since {@link arm} that could fail */
  count = 0;
  /** what failed; undefined when nothing did */
  failed: string | undefined;
  #code = "";
  #failAt = 0;

  constructor() {
    const prototype = Driver.prototype as { prepare(sql: string): Statement };
    const { prepare } = prototype;
    const watch = (statement: Statement, sql: string): void => this.#watch(statement, sql);
    prototype.prepare = function (sql) {
      const statement = prepare.call(this, sql);
      if (!NEVER.test(sql)) watch(statement, sql);
      return statement;
    };
  }

  /** From now on the Nth statement fails, once. @param code SQLite's, such as "SQLITE_IOERR" */
  arm(code: string, n: number): void {
    Object.assign(this, { count: 0, failed: undefined });
    this.#code = code;
    this.#failAt = n;
  }

  disarm(): void {
    this.#failAt = 0;
  }

  #watch(statement: Statement, sql: string): void {
    for (const name of ["run", "get", "all"] as const) {
      const call = statement[name].bind(statement) as (...args: unknown[]) => unknown;
      const hit = (...args: unknown[]): unknown => {
        this.#hit(sql);
        return call(...args);
      };
      Object.assign(statement, { [name]: hit });
    }
  }

  #hit(sql: string): void {
    if (this.#failAt === 0) return;
    this.count += 1;
    if (this.count !== this.#failAt) return;
    this.failed = sql.replace(/\s+/g, " ").slice(0, 80);
    throw Object.assign(new Error(`${this.#code}: a fault`), { code: this.#code });
  }
}

export const faultyStatements = new FaultyStatements();
