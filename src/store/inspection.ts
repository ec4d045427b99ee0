import { join } from "node:path";
import { InstanceError } from "../errors.ts";
import type { Connection } from "./connection.ts";
import { Driver } from "./database-driver.ts";

/** For other programs that have the database's lock, in milliseconds. */
const PATIENCE_MS = 5_000;

/** Faults of each kind that are listed. */
const LISTED = 10;

/** What a look into a database shows, without changing it. */
export interface Inspection {
  /** the number of its last migration */
  readonly schema: number;
  /** lines of SQLite's own about what is damaged */
  readonly damage: readonly string[];
  /** tables with rows that refer to none */
  readonly orphans: readonly string[];
  /** the instance's id; whether it has had homes and host keys */
  readonly instance: { readonly id: string; readonly marked: boolean; readonly keyed: boolean };
  /** users and folders */
  readonly homes: readonly InspectedHome[];
  /** of its newest record, in milliseconds since the epoch; 0: there is none */
  readonly newestAt: number;
}

export interface InspectedHome {
  readonly id: number;
  readonly name: string;
  readonly usedFiles: number;
}

/**
 * Looks into the database of an instance, also while servers use it.
 * @param newest the schema that this program makes
 * @throws InstanceError when it is of another version; the database's errors when it can't be read
 */
export function inspectDatabase(root: string, newest: number): Inspection {
  const file = join(root, "db", "moorage.sqlite");
  const connection = new Driver(file, { readonly: true, timeout: PATIENCE_MS });
  try {
    const schema = connection.pragma("user_version", { simple: true }) as number;
    if (schema > newest) {
      throw new InstanceError(`schema ${schema}, of a newer version of moorage: use that version`);
    }
    if (schema < newest) {
      throw new InstanceError(
        `schema ${schema}, this version has ${newest}: stop all servers, then start them with it`,
      );
    }
    const damage = connection.pragma(`integrity_check(${LISTED})`) as { integrity_check: string }[];
    const rows = connection.pragma("foreign_key_check") as { table: string }[];
    return {
      ...inspect(connection as Pick<Connection, "prepare">, schema),
      damage: damage.map((line) => line.integrity_check).filter((line) => line !== "ok"),
      orphans: [...new Set(rows.map(({ table }) => table))],
    };
  } finally {
    connection.close();
  }
}

/** Without what only the database's own tools find. */
export function inspect(connection: Pick<Connection, "prepare">, schema: number): Inspection {
  const instance = connection
    .prepare<[], { id: string; marked: number; keyed: number }>(
      "SELECT id, marked, keyed FROM instance",
    )
    .get();
  const newestAt = connection.prepare<[], number | null>("SELECT MAX(at) FROM audit").pluck().get();
  const homes = connection
    .prepare<[], InspectedHome>(
      'SELECT id, name, used_files AS "usedFiles" FROM homes ORDER BY name',
    )
    .all();
  const { id = "", marked = 0, keyed = 0 } = instance ?? {};
  return {
    ...{ schema, damage: [], orphans: [], homes, newestAt: newestAt ?? 0 },
    instance: { id, marked: marked === 1, keyed: keyed === 1 },
  };
}
