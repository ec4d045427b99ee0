import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Worker } from "node:worker_threads";
import { describe, expect, it, vi } from "vitest";
import { CommitInDoubt, DatabaseGone } from "../../src/store/database-errors.ts";
import type { PostgresConnection } from "../../src/store/postgres/connection.ts";
import { Writes } from "../../src/store/writes.ts";
import { machinesWorld, wellAgain } from "./world.ts";

const world = machinesWorld();

const INSERT = "INSERT INTO t (id) VALUES (?)";

function ids(connection: PostgresConnection): unknown[] {
  return connection.prepare("SELECT id FROM t ORDER BY id").pluck().all();
}

/** At COMMIT of an insertion the server sleeps. */
const SLEEP_AT_COMMIT = `
CREATE FUNCTION doze() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_sleep(20); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER doze AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION doze();`;

/** Waits for the server's process of a connection that waits for something, and maybe ends it. */
function whenWaiting(url: string, event: string, { end = false } = {}): string {
  const database = url.split("/").at(-1) as string;
  return `DO $$ BEGIN LOOP
    PERFORM ${end ? "pg_terminate_backend(pid)" : "1"} FROM pg_stat_activity
      WHERE wait_event = '${event}' AND datname = '${database}' AND application_name = 'moorage';
    EXIT WHEN FOUND; PERFORM pg_stat_clear_snapshot(); PERFORM pg_sleep(0.01); END LOOP; END $$`;
}

/** Ends it in a process of its own, while this one waits, too. */
function terminateWaiting(url: string, event: string): Promise<unknown> {
  return once(world.cluster.psql("postgres", whenWaiting(url, event, { end: true })), "exit");
}

/** Committed here, a transaction waits for a standby that never comes. */
async function waitForStandby(connection: PostgresConnection): Promise<void> {
  const { cluster } = world;
  cluster.sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
  await cluster.restart();
  await wellAgain(connection);
}

describe("a server that restarts", () => {
  it("in the middle of a transaction: it is lost as a whole, and all goes on by itself", async () => {
    const { cluster } = world;
    const connection = await world.open(cluster.createDatabase());
    const insert = connection.prepare<[number]>(INSERT);
    insert.run(1);
    const version = connection.version();
    connection.begin(1);
    insert.run(2);
    await cluster.stop();
    expect(() => insert.run(3)).toThrow(DatabaseGone);
    expect(() => connection.commit()).toThrow(DatabaseGone);
    connection.rollback();
    expect(() => connection.begin(1)).toThrow(DatabaseGone);
    await cluster.start();
    await wellAgain(connection);
    expect(ids(connection)).toEqual([1]);
    expect(connection.version()).not.toBe(version);
    expect(insert.run(4)).toEqual({ changes: 1 });
  });

  it("between statements of a transaction: they don't go on with the next link", async () => {
    const { cluster } = world;
    const connection = await world.open(cluster.createDatabase());
    const insert = connection.prepare<[number]>(INSERT);
    connection.begin(1);
    insert.run(1);
    await cluster.restart();
    expect(() => insert.run(2)).toThrow(DatabaseGone);
    connection.rollback();
    await wellAgain(connection);
    expect(ids(connection)).toEqual([]);
  });

  it("tells others' changes again", async () => {
    const { cluster } = world;
    const url = cluster.createDatabase();
    const [one, two] = [await world.open(url), await world.open(url)];
    await cluster.restart();
    await Promise.all([wellAgain(one), wellAgain(two)]);
    const seen = two.version();
    one.begin("changes");
    one.prepare("INSERT INTO changes (kind) VALUES ('x')").run();
    one.commit();
    await vi.waitFor(() => expect(two.version()).toBeGreaterThan(seen));
  });
});

describe("a server that stands still", () => {
  it("is waited for once; then all fails without waiting, until it is well again", async () => {
    const { cluster } = world;
    const connection = await world.open(cluster.createDatabase(), { patienceMs: 500 });
    const one = connection.prepare<[], number>("SELECT 1").pluck();
    cluster.pause();
    try {
      expect(() => one.get()).toThrow("the database can't be reached: it doesn't answer in time");
      const waits = vi.spyOn(Atomics, "wait");
      for (let n = 0; n < 100; n += 1) {
        expect(() => one.get()).toThrow(DatabaseGone);
        expect(() => connection.begin(1)).toThrow(DatabaseGone);
      }
      expect(waits).not.toHaveBeenCalled();
      waits.mockRestore();
    } finally {
      cluster.resume();
    }
    await wellAgain(connection);
    expect(connection.begin(1)).toBe(true);
    connection.rollback();
  });
});

