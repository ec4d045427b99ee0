import { pino } from "pino";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { KeyGrant, Regrant } from "../../../src/auth/key-grant.ts";
import type { Digests } from "../../../src/digests/types.ts";
import { MemoryBudget } from "../../../src/memory/budget.ts";
import { Rates } from "../../../src/rates/rates.ts";
import type { Admission } from "../../../src/session/admission.ts";
import { Sessions } from "../../../src/session/registry.ts";
import type { RegistryOptions } from "../../../src/session/registry-options.ts";
import type { Login, Peer } from "../../../src/session/session.ts";
import type { Account, AuditEvent, Change } from "../../../src/store/types.ts";
import { MemoryFs } from "../../support/memory-fs.ts";

const NUMBER = 42;

test("a session is kicked while its home is being opened: it is not let in", async () => {
  let opened = (): void => {};
  const home = new Promise<MemoryFs>((resolve) => {
    opened = () => resolve(new MemoryFs());
  });
  const openHome = vi.fn(() => home);
  const leave = vi.fn(async () => {});
  const sessions = new Sessions({
    store: { nodeId: "node", audit: { record() {} } },
    admission: { enter: async () => NUMBER, leave, close() {} } as unknown as Admission,
    log: pino({ level: "silent" }),
    openHome,
    digestsOf: () => ({}) as Digests,
    loggedIn: async () => {},
    refuses: async () => undefined,
    memory: { budget: new MemoryBudget(2 ** 30), close() {} },
    rates: new Rates(),
    limits: { idleTimeout: 0 },
    counts: { bytesIn: 0, bytesOut: 0, logins: 0, refusals: 0 },
  } as unknown as RegistryOptions);
  const gone = new AbortController();
  const told: string[] = [];
  const peer: Peer = {
    remote: "192.0.2.1:4711",
    address: "192.0.2.1",
    client: "OpenSSH",
    gone: gone.signal,
    notice() {},
    disconnect(text) {
      told.push(text);
      gone.abort(new Error("gone"));
    },
  };
  const login = { account: { id: 1, name: "ann" }, method: "password", key: undefined };
  const entering = sessions.open(login as Login, peer);
  await vi.waitFor(() => expect(openHome).toHaveBeenCalled());
  expect(sessions.kick(NUMBER + 1, "kicked")).toBe(false);
  expect(sessions.kick(NUMBER, "kicked")).toBe(true);
  opened();
  await expect(entering).rejects.toThrow("gone");
  expect(told).toEqual(["kicked"]);
  expect(leave).toHaveBeenCalledWith(NUMBER);
  await sessions.close(0);
});

const ANN = {
  id: 1,
  name: "ann",
  expiresAt: null,
  from: null,
  auth: null,
  maxSessions: null,
  uploadRate: null,
  downloadRate: null,
  trashKeep: null,
} as unknown as Account;

const USER_SET: Change = { id: 1, kind: "user-set", userId: ANN.id, detail: "" };

/** Sessions over a store that has one account, as `account` says it is now. */
function limited(account: Account) {
  const recorded: unknown[] = [];
  const state = {
    account,
    now: 1_000,
    recorded,
    waits: false,
    isBroken: false,
    regrant: async (_: number, grant: KeyGrant): Promise<Regrant> => ({ grant }),
  };
  const byId = async (id: number) => {
    if (state.isBroken) throw new Error("database is locked");
    return id === ANN.id ? state.account : undefined;
  };
  const enter = (_: unknown, gone: AbortSignal): Promise<number> =>
    new Promise((resolve, reject) => {
      gone.addEventListener("abort", () => reject(gone.reason));
      if (!state.waits) resolve(NUMBER);
    });
  const sessions = new Sessions({
    store: {
      nodeId: "node",
      audit: { record: (event: unknown) => void recorded.push(event) },
      users: { byId },
    },
    admission: { enter, leave: async () => {}, close() {} } as unknown as Admission,
    log: pino({ level: "silent" }),
    openHome: async () => new MemoryFs(),
    digestsOf: () => ({}) as Digests,
    loggedIn: async () => {},
    refuses: async () => undefined,
    regrant: (id: number, grant: KeyGrant) => state.regrant(id, grant),
    memory: { budget: new MemoryBudget(2 ** 30), close() {} },
    rates: new Rates(),
    limits: { idleTimeout: 0 },
    counts: { bytesIn: 0, bytesOut: 0, logins: 0, refusals: 0 },
    now: () => state.now,
  } as unknown as RegistryOptions);
  onTestFinished(() => {
    vi.useRealTimers();
    return sessions.close(0);
  });
  return { sessions, state };
}

