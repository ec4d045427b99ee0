import { describe, expect, it } from "vitest";
import { Shell } from "../../../src/shell/context.ts";
import { Interrupted } from "../../../src/shell/errors.ts";
import { CommandSlots } from "../../../src/shell/slots.ts";
import { MemoryFs } from "../../support/memory-fs.ts";
import { contextOf, run } from "./harness.ts";

const { signal } = new AbortController();

describe("CommandSlots", () => {
  it("lets so many of a user in, the others in order, and nobody past them", async () => {
    const slots = new CommandSlots(() => ({ commandsPerUser: 2, commandQueue: 10 }));
    const order: string[] = [];
    const first = await slots.enter(1, signal);
    const second = await slots.enter(1, signal);
    const waiting = ["a", "b", "c"].map(async (name) => {
      const leave = await slots.enter(1, signal);
      order.push(name);
      return leave;
    });
    const other = await slots.enter(2, signal);
    first();
    first();
    const late = slots.enter(1, signal).then(() => order.push("late"));
    (await (waiting[0] as Promise<() => void>))();
    await waiting[1];
    expect(order).toEqual(["a", "b"]);
    second();
    (await (waiting[2] as Promise<() => void>))();
    await late;
    expect(order).toEqual(["a", "b", "c", "late"]);
    other();
  });

  it("refuses when too many wait, and forgets those that give up", async () => {
    const slots = new CommandSlots(() => ({ commandsPerUser: 1, commandQueue: 1 }));
    const leave = await slots.enter(1, signal);
    const giveUp = new AbortController();
    const waiting = slots.enter(1, giveUp.signal);
    await expect(slots.enter(1, signal)).rejects.toMatchObject({ code: "EBUSY" });
    giveUp.abort(new Interrupted(129));
    await expect(waiting).rejects.toMatchObject({ status: 129 });
    const next = slots.enter(1, signal);
    leave();
    (await next)();
    (await slots.enter(1, signal))();
  });

  it("decide about command lines", async () => {
    const slots = new CommandSlots(() => ({ commandsPerUser: 1, commandQueue: 0 }));
    const fs = new MemoryFs();
    const shell = new Shell(contextOf(fs, { enter: (by) => slots.enter(1, by) }));
    expect((await run(shell, "true; true")).status).toBe(0);
    const leave = await slots.enter(1, signal);
    expect(await run(shell, "mkdir a")).toMatchObject({
      status: 126,
      stderr: "shell: too many commands of yours at once: try again later\n",
    });
    leave();
    expect((await run(shell, "mkdir a; nonsense")).status).toBe(127);
    expect((await run(shell, "rmdir a")).status).toBe(0);
  });
});
