import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { PostgresConnection } from "../../src/store/postgres/connection.ts";
import { openPostgres } from "../../src/store/postgres/open.ts";
import { type Cluster, startCluster } from "../support/postgres.ts";

const MIGRATIONS = fileURLToPath(new URL("../../db/migrations", import.meta.url));

let cluster: Cluster;
let directory: string;
const opened: PostgresConnection[] = [];

beforeAll(async () => {
  cluster = await startCluster();
  directory = mkdtempSync(join(tmpdir(), "moorage-pgtest-"));
});
afterAll(async () => {
  await cluster.remove();
  rmSync(directory, { recursive: true });
});
afterEach(() => {
  for (const connection of opened.splice(0)) connection.close();
});

async function open(url: string): Promise<PostgresConnection> {
  const connection = await openPostgres(url, { directory, migrations: MIGRATIONS });
  opened.push(connection);
  return connection;
}

describe("values", () => {
  it("go there and come back", async () => {
    const connection = await open(cluster.createDatabase());
    const values = [1, -(2 ** 40), 0.5, "it's ü", null, Buffer.from([0, 255])];
    const row = connection
      .prepare<unknown[], Record<string, unknown>>(
        "SELECT ? AS a, ? AS b, ? AS c, ? AS d, ? AS e, ? AS f, 1 = 1 AS g, sum(1.0) AS h",
      )
      .get(...values);
    expect(Object.values(row ?? {})).toEqual([...values, 1, 1]);
  });
});
