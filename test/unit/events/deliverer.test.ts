import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pino } from "pino";
import { describe, expect, onTestFinished, test } from "vitest";
import { pauseAfter, pauseOfRefused } from "../../../src/events/backoff.ts";
import { Deliverer } from "../../../src/events/deliverer.ts";
import type { Receiver } from "../../../src/events/types.ts";
import type { Store } from "../../../src/store/store.ts";
import { ENGINE } from "../../support/store-engine.ts";
import { rawDatabase, storeAt, temporaryRoot } from "../store/instance.ts";
import { type Listener, listener, receiver, SECRET } from "./world.ts";

interface World {
  readonly root: string;
  readonly store: Store;
  readonly log: string[];
  /** in force from the next look on */
  receivers: readonly Receiver[];
  deliverer(store?: Store): Deliverer;
}

async function world(...receivers: Receiver[]): Promise<World> {
  const root = await temporaryRoot();
  const store = await storeAt(root);
  const log: string[] = [];
  const made: World = {
    root,
    store,
    log,
    receivers,
    deliverer: (of = store) => {
      const deliverer = new Deliverer({
        root,
        store: of,
        env: { SECRET },
        log: pino({ base: null, timestamp: false }, { write: (line) => void log.push(line) }),
        receivers: () => made.receivers,
      });
      onTestFinished(() => deliverer.close());
      return deliverer;
    },
  };
  return made;
}

function to({ port }: Listener, change: Partial<Receiver> = {}): Receiver {
  return receiver({ url: `http://127.0.0.1:${port}/`, allow: ["127.0.0.1"], ...change });
}

/** Something that needs no turn of a clock. */
async function until(done: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await done())) await new Promise(setImmediate);
}

async function stateOf(store: Store, name = "ci") {
  return (await store.events.list()).find((state) => state.name === name);
}

function bodies({ received }: Listener): Record<string, unknown>[] {
  return received.map(({ body }) => JSON.parse(body) as Record<string, unknown>);
}

test("what the audit trail has is delivered, in its order, with an id and a number", async () => {
  const hook = await listener();
  const { store, deliverer } = await world(to(hook, { kinds: ["transfers"] }));
  const one = deliverer();
  await one.look();
  store.audit.record({ kind: "login", user: "ann" });
  for (const path of ["/a", "/b", "/c"]) store.audit.record({ kind: "upload", user: "ann", path });
  await store.audit.flush();
  await one.look();
  await hook.got(3);
  expect(bodies(hook)).toMatchObject([
    { version: 1, kind: "upload", user: "ann", path: "/a", sequence: 1 },
    { path: "/b", sequence: 2 },
    { path: "/c", sequence: 3 },
  ]);
  const ids = bodies(hook).map(({ id }) => id);
  expect(new Set(ids).size).toBe(3);
  expect(hook.received.map(({ headers }) => headers["webhook-id"])).toEqual(ids);
  await until(async () => (await stateOf(store))?.delivered === 3);
  expect(await stateOf(store)).toMatchObject({ queued: 0, queuedBytes: 0, failures: 0 });
});

test("what fails is tried again later with the same id, and nothing goes before it", async () => {
  let status = 500;
  const hook = await listener((response) => response.writeHead(status).end());
  const { store, deliverer, log } = await world(to(hook));
  const one = deliverer();
  await one.look();
  for (const path of ["/a", "/b"]) store.audit.record({ kind: "upload", path });
  await store.audit.flush();
  await one.look();
  await until(async () => (await stateOf(store))?.failures === 1);
  const state = await stateOf(store);
  expect(state).toMatchObject({ queued: 2, lastError: "answered 500" });
  expect(state?.nextAt).toBeGreaterThan(state?.lastErrorAt ?? 0);
  await one.look();
  expect(hook.received).toHaveLength(1);
  status = 200;
  await store.events.retry("ci");
  await one.look();
  await hook.got(3);
  expect(bodies(hook).map(({ path }) => path)).toEqual(["/a", "/a", "/b"]);
  expect(new Set(bodies(hook).map(({ id }) => id)).size).toBe(2);
  await until(async () => (await stateOf(store))?.queued === 0);
  await until(() => log.length === 2);
  expect(log[0]).toContain("event not delivered, is tried again");
  expect(log[1]).toContain("events arrive again");
});

