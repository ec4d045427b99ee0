import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "pg";
import type { Connection } from "../../src/store/connection.ts";
import { openDatabase } from "../../src/store/database.ts";
import { openPostgres } from "../../src/store/postgres/open.ts";
import { SqliteConnection } from "../../src/store/sqlite-connection.ts";
import {
  type DatabasePlace,
  type OpenOptions,
  openStore,
  type Store,
} from "../../src/store/store.ts";

const MIGRATIONS = fileURLToPath(new URL("../../db/migrations", import.meta.url));

/** Where the PostgreSQL of this run is, without a database (store-cluster.ts); unset: on SQLite. */
const { TEST_POSTGRES } = process.env;

/** Which engine the tests of this run are for. */
export const ENGINE = TEST_POSTGRES === undefined ? "sqlite" : "postgres";

/** It has the schema, and nobody connects to it. */
export const TEMPLATE = "moorage_template";

const made = new Map<string, Promise<DatabasePlace>>();

/** The database of an instance, made when it is asked for first; undefined on SQLite. */
export async function databaseOf(root: string): Promise<DatabasePlace | undefined> {
  if (TEST_POSTGRES === undefined) return undefined;
  let place = made.get(root);
  if (place === undefined) {
    place = create(nameOf(root));
    made.set(root, place);
  }
  return place;
}

/** An instance's store on the engine of this run. */
export async function openTestStore(
  root: string,
  kind: Parameters<typeof openStore>[1],
  version: string,
  options: OpenOptions = {},
): Promise<Store> {
  const database = await databaseOf(root);
  return openStore(root, kind, version, { ...options, ...(database && { database }) });
}

/** A connection besides that of a store, to an instance's database; to be closed by the caller. */
export async function connectionTo(root: string): Promise<Connection> {
  const database = await databaseOf(root);
  const file = join(root, "db", "moorage.sqlite");
  if (database === undefined) return new SqliteConnection(openDatabase(file, MIGRATIONS));
  return openPostgres(database.url, { directory: join(root, "db"), migrations: MIGRATIONS });
}

/** For a process that opens the store of an instance: the URL in `STORE_URL`, if it needs one. */
export async function environmentOf(root: string): Promise<NodeJS.ProcessEnv> {
  const database = await databaseOf(root);
  return database === undefined ? process.env : { ...process.env, STORE_URL: database.url };
}

/** The instance is gone. */
export async function dropDatabase(root: string): Promise<void> {
  if (!made.delete(root)) return;
  await asked("postgres", `DROP DATABASE IF EXISTS ${nameOf(root)} WITH (FORCE)`);
}

/** After each test file, of what its tests have not dropped. */
export async function dropDatabases(): Promise<void> {
  for (const root of made.keys()) await dropDatabase(root);
}

function nameOf(root: string): string {
  return `t_${createHash("sha256").update(root).digest("hex").slice(0, 24)}`;
}

async function create(name: string): Promise<DatabasePlace> {
  await asked("postgres", `CREATE DATABASE ${name} TEMPLATE ${TEMPLATE}`);
  // The template's copies would all be the same instance.
  await asked(name, `UPDATE instance SET id = '${randomBytes(16).toString("hex")}'`);
  return { url: `${TEST_POSTGRES}/${name}` };
}

async function asked(database: string, sql: string): Promise<void> {
  const client = new Client(`${TEST_POSTGRES}/${database}`);
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
