import { EventEmitter } from "node:events";
import { pino } from "pino";
import type { AuthContext } from "ssh2";
import { describe, expect, test, vi } from "vitest";
import type { KeyDecision, LoginDecision } from "../../../src/auth/authenticator.ts";
import { grantOfKey } from "../../../src/auth/key-grant.ts";
import { REFUSED } from "../../../src/auth/login-limits.ts";
import { HashQueueFull } from "../../../src/auth/passwords.ts";
import type { Login } from "../../../src/session/session.ts";
import type { Account } from "../../../src/store/types.ts";
import {
  Authentication,
  type AuthenticationOptions,
} from "../../../src/transport/authentication.ts";
import { certificateType, makeCertificate, makeSigner, TOUCHED } from "../../support/signer.ts";

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

/** What a limit is for a key: a reason in words. */
function keyDecision(decision: LoginDecision): KeyDecision {
  const limit = "limit" in decision ? decision.limit : undefined;
  return limit === undefined ? {} : { reason: REFUSED[limit] };
}

/** An attempt that the authenticator decides so, and all that came of it. */
async function attempted(method: "password" | "publickey", decision: LoginDecision) {
  const steps: string[] = [];
  const noted: string[] = [];
  const authentication = new Authentication({
    authenticator: { logIn: async () => decision, findKey: async () => keyDecision(decision) },
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

describe("a key that is right", () => {
  const account = { id: 1, name: "ann", passwordHash: null, passwordChange: false } as Account;
  const signer = makeSigner("sk-ed25519");
  const ca = makeSigner("ed25519");
  const data = Buffer.from("what is signed");
  const certificate = {
    algo: certificateType(signer.type),
    data: makeCertificate({ key: signer, authority: ca }),
  };
  const plain = { algo: signer.type, data: signer.blob };
  const grant = grantOfKey(signer.blob);

  /** What comes of a request with it, where the account needs that. */
  async function sent(key: typeof plain, flags: number, need: "none" | "code") {
    const steps: string[] = [];
    const authentication = new Authentication({
      authenticator: { findKey: async () => ({ account, grant }) },
      factors: { need: async () => need },
      penalties: { add: async () => void steps.push("charged") },
      failedLogins: { add: (_user: string, _at: string, detail: string) => steps.push(detail) },
      log: pino({ level: "silent" }),
      tries: 6,
      place: { wait: () => {}, back: () => true },
      excuse: () => {},
      answered: () => void steps.push("answered"),
      proven: async (login: Login) => {
        expect(login).toMatchObject({ method: "publickey", key: signer.fingerprint, grant });
        return true;
      },
    } as unknown as AuthenticationOptions);
    const context = Object.assign(new EventEmitter(), {
      ...{ method: "publickey", username: "ann", key, blob: data },
      signature: signer.sign(data, { flags }),
      reject: (left: string[], partial?: boolean) =>
        void steps.push(`${partial ? "partial" : "reject"} ${left}`),
      accept: () => void steps.push("accept"),
    });
    authentication.handle(context as unknown as AuthContext);
    await vi.waitFor(() => expect(steps).toContain("answered"));
    return steps.filter((step) => step !== "answered");
  }

  test.each([
    ["a plain one", plain],
    ["a certificate, which counts as one", certificate],
  ])("lets in, or goes on with a code: %s", async (_, key) => {
    expect(await sent(key, TOUCHED, "none")).toEqual(["accept"]);
    expect(await sent(key, TOUCHED, "code")).toEqual(["partial keyboard-interactive"]);
  });

  test.each([plain, certificate])("attack: a token that nobody touched: %#", async (key) => {
    expect(await sent(key, 0, "none")).toEqual([
      "publickey, the key was not touched",
      "charged",
      "reject publickey,password,keyboard-interactive",
    ]);
  });
});

describe("a password that is right, where a code is needed", () => {
  const account = { id: 1, name: "ann", passwordHash: "x", passwordChange: false } as Account;

  /** Answers requests in turn; what comes of them is in `steps`. */
  function conversation(change: Partial<AuthenticationOptions> = {}) {
    const steps: string[] = [];
    const options = {
      authenticator: {
        logIn: async (user: string) => (user === "ann" ? { account } : {}),
        findKey: async () => {
          steps.push("key looked up");
          return {};
        },
        confirm: async () => ({ account }),
      },
      factors: {
        split: async (_user: string, password: string) => ({ password }),
        need: async () => "code",
        wait: async () => 0,
        check: async (_id: number, code: string) => (code === "123456" ? "totp" : "wrong"),
      },
      penalties: { wait: async () => 0, add: async () => void steps.push("charged") },
      failedLogins: { add: (_user: string, _at: string, detail: string) => steps.push(detail) },
      log: pino({ level: "silent" }),
      remote: "192.0.2.1:4711",
      address: "192.0.2.1",
      gone: new AbortController().signal,
      tries: 6,
      place: { wait: () => {}, back: () => true },
      disconnect: (_reason: number, text: string) => void steps.push(text),
      excuse: () => {},
      answered: () => void steps.push("answered"),
      proven: async () => true,
      ...change,
    } as unknown as AuthenticationOptions;
    const authentication = new Authentication(options);
    const send = async (method: string, username: string, typed = "") => {
      steps.length = 0;
      const context = Object.assign(new EventEmitter(), {
        method,
        username,
        password: typed,
        key: { algo: "ssh-ed25519", data: Buffer.from("key") },
        reject: (left: string[], partial?: boolean) =>
          void steps.push(`${partial ? "partial" : "reject"} ${left}`),
        accept: () => void steps.push("accept"),
        prompt: (
          prompts: { prompt: string }[],
          _title: string,
          _text: string,
          then: (answers: string[]) => void,
        ) => {
          steps.push(...prompts.map(({ prompt }) => prompt));
          setImmediate(() => then([typed]));
        },
      });
      authentication.handle(context as unknown as AuthContext);
      await vi.waitFor(() => expect(steps.join()).toMatch(/reject|partial|accept/));
      return steps.filter((step) => step !== "answered");
    };
    return { send };
  }

  const ALL = "reject publickey,password,keyboard-interactive";
  const PARTIAL = "partial keyboard-interactive";

  test("goes on by keyboard-interactive alone, also after a wrong code", async () => {
    const { send } = conversation();
    expect(await send("password", "ann")).toEqual([PARTIAL]);
    expect(await send("none", "ann")).toEqual(["reject keyboard-interactive"]);
    expect(await send("publickey", "ann")).toEqual(["reject keyboard-interactive"]);
    expect(await send("password", "ann")).toEqual(["reject keyboard-interactive"]);
    expect(await send("keyboard-interactive", "ann", "000000")).toEqual([
      "Verification code: ",
      "keyboard-interactive, wrong code",
      "charged",
      "reject keyboard-interactive",
    ]);
    expect(await send("keyboard-interactive", "ann", "123456")).toEqual([
      "Verification code: ",
      "accept",
    ]);
  });

  test("attack: it is carried to another user's name: nothing is proven any more", async () => {
    const { send } = conversation();
    expect(await send("password", "ann")).toEqual([PARTIAL]);
    expect(await send("keyboard-interactive", "bob", "123456")).toEqual([
      "Password: ",
      "keyboard-interactive",
      "charged",
      ALL,
    ]);
    expect((await send("keyboard-interactive", "ann", "123456"))[0]).toBe("Password: ");
  });

  test("attack: the account was disabled while the code was typed", async () => {
    const confirm = async () => ({});
    const logIn = async () => ({ account });
    const authenticator = { logIn, confirm } as unknown as AuthenticationOptions["authenticator"];
    const { send } = conversation({ authenticator });
    await send("password", "ann");
    expect(await send("keyboard-interactive", "ann", "123456")).not.toContain("accept");
  });
});