test("of many that wait each arrives once, and what arrived before a failure is not sent again", async () => {
  let isBroken = true;
  const hook = await listener((response, { body }) => {
    response.writeHead(isBroken && body.includes("/40") ? 500 : 204).end();
  });
  const { store, deliverer } = await world(to(hook));
  const one = deliverer();
  await one.look();
  const paths = Array.from({ length: 100 }, (_, at) => `/${at}`);
  for (const path of paths) store.audit.record({ kind: "upload", path });
  await store.audit.flush();
  await one.look();
  await until(async () => (await stateOf(store))?.failures === 1);
  expect(await stateOf(store)).toMatchObject({ delivered: 40, queued: 60 });
  expect(bodies(hook).map(({ path }) => path)).toEqual(paths.slice(0, 41));
  isBroken = false;
  await store.events.retry("ci");
  await one.look();
  await until(async () => (await stateOf(store))?.queued === 0);
  expect(bodies(hook).map(({ path }) => path)).toEqual([...paths.slice(0, 41), ...paths.slice(40)]);
  expect(await stateOf(store)).toMatchObject({ delivered: 100, queuedBytes: 0, failures: 0 });
});

test("an event that its receiver does not take lets others go before it", async () => {
  const hook = await listener((response, { body }) => {
    response.writeHead(body.includes("/bad") ? 422 : 204).end();
  });
  const { store, deliverer } = await world(to(hook));
  const one = deliverer();
  await one.look();
  for (const path of ["/bad", "/good"]) store.audit.record({ kind: "upload", path });
  await store.audit.flush();
  await one.look();
  await hook.got(2);
  expect(bodies(hook).map(({ path }) => path)).toEqual(["/bad", "/good"]);
  await until(async () => (await stateOf(store))?.delivered === 1);
  expect(await stateOf(store)).toMatchObject({ queued: 1, failures: 0 });
});

test("commands are receivers, too, several at once when they may be", async () => {
  const here = await world();
  const script =
    'cat > "$1/$$"; while [ $(ls "$1" | grep -c "^[0-9]*$") -lt 3 ]; do sleep 0.01; done';
  const out = join(here.root, "out");
  mkdirSync(out);
  const command = ["/bin/sh", "-c", script, "sh", out];
  here.receivers = [receiver({ command, atOnce: 3 })];
  const one = here.deliverer();
  await one.look();
  for (const path of ["/a", "/b", "/c"]) here.store.audit.record({ kind: "upload", path });
  await here.store.audit.flush();
  await one.look();
  await until(async () => (await stateOf(here.store))?.delivered === 3);
  const got = readdirSync(out).map((name) => JSON.parse(readFileSync(join(out, name), "utf8")));
  expect(got.map(({ path }) => path).sort()).toEqual(["/a", "/b", "/c"]);
});

describe("one receiver is none of another's business", () => {
  test("one that never answers holds up nobody", async () => {
    const dead = await listener(() => {});
    const well = await listener();
    const { store, deliverer } = await world(
      to(dead, { name: "dead", queue: 5 }),
      to(well, { name: "well" }),
    );
    const one = deliverer();
    await one.look();
    for (let at = 0; at < 50; at += 1) store.audit.record({ kind: "upload", path: `/${at}` });
    await store.audit.flush();
    await one.look();
    await well.got(50);
    expect(await stateOf(store, "dead")).toMatchObject({ queued: 5, dropped: 45, delivered: 0 });
    expect(dead.received).toHaveLength(1);
  });
});

describe("processes", () => {
  test("a process that is killed leaves what waits to the next one, with nothing twice or lost", async () => {
    const hook = await listener((response) => response.writeHead(500).end());
    const { root, store, deliverer } = await world(to(hook));
    const one = deliverer();
    await one.look();
    store.audit.record({ kind: "upload", path: "/before" });
    await store.audit.flush();
    await one.look();
    await until(async () => (await stateOf(store))?.failures === 1);
    store.audit.record({ kind: "upload", path: "/between" });
    await store.audit.flush();
    (await rawDatabase(root)).exec(
      `UPDATE nodes SET start_time = '1' WHERE id = '${store.nodeId}'`,
    );
    const next = await storeAt(root);
    await deliverer(next).look();
    expect(await stateOf(next)).toMatchObject({ queued: 2 });
    const due = await next.events.due("ci", Date.now(), 10);
    expect(due.map(({ sequence, event }) => [sequence, JSON.parse(event).path])).toEqual([
      [1, "/before"],
      [2, "/between"],
    ]);
  });

  test("only one of two delivers, and the other one goes on where that one stopped", async () => {
    const hook = await listener();
    const { root, store, deliverer } = await world(to(hook));
    const other = await storeAt(root);
    const [one, two] = [deliverer(), deliverer(other)];
    await one.look();
    await two.look();
    for (const path of ["/a", "/b"]) store.audit.record({ kind: "upload", path });
    await store.audit.flush();
    await Promise.all([one.look(), two.look()]);
    await hook.got(2);
    await until(async () => (await stateOf(store))?.queued === 0);
    await one.close();
    expect(await other.events.claim()).toBe(true);
    expect(hook.received).toHaveLength(2);
  });

  test("with the server's end the last events leave", async () => {
    const hook = await listener();
    const { store, deliverer } = await world(to(hook, { kinds: ["server"] }));
    const one = deliverer();
    one.start();
    await one.look();
    for (let times = 0; times < 50; times += 1) store.audit.record({ kind: "server-stop" });
    await store.audit.flush();
    await one.close();
    expect(bodies(hook)).toHaveLength(50);
    expect(await stateOf(store)).toMatchObject({ queued: 0, delivered: 50 });
  });
});

