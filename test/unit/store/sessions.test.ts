import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import type { Admission, AdmissionLimits } from "../../../src/store/sessions.ts";
import type { Store } from "../../../src/store/store.ts";
import { ENGINE } from "../../support/store-engine.ts";
import { addDeadNode, newUser, rawDatabase, storeAt, temporaryStore } from "./instance.ts";
import { compileStore, StoreChild } from "./processes.ts";

let compiled: Awaited<ReturnType<typeof compileStore>>;

beforeAll(async () => {
  compiled = await compileStore();
});

afterAll(() => compiled.remove());

const WIDE: AdmissionLimits = { maxSessions: 10, maxSessionsPerUser: 1_000, queue: 1_000 };

async function users(store: Store, count: number): Promise<number[]> {
  const names = Array.from({ length: count }, (_, n) => `u${n}`);
  const accounts = await Promise.all(names.map((name) => store.users.add(newUser(name))));
  return accounts.map((account) => account.id);
}

function enter(store: Store, userId: number, limits: Partial<AdmissionLimits> = {}) {
  return store.sessions.enter(
    { userId, remote: "192.0.2.1", client: "SSH-2.0-x" },
    {
      ...WIDE,
      ...limits,
    },
  );
}

function idOf(admission: Admission): number {
  if (admission.outcome === "refused") throw new Error(`refused: ${admission.reason}`);
  return admission.id;
}

const NOTED = `INSERT INTO activations (session, active)
  SELECT new.id, count(*) FROM sessions WHERE state = 'active';`;

const WATCHED = {
  sqlite: `CREATE TABLE activations (n INTEGER PRIMARY KEY, session INTEGER, active INTEGER);
    CREATE TRIGGER on_insert AFTER INSERT ON sessions WHEN new.state = 'active' BEGIN ${NOTED} END;
    CREATE TRIGGER on_update AFTER UPDATE ON sessions WHEN new.state = 'active' BEGIN ${NOTED} END;`,
  postgres: `CREATE TABLE activations
      (n BIGINT GENERATED ALWAYS AS IDENTITY, session BIGINT, active BIGINT);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${NOTED} RETURN NULL; END $$;
    CREATE TRIGGER on_change AFTER INSERT OR UPDATE ON sessions FOR EACH ROW
      WHEN (new.state = 'active') EXECUTE FUNCTION note();`,
};

const REFUSED = {
  sqlite: "CREATE TRIGGER refused BEFORE DELETE ON sessions BEGIN SELECT RAISE(ABORT, 'full'); END",
  postgres: `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
      AS $$ BEGIN RAISE EXCEPTION 'full'; END $$;
    CREATE TRIGGER refused BEFORE DELETE ON sessions FOR EACH ROW EXECUTE FUNCTION refuse()`,
};

/** Lets the database itself note every activation, with the number of active rows just then. */
async function watchActivations(
  root: string,
): Promise<() => { session: number; active: number }[]> {
  const database = await rawDatabase(root);
  database.exec(WATCHED[ENGINE]);
  const all = database.prepare<[], { session: number; active: number }>(
    "SELECT session, active FROM activations ORDER BY n",
  );
  return () => all.all();
}

function expectExact(activations: { session: number; active: number }[], count: number): void {
  expect(activations).toHaveLength(count);
  expect(Math.max(...activations.map((row) => row.active))).toBe(10);
  const order = activations.map((row) => row.session);
  expect(order).toEqual([...order].sort((a, b) => a - b));
}

test("100 logins at once against 10 places: ten active, the rest in order", async () => {
  const { root, store } = await temporaryStore();
  const ids = await users(store, 100);
  const activations = await watchActivations(root);
  const admissions = await Promise.all(ids.map((id) => enter(store, id)));
  expect(admissions.filter((one) => one.outcome === "active")).toHaveLength(10);
  const positions = admissions.flatMap((one) => (one.outcome === "waiting" ? one.position : []));
  expect(positions).toEqual(Array.from({ length: 90 }, (_, n) => n + 1));
  expect(await store.sessions.counts()).toEqual({ active: 10, waiting: 90 });

  const all = admissions.map(idOf);
  while ((await store.sessions.counts()).waiting > 0) {
    const active = (await store.sessions.list()).filter((one) => one.state === "active");
    await store.sessions.leave(active[Math.floor(active.length / 2)]?.id ?? 0);
    // Everybody asks, the youngest first: only the oldest may get the place.
    await Promise.all([...all].reverse().map((id) => store.sessions.tryActivate(id, 10)));
    expect((await store.sessions.counts()).active).toBe(10);
  }
  expectExact(activations(), 100);
});

test("two stores on one database share the places", async () => {
  const { root, store } = await temporaryStore();
  const second = await storeAt(root);
  const ids = await users(store, 100);
  const admissions = await Promise.all(
    ids.map((id, n) => enter(n % 2 === 0 ? store : second, id, { queue: 50 })),
  );
  expect(admissions.filter((one) => one.outcome === "active")).toHaveLength(10);
  expect(admissions.filter((one) => one.outcome === "waiting")).toHaveLength(50);
  expect(admissions.slice(60)).toEqual(
    Array.from({ length: 40 }, () => ({ outcome: "refused", reason: "queue-full" })),
  );
  expect(await second.sessions.counts()).toEqual({ active: 10, waiting: 50 });
});

