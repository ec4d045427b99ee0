import { readFileSync } from "node:fs";
import { InstanceError } from "../../errors.ts";
import { type Migration, migrationsIn, OLDER } from "../database.ts";
import { MIGRATIONS_LOCK, type PostgresConnection } from "./connection.ts";

/**
 * Brings the schema up to date, under a lock: of several processes that start one does it.
 * @param directory of PostgreSQL's migrations
 * @param asItIs an older one is refused
 * @throws InstanceError
 */
export function migrate(connection: PostgresConnection, directory: string, asItIs: boolean): void {
  const known = migrationsIn(directory);
  const newest = known.at(-1)?.number ?? 0;
  const version = versionOf(connection);
  requireKnown(version, newest);
  if (version === newest) return;
  if (asItIs) throw new InstanceError(OLDER);
  connection.script(scriptOf(known, version));
}

/**
 * One transaction. What another process did while this one waited for the lock is found in the table,
 * so each migration asks again whether it is wanted.
 */
function scriptOf(known: readonly Migration[], version: number): string {
  return [
    "BEGIN",
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL lock_timeout = 0",
    "SET LOCAL client_min_messages = warning",
    `SELECT pg_advisory_xact_lock(${MIGRATIONS_LOCK.join(", ")})`,
    "CREATE TABLE IF NOT EXISTS schema_version (version bigint NOT NULL)",
    "INSERT INTO schema_version SELECT 0 WHERE NOT EXISTS (SELECT * FROM schema_version)",
    ...known.filter(({ number }) => number > version).map(stepOf),
    "COMMIT",
  ].join(";\n");
}

function stepOf({ number, file }: Migration): string {
  const quote = `$migration_${number}$`;
  return `DO ${quote} BEGIN
IF (SELECT version FROM schema_version) < ${number} THEN
EXECUTE $sql_${number}$${readFileSync(file, "utf8")}$sql_${number}$;
UPDATE schema_version SET version = ${number};
END IF;
END ${quote}`;
}

/** 0: nothing is there yet. */
function versionOf(connection: PostgresConnection): number {
  const table = connection.prepare<[], string | null>("SELECT to_regclass('schema_version')::text");
  if (table.pluck().get() === null) return 0;
  const version = connection.prepare<[], number>("SELECT version FROM schema_version");
  return version.pluck().get() ?? 0;
}

function requireKnown(version: number, newest: number): void {
  if (version <= newest) return;
  throw new InstanceError(
    `the database was made by a newer version of moorage (schema ${version}, this one knows ${newest}): use that version, or restore a backup from before the upgrade`,
  );
}
