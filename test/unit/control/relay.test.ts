import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CallDesk } from "../../../src/control/call-desk.ts";
import { instanceStatus } from "../../../src/control/nodes.ts";
import type { Control } from "../../../src/control/protocol.ts";
import { callThrough } from "../../../src/control/relay.ts";
import { RemoteControl } from "../../../src/control/remote.ts";
import { stopServers } from "../../../src/control/stop-servers.ts";
import { CALL_BOUNDS } from "../../../src/store/calls.ts";
import type { MachineOptions } from "../../../src/store/life.ts";
import { rawDatabase } from "../store/instance.ts";
import { ControlDesk } from "./desk.ts";

const WAIT = { actor: "cli:root", patienceMs: 30_000 };

/** What happens sooner or later. */
function soon<T>(look: () => T) {
  return expect.poll(look, { timeout: 30_000, interval: 5 });
}

function machine(host: string): MachineOptions {
  return { machine: `boot-of-${host}`, host, leaseMs: 600_000 };
}

/** Two machines: alpha serves, and beta asks it. */
let alpha: ControlDesk;
let beta: ControlDesk;
let door: CallDesk;
let serving: NodeJS.Timeout;
/** stands in front of alpha's control, where it is set */
let between: ((actor: string) => Control) | undefined;

beforeEach(async () => {
  between = undefined;
  alpha = await ControlDesk.open(undefined, machine("alpha"));
  beta = await ControlDesk.open(alpha.root, machine("beta"));
  door = deskOf(alpha);
  serving = setInterval(() => void door.look(), 5);
});

afterEach(async () => {
  clearInterval(serving);
  await door.settled();
  await beta.close();
  await alpha.close();
});

function deskOf(desk: ControlDesk): CallDesk {
  return new CallDesk({
    store: desk.store,
    log: pino({ level: "silent" }),
    control: (actor) => between?.(actor) ?? desk.as(actor),
  });
}

function toAlpha() {
  return { id: alpha.store.nodeId, host: "alpha" };
}

function rows(): Promise<unknown[]> {
  return sql("SELECT * FROM calls");
}

async function sql(text: string, ...values: unknown[]): Promise<unknown[]> {
  const database = await rawDatabase(alpha.root);
  try {
    const statement = database.prepare(text);
    return text.startsWith("SELECT") ? statement.all(...values) : [statement.run(...values)];
  } finally {
    database.close();
  }
}

/** A control whose calls end as the test says. */
function answering(answer: () => Promise<unknown>): (actor: string) => Control {
  return (actor) => {
    const real = alpha.as(actor);
    return {
      call: answer as Control["call"],
      subscribe: real.subscribe.bind(real),
      closed: real.closed,
      close: () => real.close(),
    };
  };
}

test("a call to another machine is the control protocol's, with who acts", async () => {
  const control = new RemoteControl(beta.store, toAlpha(), { actor: "cli:eve" });
  expect(await control.call("overview", {})).toMatchObject({ node: alpha.store.nodeId });
  await control.call("renew", { drainMs: 5 });
  expect(alpha.told).toEqual(["renew 5"]);
  await alpha.store.audit.flush();
  expect(await alpha.audited()).toEqual(["reload cli:eve new workers"]);
  expect(await rows()).toEqual([]);
});

test("what the other refuses is refused with its words and its exit code", async () => {
  const control = new RemoteControl(beta.store, toAlpha(), { actor: "cli:eve" });
  const wrong = { message: "renew: drainMs is missing or not what it has to be", exitCode: 2 };
  await expect(control.call("renew", { drainMs: -1 })).rejects.toMatchObject(wrong);
  expect(await rows()).toEqual([]);
});

test("two who ask at once get their own answers", async () => {
  let asked = 0;
  let go = (): void => {};
  const both = new Promise<void>((resolve) => {
    go = resolve;
  });
  between = (actor) =>
    answering(async () => {
      asked += 1;
      if (asked === 2) go();
      await both;
      return actor;
    })(actor);
  const ask = (actor: string) =>
    new RemoteControl(beta.store, toAlpha(), { actor }).call("health", {});
  expect(await Promise.all([ask("cli:ann"), ask("cli:bob")])).toEqual(["cli:ann", "cli:bob"]);
});