test("two processes on one database: never eleven, all in, in order", async () => {
  const { root, store } = await temporaryStore();
  const ids = await users(store, 100);
  const activations = await watchActivations(root);
  const stampede = (mine: number[]) => `
    const ids = ${JSON.stringify(mine)};
    const limits = ${JSON.stringify(WIDE)};
    say("ready");
    await new Promise((resolve) => process.stdin.once("data", resolve));
    await Promise.all(ids.map(async (userId) => {
      const place = await store.sessions.enter({ userId, remote: "r", client: "c" }, limits);
      let active = place.outcome === "active";
      while (!active) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        active = await store.sessions.tryActivate(place.id, limits.maxSessions);
      }
      await new Promise((resolve) => setTimeout(resolve, 2));
      await store.sessions.leave(place.id);
    }));
    await store.close();
    process.exit(0);`;
  const children = await Promise.all(
    [ids.slice(0, 50), ids.slice(50)].map((mine) =>
      StoreChild.start(compiled.directory, root, stampede(mine)),
    ),
  );
  onTestFinished(() => Promise.all(children.map((child) => child.kill())).then(() => undefined));
  await Promise.all(children.map((child) => child.heard()));
  for (const child of children) child.process.stdin?.write("go\n");
  await Promise.all(children.map((child) => child.exited()));
  expect(children.map((child) => child.process.exitCode)).toEqual([0, 0]);
  expectExact(activations(), 100);
  expect(await store.sessions.counts()).toEqual({ active: 0, waiting: 0 });
});

test("a killed process's sessions hold no place, active or in the queue", async () => {
  const { root, store } = await temporaryStore();
  const [one = 0, two = 0] = await users(store, 2);
  const body = `
    for (let n = 0; n < 3; n += 1) {
      await store.sessions.enter({ userId: ${one}, remote: "r", client: "c" },
        { maxSessions: 1, maxSessionsPerUser: 3, queue: 2 });
    }
    say(await store.sessions.counts());
    process.stdin.resume();`;
  const child = await StoreChild.start(compiled.directory, root, body);
  onTestFinished(() => child.kill());
  expect(await child.heard()).toEqual({ active: 1, waiting: 2 });
  const limits = { maxSessions: 1, maxSessionsPerUser: 3, queue: 3 };
  const waiting = await enter(store, two, limits);
  expect(waiting).toMatchObject({ outcome: "waiting", position: 3 });
  expect(await enter(store, one, limits)).toEqual({
    outcome: "refused",
    reason: "user-limit",
    limit: 3,
  });
  expect(await store.sessions.tryActivate(idOf(waiting), 1)).toBe(false);
  await child.kill();
  expect(await store.sessions.counts()).toEqual({ active: 0, waiting: 1 });
  expect(await store.sessions.tryActivate(idOf(waiting), 1)).toBe(true);
  expect(await enter(store, one, limits)).toMatchObject({ outcome: "waiting", position: 1 });
  expect((await store.sessions.list()).map((session) => session.userId)).toEqual([two, one]);
});

test("the user's maximum counts active and waiting ones", async () => {
  const { store } = await temporaryStore();
  const [one = 0, two = 0] = await users(store, 2);
  const limits = { maxSessions: 1, maxSessionsPerUser: 2 };
  expect(await enter(store, one, limits)).toMatchObject({ outcome: "active" });
  const second = await enter(store, one, limits);
  expect(second).toMatchObject({ outcome: "waiting", position: 1 });
  expect(await enter(store, one, limits)).toEqual({
    outcome: "refused",
    reason: "user-limit",
    limit: 2,
  });
  expect(await enter(store, two, limits)).toMatchObject({ outcome: "waiting", position: 2 });
  await store.sessions.leave(idOf(second));
  expect(await enter(store, one, limits)).toMatchObject({ outcome: "waiting", position: 2 });
});

test.each([
  ["below", 1],
  ["above", 3],
])("a user's own limit counts, %s everybody's", async (_, limit) => {
  const { store } = await temporaryStore();
  const [one = 0, two = 0] = await users(store, 2);
  await store.users.set(one, { maxSessions: limit });
  const limits = { maxSessionsPerUser: 2 };
  for (let n = 0; n < limit; n++) {
    expect(await enter(store, one, limits)).toMatchObject({ outcome: "active" });
  }
  const refused = { outcome: "refused", reason: "user-limit" };
  expect(await enter(store, one, limits)).toEqual({ ...refused, limit });
  for (let n = 0; n < 2; n++) await enter(store, two, limits);
  expect(await enter(store, two, limits)).toEqual({ ...refused, limit: 2 });
  await store.users.set(one, { maxSessions: null });
  if (limit < 2) expect(await enter(store, one, limits)).toMatchObject({ outcome: "active" });
  expect(await enter(store, one, limits)).toEqual({ ...refused, limit: 2 });
});

