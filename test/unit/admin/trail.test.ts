import { beforeEach, describe, expect, it } from "vitest";
import { sessionItems, transferItems } from "../../../admin/lists.ts";
import { wanted } from "../../../admin/wanted.ts";
import { FakeControl } from "../../support/fake-control.ts";
import { Bench } from "./bench.ts";

// From somebody to what is said of them elsewhere, and back.

let control: FakeControl;
let bench: Bench;

beforeEach(() => {
  control = new FakeControl({ users: 30 });
  bench = new Bench().feed(control);
});

async function userPage(): Promise<void> {
  await bench.view("users").feed(control).keys("down", "down", "enter").settle(control);
  bench.feed(control);
}

const top = () => bench.model.dialogs.at(-1);

describe("from a user's page", () => {
  beforeEach(userPage);

  it.each(["5", "6"])("%s leads to that user's alone, and Esc back to the page", async (key) => {
    bench.keys(key).feed(control);
    expect(bench.model.dialogs).toEqual([]);
    const items = key === "5" ? sessionItems(bench.model) : transferItems(bench.model);
    expect(items.length).toBeGreaterThan(0);
    expect(new Set(items.map(({ session }) => session.user))).toEqual(new Set(["user00002"]));
    await bench.keys("escape").settle(control);
    expect(bench.model.view).toBe("users");
    expect(top()).toMatchObject({ kind: "user", name: "user00002" });
    expect(control.calls.at(-1)?.method).toBe("log.query");
  });

  it("7 leads to what the log says of them, and the log is as before after it", () => {
    bench.keys("7");
    expect(wanted(bench.model)[1]?.params).toEqual({ limit: 0, user: "user00002" });
    bench.keys("escape", "escape").view("log");
    expect(wanted(bench.model)[1]?.params).toEqual({ limit: 0 });
  });

  it("goes on and comes back by the same way", async () => {
    bench.keys("5").feed(control).keys("enter");
    expect(top()).toMatchObject({ kind: "session" });
    await bench.keys("u").settle(control);
    expect(top()).toMatchObject({ kind: "user", name: "user00002" });
    bench.keys("7", "escape");
    expect(bench.model.dialogs.map(({ kind }) => kind)).toEqual(["session", "user"]);
    bench.keys("escape", "escape", "escape");
    expect(bench.model.view).toBe("users");
    expect(top()).toMatchObject({ kind: "user", name: "user00002" });
  });

  it("forgets the way when another view is chosen", () => {
    bench.keys("5", "2", "5", "escape");
    expect(bench.model.view).toBe("sessions");
  });
});

describe("totals", () => {
  it("are of everybody, by user and day, and lead to a user", async () => {
    await bench.view("overview").feed(control).keys("t").settle(control);
    expect(bench.text).toMatch(/By user \(2\)[\s\S]*By day \(2\)/);
    expect(bench.text).toMatch(/2026-01-30 +↑ 81\.0 GB in 1,234 files +↓ 24\.0 GB in 56 files/);
    await bench.keys("down", "enter").settle(control);
    expect(top()).toMatchObject({ kind: "user", name: "user00002" });
    await bench.keys("t").settle(control);
    expect(bench.text).toContain("by user00002");
    expect(bench.text).not.toContain("By user");
    bench.keys("x", "enter");
    expect(top()).toMatchObject({ kind: "totals", name: "user00002" });
  });
});

describe("a session's page", () => {
  beforeEach(() => {
    bench.view("sessions").feed(control).keys("down", "enter");
  });

  it("kicks, and says then that the session has ended", async () => {
    const before = control.sessions;
    await bench.keys("x", "y").settle(control);
    expect(control.calls.at(-1)).toEqual({ method: "sessions.kick", params: { id: 101 } });
    control.sessions = before.filter(({ id }) => id !== 101);
    expect(bench.feed(control).text).toMatch(/State +ended/);
    bench.keys("x");
    expect(top()).toMatchObject({ kind: "session", ended: true });
  });

  it("ends the selected transfer", async () => {
    await bench.keys("e", "y").settle(control);
    expect(control.calls.at(-1)?.method).toBe("transfers.end");
  });
});

it("from a record of the log to its user", async () => {
  await bench.view("log").feed(control).settle(control);
  await bench.keys("u").settle(control);
  const { lines, cursor } = bench.model.log;
  expect(top()).toMatchObject({ kind: "user", name: lines[cursor.index]?.record.user });
});
