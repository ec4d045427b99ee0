import { describe, expect, it, vi } from "vitest";
import { DatabaseGone } from "../../src/store/database-errors.ts";
import { DatabaseBusy, Writes } from "../../src/store/writes.ts";
import { machinesWorld } from "./world.ts";

const world = machinesWorld();

const REFUSED = expect.objectContaining({ code: "SQLITE_CONSTRAINT" });

describe("values", () => {
  it("go there and come back as SQLite's do", async () => {
    const connection = await world.open(world.cluster.createDatabase());
    const values = [1, -(2 ** 40), 0.5, "it's ü", null, Buffer.from([0, 255])];
    const row = connection
      .prepare<unknown[], Record<string, unknown>>(
        "SELECT ? AS a, ? AS b, ? AS c, ? AS d, ? AS e, ? AS f, 1 = 1 AS g, sum(1.0) AS h, 1.5 AS i",
      )
      .get(...values);
    expect(Object.values(row ?? {})).toEqual([...values, 1, 1, 1.5]);
    expect(Buffer.isBuffer(row?.f)).toBe(true);
  });

  it("by name, one of them twice, of other types the next time", async () => {
    const connection = await world.open(world.cluster.createDatabase());
    const find = connection
      .prepare<object, string>("SELECT @a || '?' || $b || coalesce(@a, 'none') AS \"@a\"")
      .pluck();
    expect(find.get({ a: "x", b: "y", other: true })).toBe("x?yx");
    expect(find.get({ a: "x", b: 5 })).toBe("x?5x");
    expect(connection.prepare<object>("SELECT 1 WHERE @a IS NULL").all({ a: null })).toHaveLength(
      1,
    );
  });

  it("beyond 2^53 are refused rather than changed, and the connection stays", async () => {
    const connection = await world.open(world.cluster.createDatabase());
    const read = connection.prepare<[], number>("SELECT 9007199254740993");
    expect(() => read.get()).toThrow("beyond 2^53");
    expect(connection.prepare<[], number>("SELECT 9007199254740991").pluck().get()).toBe(
      2 ** 53 - 1,
    );
  });

  it("LIKE takes ASCII letters of either case", async () => {
    const connection = await world.open(world.cluster.createDatabase());
    const like = connection
      .prepare<[string], number>("SELECT 'aÜ_LIKE' LIKE ? ESCAPE '\\'")
      .pluck();
    expect(like.get("A%\\_like")).toBe(1);
    expect(like.get("aü%")).toBe(0);
  });
});

describe("statements", () => {
  it("tell how many rows they changed, and give rows", async () => {
    const connection = await world.open(world.cluster.createDatabase());
    const insert = connection.prepare<[number, string | null]>(
      "INSERT INTO t (id, v) VALUES (?, ?)",
    );
    for (const id of [1, 2, 3])
      expect(insert.run(id, id === 2 ? null : "v")).toEqual({ changes: 1 });
    expect(connection.prepare("UPDATE t SET v = 'w' WHERE id > ?").run(1)).toEqual({ changes: 2 });
    const all = connection.prepare<[], { id: number; v: string }>("SELECT * FROM t ORDER BY id");
    expect(all.all()).toEqual([
      { id: 1, v: "v" },
      { id: 2, v: "w" },
      { id: 3, v: "w" },
    ]);
    expect(all.get()).toEqual({ id: 1, v: "v" });
    expect(connection.prepare("SELECT * FROM t WHERE id > 3").get()).toBeUndefined();
    expect(connection.prepare("DELETE FROM t RETURNING id").pluck().all()).toEqual([1, 2, 3]);
  });

  it("fail with a code, and those behind them don't", async () => {
    const connection = await world.open(world.cluster.createDatabase());
    const insert = connection.prepare<[number]>("INSERT INTO t (id) VALUES (?)");
    insert.run(1);
    expect(() => insert.run(1)).toThrow(expect.objectContaining({ code: "SQLITE_CONSTRAINT" }));
    expect(() => connection.prepare("SELECT * FROM nothing").all()).toThrow(
      expect.objectContaining({ code: "POSTGRES_42P01" }),
    );
    const bad = connection.prepare<[string]>("SELECT CAST(? AS bigint)");
    expect(() => bad.get("secret")).toThrow(/^(?!.*secret)/);
    expect(insert.run(2)).toEqual({ changes: 1 });
  });

  it("are bounded at the server, whatever number of them is asked", async () => {
    const connection = await world.open(world.cluster.createDatabase());
    const kept = connection.prepare<[number], number>("SELECT ?").pluck();
    expect(kept.get(7)).toBe(7);
    for (let n = 0; n < 700; n += 1) connection.prepare(`SELECT ${n}`).get();
    const count = connection.prepare<[], number>("SELECT count(*) FROM pg_prepared_statements");
    expect(count.pluck().get()).toBeLessThan(650);
    expect(kept.get(8)).toBe(8);
  });

  it("that the server refused are forgotten without harm to a transaction", async () => {
    const connection = await world.open(world.cluster.createDatabase());
    expect(() => connection.prepare("SELECT nothing").get()).toThrow("nothing");
    connection.begin(1);
    for (let n = 0; n < 700; n += 1) connection.prepare(`SELECT ${n}`).get();
    connection.prepare("INSERT INTO t (id) VALUES (1)").run();
    connection.commit();
  });
});