test("a user's own limit is exact over two processes that let in at once", async () => {
  const { root, store } = await temporaryStore();
  const [one = 0] = await users(store, 1);
  await store.users.set(one, { maxSessions: 7 });
  const body = `
    process.stdin.once("data", async () => {
      const enter = () => store.sessions.enter({ userId: ${one}, remote: "r", client: "c" },
        { maxSessions: 100, maxSessionsPerUser: 2, queue: 100 });
      const all = await Promise.all(Array.from({ length: 20 }, enter));
      say(all.filter(({ outcome }) => outcome === "active").length);
    });
    say("ready");`;
  const child = await StoreChild.start(compiled.directory, root, body);
  onTestFinished(() => child.kill());
  await child.heard();
  child.process.stdin?.write("go\n");
  const here = await Promise.all(Array.from({ length: 20 }, () => enter(store, one)));
  const inside = here.filter(({ outcome }) => outcome === "active").length;
  expect(inside + Number(await child.heard())).toBe(7);
});

test("a newcomer does not overtake who waits while a place is free", async () => {
  const { store } = await temporaryStore();
  const [one = 0] = await users(store, 1);
  const first = await enter(store, one, { maxSessions: 1 });
  const second = await enter(store, one, { maxSessions: 1 });
  await store.sessions.leave(idOf(first));
  const third = await enter(store, one, { maxSessions: 1 });
  expect(third).toMatchObject({ outcome: "waiting", position: 2 });
  expect(await store.sessions.tryActivate(idOf(third), 1)).toBe(false);
  expect(await store.sessions.tryActivate(idOf(second), 1)).toBe(true);
});

test("without a queue a full server refuses", async () => {
  const { store } = await temporaryStore();
  const [one = 0] = await users(store, 1);
  const limits = { maxSessions: 1, queue: 0 };
  const first = await enter(store, one, limits);
  expect(await enter(store, one, limits)).toEqual({ outcome: "refused", reason: "queue-full" });
  await store.sessions.leave(idOf(first));
  expect(await enter(store, one, limits)).toMatchObject({ outcome: "active" });
});

test("who left is not activated; who is active stays so", async () => {
  const { store } = await temporaryStore();
  const [one = 0] = await users(store, 1);
  const first = idOf(await enter(store, one, { maxSessions: 1 }));
  const second = idOf(await enter(store, one, { maxSessions: 1 }));
  await store.sessions.leave(second);
  await store.sessions.leave(second);
  expect(await store.sessions.tryActivate(first, 1)).toBe(true);
  expect(await store.sessions.tryActivate(second, 5)).toBe(false);
});

test("an account disabled or removed meanwhile is not let in", async () => {
  const { store } = await temporaryStore();
  const [one = 0, two = 0, three = 0] = await users(store, 3);
  await enter(store, three, { maxSessions: 1 });
  const waiting = idOf(await enter(store, one, { maxSessions: 1 }));
  const next = idOf(await enter(store, three, { maxSessions: 1 }));
  await store.users.setEnabled(one, false);
  await store.users.remove(two);
  const refused = { outcome: "refused", reason: "user-disabled" };
  expect(await enter(store, one)).toEqual(refused);
  expect(await enter(store, two)).toEqual(refused);
  expect(await store.sessions.tryActivate(waiting, 5)).toBe(false);
  expect(await store.sessions.tryActivate(next, 5)).toBe(true);
});

test("lists who is in and who waits", async () => {
  const { root, store } = await temporaryStore();
  const [one = 0] = await users(store, 1);
  const database = await rawDatabase(root);
  database
    .prepare(
      "INSERT INTO sessions (node_id,user_id,state,remote,client,since) VALUES (?,?,'active','','',1)",
    )
    .run(addDeadNode(database), one);
  const first = idOf(await enter(store, one, { maxSessions: 1 }));
  const second = idOf(await enter(store, one, { maxSessions: 1 }));
  const common = {
    nodeId: store.nodeId,
    userId: one,
    user: "u0",
    role: "user",
    remote: "192.0.2.1",
    client: "SSH-2.0-x",
    since: expect.any(Number),
  };
  expect(await store.sessions.list()).toEqual([
    { id: first, state: "active", ...common },
    { id: second, state: "waiting", ...common },
  ]);
});

test("a place whose row could not be removed is free for the next one all the same", async () => {
  const { root, store } = await temporaryStore();
  const [user] = (await users(store, 1)) as [number];
  const id = idOf(await enter(store, user, { maxSessions: 1 }));
  const database = await rawDatabase(root);
  database.exec(REFUSED[ENGINE]);
  await expect(store.sessions.leave(id)).rejects.toThrow("full");
  database.exec(`DROP TRIGGER refused${ENGINE === "sqlite" ? "" : " ON sessions"}`);
  expect(await enter(store, user, { maxSessions: 1 })).toMatchObject({ outcome: "active" });
});