test("a server that ends breaks off what is not answered, and keeps it as if it had not been tried", async () => {
  const hook = await listener(() => {});
  const { store, deliverer } = await world(to(hook, { timeout: 60_000 }));
  const one = deliverer();
  one.start();
  await one.look();
  store.audit.record({ kind: "upload", path: "/a" });
  await store.audit.flush();
  await one.look();
  await hook.got(1);
  await one.close();
  expect(await stateOf(store)).toMatchObject({ queued: 1, failures: 0, lastError: "" });
});

describe("settings", () => {
  test("a receiver that is added begins with what is new, one that is taken away is not told", async () => {
    const [first, second] = [await listener(), await listener()];
    const here = await world(to(first, { name: "first" }));
    const one = here.deliverer();
    await one.look();
    here.store.audit.record({ kind: "upload", path: "/1" });
    await here.store.audit.flush();
    await one.look();
    await first.got(1);
    here.receivers = [to(second, { name: "second" })];
    await one.look();
    here.store.audit.record({ kind: "upload", path: "/2" });
    await here.store.audit.flush();
    await one.look();
    await second.got(1);
    expect([...bodies(first), ...bodies(second)].map(({ path }) => path)).toEqual(["/1", "/2"]);
  });

  test("without receivers nothing is written", async () => {
    const here = await world();
    const one = here.deliverer();
    here.store.audit.record({ kind: "upload", path: "/1" });
    await here.store.audit.flush();
    await one.look();
    expect(await here.store.events.list()).toEqual([]);
    const feed = (await rawDatabase(here.root)).prepare("SELECT * FROM event_feed").all();
    expect(feed).toEqual([{ holder: "", audit_id: null }]);
  });
});

describe("attack: names of files in what is sent", () => {
  const evil = '/a\\x0d\\x0aX-Evil: 1\r\nX-Worse: 2\r\n\r\n\u0000\u2028"}]';

  test("inject no headers, and no JSON", async () => {
    const hook = await listener();
    const { store, deliverer } = await world(to(hook));
    const one = deliverer();
    await one.look();
    store.audit.record({ kind: "upload", user: evil, path: evil, detail: evil });
    await store.audit.flush();
    await one.look();
    const [received] = await hook.got(1);
    // PostgreSQL has no character 0.
    const kept = ENGINE === "sqlite" ? evil : evil.replace("\0", "\ufffd");
    expect(bodies(hook)[0]).toMatchObject({ user: kept, path: kept });
    expect(Object.keys(received?.headers ?? {}).sort()).toEqual([
      "connection",
      "content-length",
      "content-type",
      "host",
      "user-agent",
      "webhook-id",
      "webhook-signature",
      "webhook-timestamp",
    ]);
  });

  test("secrets and paths of URLs are in no log and in no list", async () => {
    const hook = await listener((response) => response.writeHead(500).end());
    const url = `http://127.0.0.1:${hook.port}/t0ken?key=hush`;
    const { store, deliverer, log } = await world(to(hook, { url }));
    const one = deliverer();
    await one.look();
    store.audit.record({ kind: "upload", path: "/a" });
    await store.audit.flush();
    await one.look();
    await until(async () => (await stateOf(store))?.failures === 1 && log.length > 0);
    const shown = JSON.stringify([log, await store.events.list()]);
    for (const secret of [SECRET, SECRET.slice(6), "t0ken", "hush"]) {
      expect(shown).not.toContain(secret);
    }
  });
});

test("pauses grow to a bound, and differ", () => {
  expect([1, 2, 3, 20, 1e9].map((failures) => pauseAfter(failures, 0))).toEqual([
    1_000, 2_000, 4_000, 600_000, 600_000,
  ]);
  expect(pauseAfter(3, 1)).toBe(2_000);
  expect([1, 2, 100].map((tries) => pauseOfRefused(tries, 0))).toEqual([
    60_000, 120_000, 21_600_000,
  ]);
});

test("what waits longer than it may is dropped", async () => {
  const { root, store, deliverer } = await world(receiver({ command: ["/nowhere"], keep: 60_000 }));
  const one = deliverer();
  await one.look();
  store.audit.record({ kind: "upload", path: "/a" });
  await store.audit.flush();
  await one.look();
  await until(async () => (await stateOf(store))?.failures === 1);
  (await rawDatabase(root)).exec("UPDATE event_queue SET at = at - 100000");
  // The next process looks at once.
  await one.close();
  await deliverer().look();
  expect(await stateOf(store)).toMatchObject({ queued: 0, dropped: 1 });
});