describe("transactions", () => {
  it("are ended by the server when they stand still, and statements before this process gives up", async () => {
    const connection = await world.open(world.cluster.createDatabase(), { patienceMs: 1_000 });
    const names = ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"];
    const setting = connection.prepare<[string], string>("SELECT current_setting(?)").pluck();
    expect(names.map((name) => setting.get(name))).toEqual(["800ms", "400ms", "5s"]);
    const sleep = connection.prepare("SELECT pg_sleep(60)");
    expect(() => sleep.get()).toThrow("it doesn't answer in time");
    expect(setting.get("lock_timeout")).toBe("400ms");
  });

  it("of one lock exclude each other, of two locks they don't, and nobody waits", async () => {
    const url = world.cluster.createDatabase();
    const [one, two] = [await world.open(url), await world.open(url)];
    expect(one.begin(5)).toBe(true);
    expect(two.begin(5)).toBe(false);
    expect(two.begin(6)).toBe(true);
    two.commit();
    expect(two.begin("audit")).toBe(true);
    two.rollback();
    one.commit();
    expect(two.begin(5)).toBe(true);
    two.rollback();
  });

  it("of a process that hangs are lost, and so is their lock", async () => {
    const url = world.cluster.createDatabase();
    const [one, two] = [await world.open(url), await world.open(url)];
    one.begin(5);
    one.prepare("INSERT INTO t (id) VALUES (1)").run();
    await vi.waitFor(() => expect(two.begin(5)).toBe(true), { timeout: 20_000, interval: 100 });
    expect(() => one.commit()).toThrow(DatabaseGone);
    expect(two.prepare("SELECT count(*) FROM t").pluck().get()).toBe(0);
    two.rollback();
  });

  it("that find a lock taken wait in line, and are done when it is free", async () => {
    const url = world.cluster.createDatabase();
    const [one, two] = [await world.open(url), await world.open(url)];
    one.begin(5);
    const insert = two.prepare<[number]>("INSERT INTO t (id) VALUES (?)");
    const booked: number[] = [];
    const options = { lock: 5, booked: () => booked.push(1) };
    const done = new Writes(two).run(() => insert.run(1), options);
    await expect(new Writes(two).run(() => 1, { lock: 5, patienceMs: 0 })).rejects.toThrow(
      DatabaseBusy,
    );
    expect(booked).toEqual([]);
    one.commit();
    await expect(done).resolves.toEqual({ changes: 1 });
    expect(booked).toEqual([1]);
  });

  it("that a row's lock is in the way of are tried again from their beginning", async () => {
    const url = world.cluster.createDatabase();
    const [one, two] = [await world.open(url), await world.open(url, { patienceMs: 1_000 })];
    one.prepare("INSERT INTO t (id) VALUES (1)").run();
    const update = "UPDATE t SET v = coalesce(v, '') || ? WHERE id = 1";
    one.begin(1);
    expect(one.prepare<[string]>(update).run("a").changes).toBe(1);
    let acts = 0;
    const done = new Writes(two).run(
      () => {
        acts += 1;
        // After the first try, which waits for the row's lock until that is over.
        if (acts === 2) one.commit();
        return two.prepare<[string]>(update).run("b");
      },
      { lock: 2 },
    );
    await expect(done).resolves.toEqual({ changes: 1 });
    expect(acts).toBe(2);
    expect(one.prepare("SELECT v FROM t").pluck().get()).toBe("ab");
  });

  it("can't be committed when a statement of theirs has failed", async () => {
    const connection = await world.open(world.cluster.createDatabase());
    connection.begin("instance");
    const insert = connection.prepare<[number]>("INSERT INTO t (id) VALUES (?)");
    insert.run(1);
    expect(() => insert.run(1).changes).toThrow(REFUSED);
    expect(() => connection.commit()).toThrow(expect.objectContaining({ code: "POSTGRES_25P02" }));
    connection.rollback();
    expect(connection.prepare("SELECT count(*) FROM t").pluck().get()).toBe(0);
  });

  it("don't wait for what they write, and miss no failure of it", async () => {
    const connection = await world.open(world.cluster.createDatabase());
    const insert = connection.prepare<[number]>("INSERT INTO t (id) VALUES (?)");
    const count = connection.prepare<[], number>("SELECT count(*) FROM t").pluck();
    const waits = vi.spyOn(Atomics, "wait");
    connection.begin(1);
    const before = waits.mock.calls.length;
    const first = insert.run(1);
    insert.run(1);
    expect(waits.mock.calls.length).toBe(before);
    waits.mockRestore();
    expect(first.changes).toBe(1);
    expect(() => count.get()).toThrow(REFUSED);
    connection.rollback();
    connection.begin(1);
    insert.run(1);
    insert.run(1);
    insert.run(2);
    expect(() => connection.commit()).toThrow(REFUSED);
    connection.rollback();
    connection.begin(1);
    insert.run(1);
    const second = insert.run(1);
    connection.rollback();
    expect(count.get()).toBe(0);
    expect(second.changes).toBe(0);
  });

  it("may write much at once", async () => {
    const connection = await world.open(world.cluster.createDatabase());
    const insert = connection.prepare<[number]>("INSERT INTO t (id) VALUES (?)");
    connection.begin(1);
    const all = Array.from({ length: 500 }, (_, id) => insert.run(id));
    connection.commit();
    expect(all.every(({ changes }) => changes === 1)).toBe(true);
    expect(connection.prepare("SELECT count(*) FROM t").pluck().get()).toBe(500);
  });

  it("that read see one moment", async () => {
    const url = world.cluster.createDatabase();
    const [one, two] = [await world.open(url), await world.open(url)];
    const count = one.prepare<[], number>("SELECT count(*) FROM t").pluck();
    one.reading(() => {
      expect(count.get()).toBe(0);
      two.prepare("INSERT INTO t (id) VALUES (1)").run();
      expect(one.reading(() => count.get())).toBe(0);
    });
    expect(count.get()).toBe(1);
    expect(one.begin(1)).toBe(true);
    one.rollback();
  });
});