/** A client with what it was told at its end. */
function client(address = "192.0.2.1"): { peer: Peer; told: string[] } {
  const gone = new AbortController();
  const told: string[] = [];
  const disconnect = (text: string): void => {
    told.push(text);
    gone.abort(new Error("gone"));
  };
  const remote = `${address}:4711`;
  const peer = { remote, address, client: "t", gone: gone.signal, notice() {}, disconnect };
  return { peer, told };
}

function by(method: Login["method"], account = ANN): Login {
  return { account, method, key: undefined };
}

describe("a user's limits", () => {
  test.each<[string, Partial<Account>, string]>([
    ["the address", { from: ["198.51.100.0/24"] }, "from your address"],
    ["the method", { auth: ["key"] }, "by the method you logged in with"],
    ["the time", { expiresAt: 1_000 }, "This account has expired"],
  ])("a change ends sessions at once that are against them by %s", async (_, limits, text) => {
    const { sessions, state } = limited(ANN);
    const [password, key] = [client(), client("198.51.100.7")];
    await sessions.open(by("keyboard-interactive"), password.peer);
    await sessions.open(by("publickey"), key.peer);
    state.account = { ...ANN, ...limits };
    await sessions.apply({ ...USER_SET, userId: ANN.id + 1 });
    expect(password.told).toEqual([]);
    await sessions.apply(USER_SET);
    expect(password.told).toEqual([expect.stringContaining(text)]);
    expect(key.told).toHaveLength(limits.expiresAt === undefined ? 0 : 1);
    const logout = expect.objectContaining({ kind: "logout", detail: password.told[0] });
    await vi.waitFor(() => expect(state.recorded).toContainEqual(logout));
  });

  test("a session ends when the account expires, though nobody touches the server", async () => {
    vi.useFakeTimers();
    const { sessions, state } = limited(ANN);
    const one = client();
    // Far beyond what a timer can hold, in milliseconds.
    const expiresAt = 2 ** 40;
    await sessions.open(by("password", { ...ANN, expiresAt }), one.peer);
    state.now = expiresAt - 1;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(one.told).toEqual([]);
    state.now = expiresAt;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(one.told).toEqual(["This account has expired"]);
  });

  test("an expiry that is put off, or taken away, no longer ends the session", async () => {
    vi.useFakeTimers();
    const { sessions, state } = limited(ANN);
    const one = client();
    await sessions.open(by("password", { ...ANN, expiresAt: 2_000 }), one.peer);
    await sessions.apply(USER_SET);
    state.now = 3_000;
    await vi.advanceTimersByTimeAsync(2_000);
    expect(one.told).toEqual([]);
  });

  test("a login that waits for a place ends, too, and that is recorded", async () => {
    const { sessions, state } = limited(ANN);
    state.waits = true;
    const one = client();
    const entering = sessions.open(by("password"), one.peer);
    state.account = { ...ANN, from: ["198.51.100.0/24"] };
    await sessions.apply(USER_SET);
    await expect(entering).rejects.toThrow("gone");
    expect(one.told).toHaveLength(1);
    expect(state.recorded).toEqual([
      { kind: "refused-session", user: "ann", remote: one.peer.remote, detail: one.told[0] },
    ]);
  });

  test("are looked up again when the database could not be read", async () => {
    vi.useFakeTimers();
    const { sessions, state } = limited(ANN);
    const one = client();
    await sessions.open(by("password"), one.peer);
    state.account = { ...ANN, auth: ["key"] };
    state.isBroken = true;
    await sessions.apply(USER_SET);
    expect(one.told).toEqual([]);
    state.isBroken = false;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(one.told).toHaveLength(1);
  });
});

