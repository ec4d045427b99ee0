import { cpSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { machinesWorld } from "./world.ts";

const world = machinesWorld();

/** The migrations of a newer program: those of the world, and one more. */
function newer(text: string): string {
  const directory = mkdtempSync(join(world.directory, "newer-"));
  cpSync(join(world.directory, "postgres"), join(directory, "postgres"), { recursive: true });
  writeFileSync(join(directory, "postgres", "002_more.sql"), text);
  return directory;
}

const FUNCTION = `CREATE FUNCTION one() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$;
CREATE TABLE more (id bigint);`;

it("are run by one of several processes that start", async () => {
  const url = world.cluster.createDatabase();
  const all = await Promise.all([1, 2, 3].map(() => world.open(url)));
  expect(all.map((one) => one.prepare("SELECT version FROM schema_version").pluck().all())).toEqual(
    [[1], [1], [1]],
  );
  await world.open(url, { migrations: newer(FUNCTION) });
  expect(all[0]?.prepare("SELECT one()").pluck().get()).toBe(1);
});

it("leave nothing when one of them fails", async () => {
  const url = world.cluster.createDatabase();
  const migrations = newer("CREATE TABLE more (id bigint); SELECT 1 / 0;");
  await expect(world.open(url, { migrations })).rejects.toThrow("22012");
  const left = "SELECT count(*) FROM pg_tables WHERE tablename IN ('t', 'more', 'schema_version')";
  expect(world.cluster.sql(url.split("/").at(-1) as string, left)).toBe("0");
  await world.open(url);
});

it("refuse a database of a newer program, and an older one that others work with", async () => {
  const url = world.cluster.createDatabase();
  const old = { asItIs: true };
  await expect(world.open(url, old)).rejects.toThrow(/stop all servers of the instance/);
  await world.open(url, { migrations: newer(FUNCTION) });
  await expect(world.open(url)).rejects.toThrow(/newer version of moorage \(schema 2/);
  await world.open(url, { ...old, migrations: newer(FUNCTION) });
});