test("what was done is not done again because its answer could not be written", async () => {
  let done = 0;
  between = () =>
    answering(async () => {
      done += 1;
      return done;
    })("cli:ann");
  const { answer } = alpha.store.calls;
  let failures = 2;
  alpha.store.calls.answer = (id, text) => {
    failures -= 1;
    if (failures >= 0) return Promise.reject(new Error("the database is away"));
    return answer.call(alpha.store.calls, id, text);
  };
  const asked = new RemoteControl(beta.store, toAlpha(), { actor: "cli:ann" }).call("health", {});
  expect(await asked).toBe(1);
  expect(done).toBe(1);
});

test("a password is not put into a row, nor anything that any process can do", async () => {
  const params = { name: "ann", password: "secret" };
  const call = callThrough(beta.store, toAlpha(), "users.password", params, WAIT);
  await expect(call).rejects.toThrow("users.password is not asked of another machine");
  expect(await rows()).toEqual([]);
});

test("who writes rows by hand gets no other method, no other actor, and no wrong JSON through", async () => {
  const ask = async (call: { method?: string; params?: string; actor?: string }) => {
    const whole = { actor: "cli:root", method: "overview", params: "{}", ...call };
    const asked = await beta.store.calls.ask(alpha.store.nodeId, whole);
    if (typeof asked === "string") throw new Error(asked);
    await soon(() => rows()).toMatchObject([{ answer: expect.any(String) }]);
    const taken = await beta.store.calls.take(asked.id);
    return taken === "gone" ? taken : taken.answer;
  };
  expect(await ask({ method: "users.remove", params: '{"name":"ann"}' })).toContain(
    "no such thing",
  );
  expect(await ask({ method: "__proto__" })).toContain("no such thing");
  expect(await ask({ actor: "cli:root\n" })).toContain("who asks is not said");
  expect(await ask({ params: "{" })).toContain("can't be read");
  expect(await ask({ params: `${" ".repeat(CALL_BOUNDS.paramsBytes)}{}` })).toContain("be read");
});

test("an answer that is too long is none, and the other says so", async () => {
  between = answering(async () => "x".repeat(CALL_BOUNDS.answerBytes));
  const call = callThrough(beta.store, toAlpha(), "overview", {}, WAIT);
  await expect(call).rejects.toThrow("overview: the answer is too long for another machine");
});

test("parameters that are too long are not sent", async () => {
  const params = { drainMs: 1, more: "x".repeat(CALL_BOUNDS.paramsBytes) };
  const call = callThrough(beta.store, toAlpha(), "renew", params, WAIT);
  await expect(call).rejects.toThrow("renew: the parameters are too long");
  expect(await rows()).toEqual([]);
});

test("of a process that dies while it is asked nobody waits for an answer", async () => {
  between = answering(async () => {
    // It is silent for longer than its lease.
    await sql("UPDATE nodes SET renewed_at = 0 WHERE id = ?", alpha.store.nodeId);
    return new Promise(() => {});
  });
  clearInterval(serving);
  await Promise.all([
    expect(callThrough(beta.store, toAlpha(), "overview", {}, WAIT)).rejects.toThrow(
      "the server on alpha has ended, or has lost touch with the database",
    ),
    soon(() => rows())
      .toHaveLength(1)
      .then(() => door.look()),
  ]);
  expect(await rows()).toEqual([]);
  door = deskOf(alpha);
});

test("nobody works for one who has died, or does not wait any more", async () => {
  clearInterval(serving);
  await beta.store.calls.ask(alpha.store.nodeId, { actor: "a", method: "stop", params: "{}" });
  await sql("UPDATE nodes SET renewed_at = 0 WHERE id = ?", beta.store.nodeId);
  await door.look();
  await door.settled();
  expect(alpha.told).toEqual([]);
  expect(await rows()).toMatchObject([{ answer: null }]);
});

test("an answer that does not come is waited for no longer than one wants, and is taken back", async () => {
  clearInterval(serving);
  const call = callThrough(beta.store, toAlpha(), "overview", {}, { ...WAIT, patienceMs: 0 });
  await expect(call).rejects.toThrow("the server on alpha does not answer");
  expect(await rows()).toEqual([]);
  const control = new RemoteControl(beta.store, toAlpha(), { actor: "a" });
  const closed = expect(control.call("overview", {})).rejects.toThrow("closed");
  await soon(() => rows()).toHaveLength(1);
  control.close();
  await closed;
  expect(await rows()).toEqual([]);
});