describe("a session that began with a certificate", () => {
  const grant: KeyGrant = {
    key: "SHA256:key",
    from: null,
    expiresAt: 5_000,
    pty: false,
    touch: true,
    verify: false,
    certificate: { authority: "SHA256:ca", serial: 7n, id: "laptop" },
  };
  const BY_CERTIFICATE: Login = { account: ANN, method: "publickey", key: grant.key, grant };
  const KEYS_CHANGED: Change = { id: 1, kind: "keys", userId: 0, detail: "" };
  const REVOKED = "The key or certificate you logged in with has been revoked";

  test("attack: it expires while the session is open: the session ends, and no other", async () => {
    vi.useFakeTimers();
    const { sessions, state } = limited(ANN);
    const [certified, password] = [client(), client()];
    const session = await sessions.open(BY_CERTIFICATE, certified.peer);
    await sessions.open(by("password"), password.peer);
    expect(session.terminals).toBe(false);
    state.now = 4_999;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(certified.told).toEqual([]);
    state.now = 5_000;
    await vi.advanceTimersByTimeAsync(1_000);
    const text = "The key or certificate you logged in with has expired";
    expect(certified.told).toEqual([text]);
    expect(password.told).toEqual([]);
    expect(state.recorded).toContainEqual(
      expect.objectContaining({ kind: "logout", detail: text }),
    );
  });

  test("attack: it is revoked while the session is open: the session ends at once", async () => {
    const { sessions, state } = limited(ANN);
    const [certified, password] = [client(), client()];
    await sessions.open(BY_CERTIFICATE, certified.peer);
    await sessions.open(by("password"), password.peer);
    state.regrant = async () => ({ objection: "revoked" });
    await sessions.apply(KEYS_CHANGED);
    expect(certified.told).toEqual([REVOKED]);
    expect(password.told).toEqual([]);
  });

  test("attack: it is revoked between its proof and the session: nobody is let in", async () => {
    const { sessions, state } = limited(ANN);
    const one = client();
    state.regrant = async () => ({ objection: "revoked" });
    await expect(sessions.open(BY_CERTIFICATE, one.peer)).rejects.toThrow(REVOKED);
    expect(sessions.count).toBe(0);
  });

  test("it goes on when the key alone is removed from the user's", async () => {
    const { sessions } = limited(ANN);
    const [certified, plain] = [client(), client()];
    await sessions.open(BY_CERTIFICATE, certified.peer);
    const { certificate: _, ...more } = grant;
    const key = { ...more, certificate: undefined };
    await sessions.open({ ...BY_CERTIFICATE, grant: key }, plain.peer);
    await sessions.apply({ id: 1, kind: "key-removed", userId: ANN.id, detail: grant.key });
    expect(certified.told).toEqual([]);
    expect(plain.told).toHaveLength(1);
  });
});

describe("an address that may not connect", () => {
  const UNWELCOME = { why: "address banned", text: "Your address was banned", refusal: "refused" };

  /** One login from an address that is looked up by `refuses`. */
  function enter(refuses: RegistryOptions["refuses"]) {
    const recorded: AuditEvent[] = [];
    const leave = vi.fn(async () => {});
    const sessions = new Sessions({
      store: { nodeId: "node", audit: { record: (event: AuditEvent) => recorded.push(event) } },
      admission: { enter: async () => NUMBER, leave, close() {} } as unknown as Admission,
      log: pino({ level: "silent" }),
      openHome: async () => new MemoryFs(),
      digestsOf: () => ({}) as Digests,
      loggedIn: async () => {},
      refuses,
      memory: { budget: new MemoryBudget(2 ** 30), close() {} },
      rates: new Rates(),
      limits: { idleTimeout: 0 },
      counts: { bytesIn: 0, bytesOut: 0, logins: 0, refusals: 0 },
    } as unknown as RegistryOptions);
    const gone = new AbortController();
    const told: string[] = [];
    const peer: Peer = {
      remote: "192.0.2.1:4711",
      address: "192.0.2.1",
      client: "OpenSSH",
      gone: gone.signal,
      notice() {},
      disconnect(text) {
        told.push(text);
        gone.abort(new Error("gone"));
      },
    };
    const login = { account: { id: 1, name: "ann" }, method: "password", key: undefined };
    return { sessions, recorded, told, leave, entering: sessions.open(login as Login, peer) };
  }

  test("gets no session, though the connection is from before", async () => {
    const { sessions, recorded, entering } = enter(async () => UNWELCOME);
    await expect(entering).rejects.toThrow("refused");
    expect(sessions.count).toBe(0);
    expect(recorded).toMatchObject([{ kind: "refused-session", remote: "192.0.2.1:4711" }]);
    await sessions.close(0);
  });

  test("has its session ended by a review, once, with a text and a record", async () => {
    let refused = false;
    const { sessions, recorded, told, entering } = enter(async () => {
      return refused ? UNWELCOME : undefined;
    });
    await entering;
    await sessions.review();
    expect(told).toEqual([]);
    refused = true;
    await Promise.all([sessions.review(), sessions.review()]);
    expect(told).toEqual(["Your address was banned"]);
    await sessions.close(0);
    expect(recorded.filter(({ kind }) => kind === "session-kick")).toEqual([
      {
        kind: "session-kick",
        user: "ann",
        remote: "192.0.2.1:4711",
        session: NUMBER,
        detail: "address banned",
      },
    ]);
  });
});

test("a change of a group ends the sessions of all users that are against their limits now", async () => {
  const { sessions, state } = limited(ANN);
  const one = client();
  await sessions.open(by("password"), one.peer);
  state.account = { ...ANN, from: ["198.51.100.0/24"] };
  await sessions.apply({ id: 1, kind: "group-set", userId: 0, detail: "" });
  expect(one.told).toEqual([expect.stringContaining("from your address")]);
});