describe("a link that is lost before COMMIT", () => {
  it("leaves nothing in doubt", async () => {
    const { cluster } = world;
    const connection = await world.open(cluster.createDatabase());
    const insert = connection.prepare<[number]>(INSERT);
    const done = new Writes(connection).run(() => {
      insert.run(1);
      const end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name";
      cluster.sql("postgres", `${end} = 'moorage'`);
    });
    expect(() => connection.begin(1)).toThrow(DatabaseGone);
    await expect(done).rejects.toThrow(DatabaseGone);
    await wellAgain(connection);
    expect(ids(connection)).toEqual([]);
  });
});

describe("a link that is lost at COMMIT", () => {
  it("before it took effect: the write fails, once that is known", async () => {
    const url = world.cluster.createDatabase();
    const connection = await world.open(url, { patienceMs: 10_000 });
    connection.script(SLEEP_AT_COMMIT);
    const insert = connection.prepare<[number]>(INSERT);
    const terminated = terminateWaiting(url, "PgSleep");
    const booked = vi.fn();
    const done = new Writes(connection).run(() => insert.run(1), { booked });
    await expect(done).rejects.toThrow(DatabaseGone);
    expect(booked).not.toHaveBeenCalled();
    expect(ids(connection)).toEqual([]);
    await terminated;
  });

  it("after it took effect: the write is done, and booked before anything else", async () => {
    const url = world.cluster.createDatabase();
    const connection = await world.open(url, { patienceMs: 10_000 });
    const insert = connection.prepare<[number]>(INSERT);
    await waitForStandby(connection);
    const terminated = terminateWaiting(url, "SyncRep");
    const seen: unknown[] = [];
    const writes = new Writes(connection);
    const done = writes.run(() => insert.run(1), { booked: () => seen.push("booked") });
    expect(() => connection.begin(1)).toThrow(DatabaseGone);
    await expect(done).resolves.toEqual({ changes: 1 });
    expect(seen).toEqual(["booked"]);
    expect(ids(connection)).toEqual([1]);
    await terminated;
    world.cluster.sql("postgres", "ALTER SYSTEM RESET ALL");
    await world.cluster.restart();
  });

  it("because the server crashed: what the number says may be another's, and the write fails", async () => {
    const { cluster } = world;
    const url = cluster.createDatabase();
    const connection = await world.open(url, { patienceMs: 10_000 });
    const insert = connection.prepare<[number]>(INSERT);
    await waitForStandby(connection);
    const { pid } = cluster;
    cluster.psql(
      "postgres",
      whenWaiting(url, "SyncRep"),
      "ALTER SYSTEM RESET ALL",
      `\\! kill -QUIT ${pid}`,
    );
    const done = new Writes(connection).run(() => insert.run(1));
    const failed = expect(done).rejects.toThrow("what became of a commit is not known");
    await cluster.kill();
    await cluster.start();
    await failed;
    // As it happens it was stored.
    expect(ids(connection)).toEqual([1]);
  });

  it("without an answer in time: the old process is ended before its transaction is asked for", async () => {
    const url = world.cluster.createDatabase();
    const connection = await world.open(url, { patienceMs: 300 });
    connection.script(SLEEP_AT_COMMIT);
    connection.prepare("SET statement_timeout = 0").run();
    const insert = connection.prepare<[number]>(INSERT);
    connection.begin(1);
    insert.run(1);
    let doubt: unknown;
    try {
      connection.commit();
    } catch (thrown) {
      doubt = thrown;
    }
    expect(doubt).toBeInstanceOf(CommitInDoubt);
    await expect((doubt as CommitInDoubt).outcome).resolves.toBe(false);
    expect(ids(connection)).toEqual([]);
  });
});

