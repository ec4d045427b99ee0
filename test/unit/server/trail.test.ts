import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pino } from "pino";
import { expect, onTestFinished, test, vi } from "vitest";
import { Chores } from "../../../src/server/chores.ts";
import { passOnTrail } from "../../../src/server/trail.ts";
import { temporaryStore } from "../store/instance.ts";

const PATIENCE = { timeout: 20_000, interval: 20 };

test("files follow the setting while the server runs", async () => {
  const { root, store } = await temporaryStore();
  const chores = new Chores(pino({ level: "silent" }));
  onTestFinished(() => chores.stop());
  const audit = { files: "", fileSize: 1e9, fileAge: 0, fileKeep: 1, syslog: "" };
  const options = { root, store, config: { audit } } as unknown as Parameters<
    typeof passOnTrail
  >[1];
  passOnTrail(chores, options);
  store.audit.record({ kind: "login", user: "before" });
  await store.audit.flush();
  audit.files = "audit";
  const begun = async (): Promise<void> => {
    const claimed = await store.auditOutputs.claim("files", async () => new Set());
    expect(claimed).toBeDefined();
  };
  await vi.waitFor(begun, PATIENCE);
  store.audit.record({ kind: "login", user: "ann" });
  const file = join(root, "audit", "users.log");
  await vi.waitFor(() => expect(existsSync(file)).toBe(true), PATIENCE);
  expect(readFileSync(file, "utf8")).toMatch(/^\{[^\n]*"user":"ann"\}\n$/);
});

test("an output that nobody wants is asked for once, and not again and again", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  onTestFinished(() => void vi.useRealTimers());
  const { root, store } = await temporaryStore();
  const chores = new Chores(pino({ level: "silent" }));
  onTestFinished(() => chores.stop());
  const audit = { files: "", fileSize: 1e9, fileAge: 0, fileKeep: 1, syslog: "" };
  const forget = vi.spyOn(store.auditOutputs, "forget");
  passOnTrail(chores, { root, store, config: { audit } } as unknown as Parameters<
    typeof passOnTrail
  >[1]);
  for (let turn = 0; turn < 5; turn += 1) {
    vi.advanceTimersByTime(500);
    await new Promise(setImmediate);
  }
  expect(forget.mock.calls).toEqual([["files"], ["syslog"]]);
});
