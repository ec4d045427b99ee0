import { pino } from "pino";
import { describe, expect, test, vi } from "vitest";
import type { Digests } from "../../../src/digests/types.ts";
import { MemoryBudget } from "../../../src/memory/budget.ts";
import type { Admission } from "../../../src/session/admission.ts";
import { type RegistryOptions, Sessions } from "../../../src/session/registry.ts";
import type { Login, Peer } from "../../../src/session/session.ts";
import type { AuditEvent } from "../../../src/store/types.ts";
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