describe("a link that is lost at any moment", () => {
  it("leaves exactly the writes that were said to be done, each booked once and in order", async () => {
    const { cluster } = world;
    const url = cluster.createDatabase();
    const database = url.split("/").at(-1) as string;
    const connection = await world.open(url);
    connection.script(SLEEP_AT_COMMIT.replace("20", "0.003"));
    const insert = connection.prepare<[number]>(INSERT);
    const writes = new Writes(connection);
    const killer = cluster.psql(
      "postgres",
      `DO $$ BEGIN LOOP PERFORM pg_stat_clear_snapshot(); PERFORM pg_sleep(random() * 0.05);
        PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database}'
        AND application_name = 'moorage' AND state <> 'idle';
        EXIT WHEN EXISTS (SELECT FROM pg_database WHERE datname = 'stop'); END LOOP; END $$`,
    );
    const [done, booked]: [number[], number[]] = [[], []];
    let lost = 0;
    for (let id = 0; id < 100; id += 1) {
      const all = [0, 1].map((half) =>
        writes
          .run(() => insert.run(2 * id + half), { booked: () => booked.push(2 * id + half) })
          .then(
            () => done.push(2 * id + half),
            (thrown) => {
              expect(thrown).toBeInstanceOf(DatabaseGone);
              lost += 1;
            },
          ),
      );
      await Promise.all(all);
      if (lost > 0) await wellAgain(connection);
    }
    cluster.sql("postgres", "CREATE DATABASE stop");
    await once(killer, "exit");
    await wellAgain(connection);
    expect(lost).toBeGreaterThan(0);
    expect(booked).toEqual(done);
    expect(ids(connection)).toEqual(done);
  });
});

describe("a server that becomes a standby", () => {
  it("is left, and used again when it can be written", async () => {
    const { cluster } = world;
    const connection = await world.open(cluster.createDatabase());
    const insert = connection.prepare<[number]>(INSERT);
    cluster.sql("postgres", "ALTER SYSTEM SET default_transaction_read_only = on");
    cluster.sql("postgres", "SELECT pg_reload_conf()");
    await vi.waitFor(() => expect(() => insert.run(1)).toThrow("it is a standby"));
    expect(() => connection.begin(1)).toThrow("it is a standby");
    cluster.sql("postgres", "ALTER SYSTEM RESET ALL");
    cluster.sql("postgres", "SELECT pg_reload_conf()");
    await wellAgain(connection);
    connection.prepare("DELETE FROM t").run();
    expect(insert.run(1)).toEqual({ changes: 1 });
  });
});

describe("the thread", () => {
  it("is started again when it ends", async () => {
    let thread: Worker | undefined;
    process.once("worker", (worker) => {
      thread = worker;
    });
    const connection = await world.open(world.cluster.createDatabase());
    const insert = connection.prepare<[number]>(INSERT);
    insert.run(1);
    await thread?.terminate();
    expect(() => insert.run(2)).toThrow(DatabaseGone);
    await wellAgain(connection);
    expect(insert.run(2)).toEqual({ changes: 1 });
  });
});

describe("a thread that ends while a commit is under way", () => {
  it("leaves the doubt to the next one", async () => {
    let thread: Worker | undefined;
    process.once("worker", (worker) => {
      thread = worker;
    });
    const connection = await world.open(world.cluster.createDatabase(), { patienceMs: 200 });
    connection.script(SLEEP_AT_COMMIT);
    connection.prepare("SET statement_timeout = 0").run();
    const insert = connection.prepare<[number]>(INSERT);
    const done = new Writes(connection).run(() => insert.run(1));
    const failed = expect(done).rejects.toThrow(DatabaseGone);
    await thread?.terminate();
    await failed;
    await wellAgain(connection);
    expect(ids(connection)).toEqual([]);
  });
});

describe("a process", () => {
  it("that doesn't close its connection ends all the same", async () => {
    const url = world.cluster.createDatabase();
    const program = new URL("../../dist/src/store/postgres/open.js", import.meta.url).href;
    const { directory } = world;
    const options = JSON.stringify({ directory, migrations: directory });
    const script = `const { openPostgres } = await import(${JSON.stringify(program)});
      const c = await openPostgres(${JSON.stringify(url)}, ${options});
      console.log(c.prepare("SELECT 42").pluck().get());`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script]);
    let out = "";
    child.stdout.on("data", (data: Buffer) => {
      out += data;
    });
    expect(await once(child, "close")).toEqual([0, null]);
    expect(out).toBe("42\n");
  });
});