describe("notices", () => {
  it("move the version of others when there are changes, and not one's own", async () => {
    const url = world.cluster.createDatabase();
    const [one, two] = [await world.open(url), await world.open(url)];
    const tell = one.prepare("INSERT INTO changes (kind) VALUES ('x')");
    const other = one.prepare("INSERT INTO t (id) VALUES (1)");
    // What came with the links themselves has arrived when this has.
    const settled = async (): Promise<void> => {
      const before = two.version();
      one.begin("changes");
      tell.run();
      one.commit();
      await vi.waitFor(() => expect(two.version()).toBeGreaterThan(before));
    };
    await settled();
    const [own, seen] = [one.version(), two.version()];
    one.begin(1);
    other.run();
    one.commit();
    await settled();
    expect(two.version()).toBe(seen + 1);
    expect(one.version()).toBe(own);
  });

  it("arrive from who closes right after", async () => {
    const url = world.cluster.createDatabase();
    const two = await world.open(url);
    for (let times = 0; times < 5; times += 1) {
      const one = await world.open(url);
      const seen = two.version();
      one.begin("changes");
      one.prepare("INSERT INTO changes (kind) VALUES ('x')").run();
      one.commit();
      one.close();
      await vi.waitFor(() => expect(two.version()).toBeGreaterThan(seen));
    }
  });
});
