import { channel } from "node:diagnostics_channel";
import { once } from "node:events";
import type { Socket } from "node:net";
import argon2 from "argon2";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Msg, message, RawClient } from "../support/raw-client.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { dial, login, makeKey } from "../support/ssh-client.ts";

// Linux has all of 127.0.0.0/8 on the loopback interface: each has an address, or many, there.
const ANN = "127.0.1.1";
const BOB = "127.0.2.1";
const eve = (machine: number): string => `127.0.0.${10 + machine}`;

const PATIENCE = { timeout: 30_000, interval: 20 };
const PLACES = 4;
const QUEUE = 12;
const MACHINES = 6;
const NO_PLACE = "11: Too many connections that have not logged in: try again later";
const NO_PLACE_AFTER_GUESS = "12: Too many connections that have not logged in: try again later";
const QUEUE_FULL = "12: Too many logins at once: try again later";

const key = makeKey();

let server: TestServer;
const open: { close(): void }[] = [];
/** passwords whose check was begun, in order; each ends when it is told to */
let begun: { password: string; end(): void }[];
/** false: checks end as fast as they can */
let held: boolean;

beforeEach(async () => {
  server = await startTestServer({
    users: [
      { name: "ann", keys: [key.public] },
      { name: "bob", password: "secret" },
    ],
    config: {
      limits: { maxUnauthenticated: PLACES },
      auth: { hashConcurrency: 1, hashQueue: QUEUE },
    },
  });
  begun = [];
  held = true;
  const verify = argon2.verify;
  vi.spyOn(argon2, "verify").mockImplementation(async (hash, password) => {
    await new Promise<void>((resolve) => {
      begun.push({ password: String(password), end: resolve });
      if (!held) resolve();
    });
    return verify(hash, password);
  });
});

afterEach(async () => {
  release();
  vi.restoreAllMocks();
  for (const one of open.splice(0)) one.close();
  await server.stop();
});

function release(): void {
  held = false;
  for (const { end } of begun) end();
}

/** A connection that has sent a password; resolves when the server has it. */
async function guess(from: string, password: string, username = "bob"): Promise<RawClient> {
  const raw = await RawClient.stranger(server, { localAddress: from });
  open.push(raw);
  if (raw.isClosed) return raw;
  raw.send(message(Msg.USERAUTH_REQUEST, username, "ssh-connection", "password", false, password));
  await raw.settled();
  return raw;
}

/** As many guesses as may wait for a hash, one that is being checked among them. */
async function flood(): Promise<RawClient[]> {
  const guesses: RawClient[] = [];
  for (let n = 0; n <= QUEUE; n += 1) guesses.push(await guess(eve(n % MACHINES), `guess ${n}`));
  await vi.waitFor(() => expect(begun).toHaveLength(1), PATIENCE);
  return guesses;
}

const isOpen = (raw: RawClient): boolean => !raw.isClosed;
const lastWords = (raw: RawClient): string | undefined => raw.ending.disconnects.at(-1);

async function loginByKey(from: string): Promise<void> {
  const client = await login(server, {
    localAddress: from,
    password: undefined as never,
    privateKey: key.private,
  });
  client.destroy();
}

test("attack: guesses that wait for a hash don't take the places of logins by key", async () => {
  const guesses = await flood();
  expect(guesses.filter(isOpen)).toHaveLength(QUEUE + 1);
  for (let n = 0; n < 2 * PLACES; n += 1) await loginByKey(ANN);
  // Also from the machines that guess.
  for (let n = 0; n < MACHINES; n += 1) await loginByKey(eve(n));
  expect(guesses.filter(isOpen)).toHaveLength(QUEUE + 1);
  expect(begun).toHaveLength(1);
});

test("attack: guesses that fill the line don't keep an honest password out of it, nor long in it", async () => {
  const guesses = await flood();
  const bob = dial(server, { localAddress: BOB, username: "bob", password: "secret" });
  open.push({ close: () => bob.client.destroy() });
  const refused = (): RawClient[] => guesses.filter((raw) => raw.isClosed);
  await vi.waitFor(() => expect(refused()).toHaveLength(1), PATIENCE);
  expect(refused().map(lastWords)).toEqual([QUEUE_FULL]);
  release();
  await bob.ready;
  // Behind the one that was being checked and one of the other network.
  expect(begun.findIndex(({ password }) => password === "secret")).toBeLessThanOrEqual(2);
});

test("attack: connections that have not logged in are bounded, wherever they wait", async () => {
  const guesses = await flood();
  const more = await guess(eve(0), "one more");
  await more.ending.closed;
  expect(lastWords(more)).toBe(QUEUE_FULL);
  const silent: RawClient[] = [];
  for (let n = 0; n < PLACES; n += 1) {
    const raw = await RawClient.stranger(server, { localAddress: eve(n) });
    open.push(raw);
    silent.push(raw);
  }
  expect([...guesses, ...silent].filter(isOpen)).toHaveLength(QUEUE + 1 + PLACES);
  // Who comes from elsewhere gets a place of them all the same.
  await loginByKey(ANN);
  expect([...guesses, ...silent].filter(isOpen)).toHaveLength(QUEUE + PLACES);
  expect(silent.filter((raw) => raw.isClosed).map(lastWords)).toEqual([NO_PLACE]);
});

test("attack: those whose guess was wrong come back to the places, and no more of them than there are", async () => {
  const guesses = await flood();
  release();
  await vi.waitFor(
    () => expect(guesses.filter(isOpen).length).toBeLessThanOrEqual(PLACES),
    PATIENCE,
  );
  const gone = guesses.filter((raw) => raw.isClosed);
  for (const raw of gone) expect([NO_PLACE, NO_PLACE_AFTER_GUESS]).toContain(lastWords(raw));
  await loginByKey(ANN);
  expect(await server.store.audit.query({ kind: "login-failed", limit: 100 })).not.toEqual([]);
});

test("attack: those who send a password and go away leave the line at once", async () => {
  const accepted: Socket[] = [];
  const onSocket = (told: unknown): void => void accepted.push((told as { socket: Socket }).socket);
  channel("net.server.socket").subscribe(onSocket);
  const guesses = await flood();
  channel("net.server.socket").unsubscribe(onSocket);
  const gone = accepted.map((socket) => once(socket, "close"));
  for (const raw of guesses) raw.close();
  await Promise.all(gone);
  expect(gone).toHaveLength(QUEUE + 1);
  // One machine may have as many in the line as there is room for, so it tells that all of it is free.
  const waiting = [];
  for (let n = 0; n < QUEUE; n += 1) waiting.push(await guess(BOB, `bob ${n}`));
  expect(waiting.filter(isOpen)).toHaveLength(QUEUE);
});
