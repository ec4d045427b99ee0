import { EventEmitter } from "node:events";
import { pino } from "pino";
import type { AuthContext } from "ssh2";
import { describe, expect, test, vi } from "vitest";
import type { LoginDecision } from "../../../src/auth/authenticator.ts";
import { HashQueueFull } from "../../../src/auth/passwords.ts";
import {
  Authentication,
  type AuthenticationOptions,
} from "../../../src/transport/authentication.ts";

const NO_FACTORS = {
  split: async (_user: string, password: string) => ({ password }),
  need: async () => "none",
};

test("somebody fills the queue of password checks: who finds it full is not charged for that", async () => {
  const steps: string[] = [];
  const authentication = new Authentication({
    authenticator: { logIn: () => Promise.reject(new HashQueueFull()) },
    factors: NO_FACTORS,
    penalties: { wait: async () => 0, add: async () => void steps.push("charged") },
    log: pino({ level: "silent" }),
    remote: "192.0.2.1:4711",
    address: "192.0.2.1",
    gone: new AbortController().signal,
    tries: 6,
    place: { wait: () => void steps.push("waits"), back: () => true },
    disconnect: (_reason: number, text: string) => void steps.push(text),
    excuse: () => void steps.push("excused"),
    answered: () => void steps.push("answered"),
  } as unknown as AuthenticationOptions);
  const context = Object.assign(new EventEmitter(), {
    method: "password",
    username: "ann",
    password: "secret",
  });
  authentication.handle(context as unknown as AuthContext);
  await vi.waitFor(() => expect(steps).toContain("answered"));
  expect(steps).toEqual([
    "waits",
    "excused",
    "Too many logins at once: try again later",
    "answered",
  ]);
});

/** An attempt that the authenticator decides so, and all that came of it. */
async function attempted(method: "password" | "publickey", decision: LoginDecision) {
  const steps: string[] = [];
  const noted: string[] = [];
  const authentication = new Authentication({
    authenticator: { logIn: async () => decision, findKey: async () => decision },
    factors: NO_FACTORS,
    penalties: { wait: async () => 0, add: async (...all: string[]) => void steps.push(`${all}`) },
    failedLogins: { add: (...all: string[]) => void noted.push(all.join("; ")) },
    log: pino({ level: "silent" }),
    remote: "192.0.2.1:4711",
    address: "192.0.2.1",
    gone: new AbortController().signal,
    tries: 6,
    place: { wait: () => void steps.push("waits"), back: () => true },
    disconnect: (_reason: number, text: string) => void steps.push(text),
    excuse: () => void steps.push("excused"),
    answered: () => void steps.push("answered"),
  } as unknown as AuthenticationOptions);
  const credentials = {
    password: "secret",
    key: { algo: "ssh-ed25519", data: Buffer.from("key") },
    reject: (methods: string[]) => void steps.push(`reject ${methods}`),
    accept: () => void steps.push("accept"),
  };
  const context = Object.assign(new EventEmitter(), { method, username: "ann", ...credentials });
  authentication.handle(context as unknown as AuthContext);
  await vi.waitFor(() => expect(steps).toContain("answered"));
  return { steps, noted };
}

describe("attack: somebody has what lets a user in, but not from there, not so, or not any more", () => {
  const LIMITS = ["expired", "address", "method"] as const;
  const METHODS = "publickey,password,keyboard-interactive";

  test.each(LIMITS)(
    "with the password it looks and costs as with a wrong one: %s",
    async (limit) => {
      const refused = await attempted("password", { limit });
      expect(refused.steps).toEqual((await attempted("password", {})).steps);
      expect(refused.steps).toEqual([
        "waits",
        "excused",
        "192.0.2.1,login,ann",
        `reject ${METHODS}`,
        "answered",
      ]);
    },
  );

  test.each(LIMITS)("with the key as with one of nobody: %s", async (limit) => {
    const refused = await attempted("publickey", { limit });
    expect(refused.steps).toEqual((await attempted("publickey", {})).steps);
    expect(refused.steps).toEqual([`reject ${METHODS}`, "answered"]);
  });

  test("only the log and the audit trail know why", async () => {
    const all = await Promise.all(LIMITS.map((limit) => attempted("password", { limit })));
    expect(all.flatMap(({ noted }) => noted)).toEqual([
      "ann; 192.0.2.1:4711; password, the account has expired",
      "ann; 192.0.2.1:4711; password, not from this address",
      "ann; 192.0.2.1:4711; password, not by this method",
    ]);
    const { noted } = await attempted("publickey", { limit: "method" });
    expect(noted).toEqual(["ann; 192.0.2.1:4711; publickey, not by this method"]);
    expect((await attempted("password", {})).noted).toEqual(["ann; 192.0.2.1:4711; password"]);
    expect((await attempted("publickey", {})).noted).toEqual([]);
  });
});
