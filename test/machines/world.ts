import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, vi } from "vitest";
import type { PostgresConnection } from "../../src/store/postgres/connection.ts";
import { openPostgres, type PostgresOptions } from "../../src/store/postgres/open.ts";
import { type Cluster, startCluster } from "../support/postgres.ts";

export interface World {
  readonly cluster: Cluster;
  /** a directory that is gone after the file */
  readonly directory: string;
  /** A connection that is closed after the test. */
  open(url: string, options?: Partial<PostgresOptions>): Promise<PostgresConnection>;
}

const SCHEMA = `
CREATE TABLE t (id bigint PRIMARY KEY, v text);
CREATE TABLE changes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kind text NOT NULL);
`;

/**
 * A cluster for all tests of a file, and migrations with two tables.
 * @param settings of the server, as "name=value"
 */
export function machinesWorld(settings: readonly string[] = []): World {
  const opened: PostgresConnection[] = [];
  const world = {
    cluster: undefined as unknown as Cluster,
    directory: "",
    async open(url: string, options: Partial<PostgresOptions> = {}): Promise<PostgresConnection> {
      const { directory } = world;
      const connection = await openPostgres(url, { directory, migrations: directory, ...options });
      opened.push(connection);
      return connection;
    },
  };
  beforeAll(async () => {
    world.directory = mkdtempSync(join(tmpdir(), "moorage-machines-"));
    mkdirSync(join(world.directory, "postgres"));
    writeFileSync(join(world.directory, "postgres", "001_init.sql"), SCHEMA);
    world.cluster = await startCluster(settings);
  });
  afterEach(() => {
    for (const connection of opened.splice(0)) connection.close();
  });
  afterAll(async () => {
    await world.cluster.remove();
    rmSync(world.directory, { recursive: true });
  });
  return world;
}

/** Until the connection has found back to its server. */
export async function wellAgain(connection: PostgresConnection): Promise<void> {
  const one = connection.prepare<[], number>("SELECT 1").pluck();
  await vi.waitFor(() => one.get(), { timeout: 20_000, interval: 20 });
}
