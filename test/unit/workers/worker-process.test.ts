import { fileURLToPath } from "node:url";
import { expect, test, vi } from "vitest";
import { NO_COUNTS, NO_DELAY } from "../../../src/workers/messages.ts";
import { WorkerProcess } from "../../../src/workers/worker-process.ts";

const PROGRAM = fileURLToPath(new URL("../../support/echoing-worker.mjs", import.meta.url));
const FACTS = {
  node: "",
  pid: process.pid,
  startedAt: 0,
  listen: { host: "127.0.0.1", port: 22 },
  workers: 2,
};

test("one that hangs gets the last word of the others, not each: its line does not fill", async () => {
  const ready = vi.fn();
  const handlers = { ready, said() {}, ended() {} };
  const worker = new WorkerProcess({ file: PROGRAM, args: [], env: process.env }, FACTS, handlers);
  try {
    await vi.waitFor(() => expect(ready).toHaveBeenCalled(), { timeout: 10_000 });
    process.kill(worker.pid, "SIGSTOP");
    // More than the line between two processes holds.
    const words = 20_000;
    for (let logins = 1; logins <= words; logins++) {
      const counts = { ...NO_COUNTS, logins };
      worker.tellOthers({ counts, memory: 0, loopDelay: NO_DELAY });
      if (logins % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    process.kill(worker.pid, "SIGCONT");
    const { report } = worker;
    await vi.waitFor(() => expect(worker.report.counts.logins).toBe(words), { timeout: 10_000 });
    expect(report.sessions).toBe(0);
    expect(worker.report.sessions).toBeLessThan(words / 2);
  } finally {
    worker.kill();
    await worker.gone;
  }
});
