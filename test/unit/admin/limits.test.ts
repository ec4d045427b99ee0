import { beforeEach, describe, expect, it } from "vitest";
import { FAKE_NOW, FakeControl } from "../../support/fake-control.ts";
import { Bench } from "./bench.ts";

let control: FakeControl;
let bench: Bench;

beforeEach(() => {
  control = new FakeControl({ users: 1000 });
  bench = new Bench().feed(control).view("users").feed(control).keys("down");
});

function changes(): unknown[] {
  return control.calls
    .filter(({ method }) => method.startsWith("users."))
    .map(({ method, params }) => [method, params]);
}

const LIMITED = {
  expiresAt: FAKE_NOW + 86_400_000,
  from: ["192.0.2.0/24"],
  auth: ["key"],
  maxSessions: 2,
} as const;

describe("limits of the logins", () => {
  /** Puts the focus on the nth field of the form. */
  const field = (nth: number) => bench.keys("e", ...Array<string>(nth).fill("tab"), "ctrl-u");
  const [EXPIRES, FROM, AUTH, SESSIONS] = [4, 5, 6, 7] as const;

  it.each([
    [EXPIRES, "30d", { expiresAt: FAKE_NOW + 30 * 86_400_000 }],
    [EXPIRES, "2026-12-31", { expiresAt: new Date(2027, 0, 1).getTime() - 1 }],
    [FROM, "192.0.2.9/24,2001:db8::/32", { from: ["192.0.2.0/24", "2001:db8::/32"] }],
    [AUTH, "key", { auth: ["key"] }],
    [SESSIONS, "2", { maxSessions: 2 }],
  ])("in field %i, %s is sent, and nothing else", async (nth, text, change) => {
    await field(nth).type(text).keys("enter").settle(control);
    expect(changes()).toEqual([["users.set", { name: "user00001", ...change }]]);
  });

  it.each([
    [EXPIRES, "none", { expiresAt: null }],
    [FROM, "any", { from: null }],
    [AUTH, "any", { auth: null }],
    [SESSIONS, "none", { maxSessions: null }],
  ])("in field %i, %s takes the limit away", async (nth, text, change) => {
    control.change("user00001", LIMITED);
    bench.feed(control);
    await field(nth).type(text).keys("enter").settle(control);
    expect(changes()).toEqual([["users.set", { name: "user00001", ...change }]]);
  });

  it.each([
    [EXPIRES, "tomorrow", "Expires: give a date such as 2026-12-31"],
    [FROM, "here", 'Logs in from: "here" is no address or network'],
    [AUTH, "magic", "Logs in by: give key, password, both"],
    [SESSIONS, "0", "Max sessions: give a whole number from 1"],
  ])("in field %i, %s is refused with a readable text", (nth, text, error) => {
    field(nth).type(text).keys("enter");
    expect(bench.effects.filter((one) => (one as { kind: string }).kind === "call")).toEqual([]);
    expect(bench.model.dialogs.at(-1)?.error).toContain(error);
    expect(bench.text).toContain(error.slice(0, 60));
  });
});