test("more than eight calls are not at work at once; the others come when there is room", async () => {
  const waiting: (() => void)[] = [];
  between = answering(() => new Promise<null>((resolve) => waiting.push(() => resolve(null))));
  const calls = Array.from({ length: 10 }, () =>
    callThrough(beta.store, toAlpha(), "overview", {}, WAIT),
  );
  await soon(() => rows()).toHaveLength(10);
  await soon(() => waiting.length).toBe(8);
  await door.look();
  expect(waiting).toHaveLength(8);
  for (const resolve of waiting.splice(0)) resolve();
  await soon(() => waiting.length).toBe(2);
  for (const resolve of waiting.splice(0)) resolve();
  expect(await Promise.all(calls)).toEqual(Array(10).fill(null));
});

test("what stops another server is followed by asking", async () => {
  const control = new RemoteControl(beta.store, toAlpha(), { actor: "a", followMs: 1 });
  const states: boolean[] = [];
  control.subscribe("stopping", {}, ({ stopping }) => states.push(stopping));
  await soon(() => states).toEqual([false]);
  await control.call("stop", {});
  await soon(() => states).toEqual([false, true]);
  const refused = new Promise((resolve) => control.subscribe("users", {}, () => {}, resolve));
  expect(await refused).toBe("users is not followed elsewhere");
  control.close();
  expect(await control.closed).toBe("closed");
});

test("sessions of all machines are shown, those of others with their transfers", async () => {
  const user = await alpha.addUser("ann");
  const [there, here] = [await alpha.enter(user), await beta.enter(user)];
  const transfer = {
    ...{ id: 1, path: "/a", direction: "upload" as const, bytes: 1, size: 2 },
    ...{ bytesPerSecond: 3, since: 4 },
  };
  alpha.live = [{ id: there, idle: 7, transfers: [transfer] }];
  beta.live = [{ id: here, idle: 8, transfers: [] }];
  const control = beta.as();
  expect(await control.call("sessions.list", {})).toMatchObject([
    { id: there, machine: "alpha", idle: 7, transfers: [{ path: "/a" }] },
    { id: here, machine: "beta", idle: 8, transfers: [] },
  ]);
  expect(await control.call("sessions.here", {})).toMatchObject([{ id: here }]);
  await control.call("transfers.end", { session: there, transfer: 1 });
  expect(await beta.changes()).toEqual([`transfer-end ${there} 1`]);
});

test("status tells of the servers of all machines, and whether one runs on this", async () => {
  await alpha.store.nodes.setListen("192.0.2.1:22");
  const status = await instanceStatus(beta.store, "1", beta.root);
  expect(status.running).toBe(true);
  expect(status.listen).toBe("");
  expect(status.nodes).toMatchObject([
    { machine: "beta", listen: "" },
    { machine: "alpha", listen: "192.0.2.1:22", loopDelay: { maxMs: 2 } },
  ]);
  expect(status.workers).toMatchObject([
    { machine: "beta", rssBytes: expect.any(Number) },
    { machine: "alpha", rssBytes: null },
  ]);
});

test("processes of all machines are listed, this one's first, with what says that they live", async () => {
  const all = await beta.as().call("nodes.list", {});
  expect(all).toMatchObject([
    { id: beta.store.nodeId, machine: "beta", isHere: true, role: "server", state: "alive" },
    { id: alpha.store.nodeId, machine: "alpha", isHere: false, role: "server", state: "alive" },
  ]);
  expect(all[1]?.renewedAt).toBeGreaterThan(0);
  await sql("UPDATE nodes SET renewed_at = 0 WHERE id = ?", alpha.store.nodeId);
  expect((await beta.as().call("nodes.list", {}))[1]).toMatchObject({ state: "lost" });
});

test("one server is stopped by its id or its machine's name, and others serve on", async () => {
  const how = { root: beta.root, onWait: () => {}, progressMs: 1_000, timeoutMs: 30_000 };
  const stop = (node: string) => stopServers(beta.store, { ...how, which: { node }, graceMs: 9 });
  await expect(stop("gamma")).rejects.toMatchObject({ exitCode: 3 });
  await expect(stop("")).rejects.toMatchObject({ exitCode: 2 });
  const gone = soon(() => alpha.told)
    .toEqual(["stop 9"])
    .then(async () => {
      clearInterval(serving);
      await door.settled();
      await alpha.store.close();
    });
  const stopped = stop("alpha");
  await gone;
  expect((await stopped).map(({ id }) => id)).toEqual([alpha.store.nodeId]);
  expect(beta.told).toEqual([]);
  // The others of its machine were not meant.
  expect(await beta.changes()).toEqual([]);
});
