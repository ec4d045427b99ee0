import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { MemoryBudget, type SessionMemory, type UserMemory } from "../../../src/memory/budget.ts";

const BYTES = 8_000_000;
const PIECE = 1_000;
/** what replies leave to new channels, of the difference between what is left and what one has */
const RESERVE = BYTES / 8;

/** Takes pieces for as long as they are given. */
function fill(session: SessionMemory): number {
  let taken = 0;
  while (session.take(PIECE)) taken += PIECE;
  return taken;
}

describe("the memory of all sessions", () => {
  it("is left to others as much as one user has: alone it gets a part, and never all", () => {
    const budget = new MemoryBudget(BYTES);
    const user = budget.user();
    const sessions = Array.from({ length: 20 }, () => user.session());
    const taken = sessions.reduce((sum, session) => sum + fill(session), 0);
    // Each session has its first piece in any case.
    expect(taken).toBeLessThanOrEqual(BYTES / 2 - RESERVE + 20 * PIECE);
    expect(taken).toBeGreaterThan(BYTES / 2 - RESERVE - 20 * PIECE);
    expect(budget.used).toBe(user.used);
  });

  it("finds room for whoever comes next, however many channels the others have", () => {
    const budget = new MemoryBudget(BYTES);
    const shares = Array.from({ length: 30 }, () => fill(budget.user().session()));
    expect(budget.used).toBeLessThanOrEqual(BYTES);
    expect(shares.every((share) => share >= PIECE)).toBe(true);
    for (const [i, share] of shares.slice(1).entries()) {
      expect(share).toBeLessThanOrEqual((shares[i] as number) + PIECE);
    }
  });

  it("goes to one with ten times the channels hardly more than to others, as it comes and goes", () => {
    const budget = new MemoryBudget(BYTES);
    const users = Array.from({ length: 3 }, () => budget.user());
    const sessions = [10, 1, 1].flatMap((count, i) =>
      Array.from({ length: count }, () => (users[i] as UserMemory).session()),
    );
    for (let round = 0; round < 60; round++) {
      for (const session of sessions) session.give(Math.floor(session.used / 4 / PIECE) * PIECE);
      for (let left = sessions; left.length > 0; ) left = left.filter((one) => one.take(PIECE));
    }
    const used = users.map((user) => user.used);
    expect(used[0]).toBeLessThan(1.5 * (used[1] as number));
    expect(used[1]).toBe(used[2]);
  });

  it("always has one piece for a session that holds nothing, and so each goes on", () => {
    const budget = new MemoryBudget(0);
    const [first, second] = [budget.user().session(), budget.user().session()];
    expect(first.take(PIECE)).toBe(true);
    expect(first.take(1)).toBe(false);
    expect(second.take(PIECE)).toBe(true);
    first.give(PIECE);
    expect(first.take(PIECE)).toBe(true);
  });

  it("lets those wait in their order, and nobody overtakes one who wants much", async () => {
    const budget = new MemoryBudget(BYTES);
    const user = budget.user();
    const [holder, large, small] = [user.session(), user.session(), user.session()];
    const held = fill(holder);
    large.force(1);
    small.force(1);
    const calls: string[] = [];
    const ask = (session: SessionMemory, name: string, bytes: number): void => {
      const again = (): void => {
        if (session.take(bytes)) calls.push(name);
        else session.wait(again, bytes);
      };
      again();
    };
    ask(large, "large", held / 2);
    ask(small, "small", PIECE);
    holder.give(2 * PIECE);
    await nextTurn();
    expect(calls).toEqual([]);
    holder.give(held - 2 * PIECE);
    await nextTurn();
    expect(calls).toEqual(["large", "small"]);
  });

  it("comes to a session that holds nothing any more before those who have their share", async () => {
    const budget = new MemoryBudget(BYTES);
    const user = budget.user();
    const [holder, large, poor] = [user.session(), user.session(), user.session()];
    fill(holder);
    large.force(1);
    poor.force(PIECE);
    const calls: string[] = [];
    large.wait(() => calls.push("large"), BYTES);
    poor.wait(() => calls.push("poor"), PIECE);
    poor.give(PIECE);
    await nextTurn();
    expect(calls).toEqual(["poor"]);
    large.forget(() => {});
  });

  it("calls nobody who has stopped waiting", async () => {
    const budget = new MemoryBudget(BYTES);
    const session = budget.user().session();
    const held = fill(session);
    let calls = 0;
    const resume = (): void => {
      calls += 1;
    };
    session.wait(resume, PIECE);
    session.forget(resume);
    session.give(held);
    await nextTurn();
    expect(calls).toBe(0);
    expect(budget.used).toBe(0);
  });

  it("is waited for by sessions of a user while another user takes what is left", async () => {
    const budget = new MemoryBudget(BYTES);
    const [a, b] = [budget.user().session(), budget.user().session()];
    const held = fill(a);
    fill(b);
    let resumed = false;
    b.wait(() => {
      resumed = true;
    }, PIECE);
    a.give(held);
    await nextTurn();
    expect(resumed).toBe(true);
  });
});
