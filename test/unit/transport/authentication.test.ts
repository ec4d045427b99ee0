import { EventEmitter } from "node:events";
import { pino } from "pino";
import type { AuthContext } from "ssh2";
import { expect, test, vi } from "vitest";
import { HashQueueFull } from "../../../src/auth/passwords.ts";
import {
  Authentication,
  type AuthenticationOptions,
} from "../../../src/transport/authentication.ts";

test("somebody fills the queue of password checks: who finds it full is not charged for that", async () => {
  const steps: string[] = [];
  const authentication = new Authentication({
    authenticator: { logIn: () => Promise.reject(new HashQueueFull()) },
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
