import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openPostgres } from "../../src/store/postgres/open.ts";
import { type Cluster, startCluster } from "./postgres.ts";

const MIGRATIONS = fileURLToPath(new URL("../../db/migrations", import.meta.url));

/**
 * With MOORAGE_TEST_STORE=postgres: one server for all test files of the run, with a database that
 * has the schema. Each test copies it (store-engine.ts).
 */
export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  if (process.env.MOORAGE_TEST_STORE !== "postgres") return undefined;
  // Read by store-engine.ts in the processes that run the tests.
  const cluster = await startCluster(["max_connections=200"]);
  const server = `postgres://moorage@127.0.0.1:${cluster.port}`;
  process.env.TEST_POSTGRES = server;
  await makeTemplate(cluster, server);
  return () => cluster.remove();
}

async function makeTemplate(cluster: Cluster, server: string): Promise<void> {
  const { TEMPLATE } = await import("./store-engine.ts");
  cluster.sql("postgres", `CREATE DATABASE ${TEMPLATE}`);
  const directory = mkdtempSync(join(tmpdir(), "moorage-template-"));
  const connection = await openPostgres(`${server}/${TEMPLATE}`, {
    directory,
    migrations: MIGRATIONS,
  });
  connection.close();
  rmSync(directory, { recursive: true });
}
