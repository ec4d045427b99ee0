import { expect, onTestFinished, test } from "vitest";
import type { Receiver } from "../../../src/events/types.ts";
import { receiver } from "../events/world.ts";
import { ControlDesk } from "./desk.ts";

async function deskWith(...receivers: Receiver[]): Promise<ControlDesk> {
  const desk = await ControlDesk.open();
  onTestFinished(() => desk.close());
  Object.assign(desk.host.config.events, { receivers });
  return desk;
}

/** Three events that wait for `name`. */
async function queue({ store }: ControlDesk, name: string): Promise<void> {
  await store.events.claim();
  const cursor = await store.events.setReceivers([name], Date.now());
  const most = { events: 10, bytes: 1_000 };
  const one = { receiver: name, at: Date.now(), event: "{}", most };
  await store.events.take(cursor, cursor + 1, [one, one, one]);
}

const UNTRIED = { queued: 0, delivered: 0, dropped: 0, failures: 0, lastError: "" };

test("receivers of the settings are listed, and others that something waits for", async () => {
  const url = "https://example.com/t0ken?key=hush";
  const desk = await deskWith(
    receiver({ name: "hook", url, kinds: ["files"] }),
    receiver({ name: "run", command: ["/bin/true", "argument"] }),
  );
  await queue(desk, "former");
  const all = await desk.as().call("events.list", {});
  expect(all).toMatchObject([
    { name: "former", configured: false, target: "", kinds: [], queued: 3, queuedBytes: 6 },
    { name: "hook", configured: true, target: "https://example.com", kinds: ["files"], ...UNTRIED },
    { name: "run", configured: true, target: "/bin/true", nextAt: null, ...UNTRIED },
  ]);
  expect(JSON.stringify(all)).not.toMatch(/t0ken|hush|SECRET/);
});

test("a test is one attempt and tells how it went", async () => {
  const desk = await deskWith(
    receiver({ name: "well", command: ["/bin/true"] }),
    receiver({ name: "bad", command: ["/bin/false"] }),
  );
  const control = desk.as();
  expect(await control.call("events.test", { name: "well" })).toMatchObject({
    ok: true,
    text: "ended with 0",
  });
  expect(await control.call("events.test", { name: "bad" })).toMatchObject({
    ok: false,
    text: "ended with 1",
  });
  expect(await control.call("events.list", {})).toMatchObject([UNTRIED, UNTRIED]);
});

test("what waits is tried at once, or dropped, which is in the audit trail", async () => {
  const desk = await deskWith(receiver({ name: "run", command: ["/bin/true"] }));
  await queue(desk, "run");
  const [first] = await desk.store.events.due("run", Date.now(), 1);
  if (first === undefined) throw new Error("nothing is due");
  const later = Date.now() + 1e6;
  const attempt = { at: 1, error: "x", nextAt: later, eventNextAt: 0 };
  await desk.store.events.failed(first, attempt);
  const control = desk.as("cli:tester");
  expect(await control.call("events.list", {})).toMatchObject([{ failures: 1, nextAt: later }]);
  await control.call("events.retry", {});
  expect(await desk.store.audit.query({ kind: "events-retry" })).toMatchObject([
    { actor: "cli:tester", detail: "run" },
  ]);
  expect(await control.call("events.list", {})).toMatchObject([{ failures: 1, nextAt: null }]);
  expect(await control.call("events.drop", { name: "run" })).toEqual({ dropped: 3 });
  expect(await control.call("events.list", {})).toMatchObject([{ queued: 0, dropped: 3 }]);
  expect(await desk.store.audit.query({ kind: "events-drop" })).toMatchObject([
    { actor: "cli:tester", detail: "3 events for run" },
  ]);
});

test.each(["events.test", "events.retry", "events.drop"] as const)(
  "%s of a receiver that is none is refused",
  async (method) => {
    const desk = await deskWith();
    const call = desk.as().call(method, { name: "x\u001b[2J" });
    await expect(call).rejects.toThrow("no receiver x [2J: `moorage events` shows all");
  },
);
