import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { ChangeWatcher, pollMs } from "../../../src/session/watcher.ts";
import type { Change } from "../../../src/store/types.ts";
import { TestInstance } from "../../support/instance.ts";

let instance: TestInstance;
let other: TestInstance;
let seen: Change[];
let errors: unknown[];
let watcher: ChangeWatcher;
let failing: boolean;

beforeEach(async () => {
  instance = await TestInstance.create();
  other = await instance.another();
  seen = [];
  errors = [];
  failing = false;
  watcher = new ChangeWatcher(
    instance.store.changes,
    async (change) => {
      seen.push(change);
      if (failing) {
        failing = false;
        throw new Error("not now");
      }
    },
    (error) => errors.push(error),
  );
});

afterEach(async () => {
  await watcher.stop();
  await other.close();
  await instance.close();
});

function kinds(): string[] {
  return seen.map(({ kind, userId, detail }) => `${kind} ${userId} ${detail}`);
}

describe("ChangeWatcher", () => {
  test("tells what another process changes, in order, and nothing from before", async () => {
    await other.store.changes.add("user-set", 1);
    await watcher.start();
    await other.store.changes.add("user-disabled", 2);
    await other.store.changes.add("key-removed", 3, "SHA256:x");
    await vi.waitFor(() => expect(seen).toHaveLength(2), { timeout: 10_000 });
    expect(kinds()).toEqual(["user-disabled 2 ", "key-removed 3 SHA256:x"]);
  });

  test("a database that lost the last changes is followed from where it counts now", async () => {
    let all: Change[] = [1, 2, 3].map((id) => ({ id, kind: "ban", userId: 0, detail: `${id}` }));
    const told: string[] = [];
    const changes = {
      poll: () => false,
      since: async (id: number) => all.filter((change) => change.id > id),
      latestId: async () => all.at(-1)?.id ?? 0,
    };
    const failedOver = new ChangeWatcher(
      changes,
      async ({ detail }) => void told.push(detail),
      (error) => errors.push(error),
    );
    await failedOver.start();
    all = all.slice(0, 1);
    await failedOver.check();
    all.push({ id: 2, kind: "ban", userId: 0, detail: "after" });
    await failedOver.check();
    await failedOver.stop();
    expect(told).toEqual(["after"]);
  });

  test("check tells what this process changed", async () => {
    await watcher.start();
    await instance.store.changes.add("user-removed", 4);
    await watcher.check();
    expect(kinds()).toEqual(["user-removed 4 "]);
  });

  test("a change that can't be applied keeps none of the others from being told", async () => {
    await watcher.start();
    failing = true;
    await other.store.changes.add("squeeze", 5);
    await other.store.changes.add("squeeze", 6);
    await vi.waitFor(() => expect(seen).toHaveLength(2), { timeout: 10_000 });
    expect(kinds()).toEqual(["squeeze 5 ", "squeeze 6 "]);
    expect(errors).toHaveLength(1);
  });

  test("tells nothing after stop", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    const poll = vi.spyOn(instance.store.changes, "poll");
    await watcher.start();
    vi.advanceTimersByTime(1_000);
    expect(poll).toHaveBeenCalled();
    await watcher.stop();
    poll.mockClear();
    await other.store.changes.add("squeeze", 7);
    vi.advanceTimersByTime(1_000);
    expect(poll).not.toHaveBeenCalled();
    expect(seen).toEqual([]);
  });

  test("looks more often while this process has what others may want", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    let isWanted = false;
    const poll = vi.fn(() => false);
    const changes = { poll, since: async () => [], latestId: async () => 0 };
    const every = () => pollMs(isWanted);
    const looking = new ChangeWatcher(
      changes,
      async () => {},
      () => {},
      every,
    );
    await looking.start();
    vi.advanceTimersByTime(1_000);
    const idle = poll.mock.calls.length;
    isWanted = true;
    vi.advanceTimersByTime(1_000);
    expect(poll.mock.calls.length - idle).toBeGreaterThan(3 * idle);
    await looking.stop();
  });
});
