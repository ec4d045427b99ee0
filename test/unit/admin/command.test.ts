import { EventEmitter } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { untilLeft } from "../../../src/cli/commands/admin.ts";
import { run } from "../../../src/cli/run.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "moorage-admin-"));
});

afterEach(() => {
  rmSync(root, { recursive: true });
});

async function admin({ terminal = true, term = "xterm" } = {}): Promise<[number, string]> {
  const stdin: PassThrough & { isTTY?: boolean } = new PassThrough();
  stdin.isTTY = terminal;
  const before = process.stdout.isTTY;
  process.stdout.isTTY = terminal;
  let text = "";
  const note = (more: string) => {
    text += more;
  };
  try {
    const env = { MOORAGE_ROOT: root, TERM: term };
    const code = await run(["admin"], { env, stdin, out: note, err: note, colour: false });
    return [code, text];
  } finally {
    process.stdout.isTTY = before;
  }
}

/** A screen that is shown, and what happens in which order when it ends. */
function leaving(): { order: string[]; events: EventEmitter; left: Promise<number> } {
  const order: string[] = [];
  const events = new EventEmitter();
  let resolve = () => {};
  const closed = new Promise<void>((done) => {
    resolve = done;
  });
  const close = (): void => {
    if (!order.includes("closed")) order.push("closed");
    resolve();
  };
  const left = untilLeft(
    { closed, close },
    () => void order.push("given back"),
    { err: (text) => void order.push(text) },
    events,
  );
  return { order, events, left };
}

describe("moorage admin", () => {
  it("that has no terminal says so in one line", async () => {
    expect(await admin({ terminal: false })).toEqual([
      2,
      "moorage: the admin screen needs a terminal: run it without pipes\n",
    ]);
  });

  it("on a terminal that can't be drawn on names it, harmlessly", async () => {
    expect(await admin({ term: "dumb" })).toEqual([
      2,
      `moorage: this terminal can't show the admin screen: TERM is "dumb"\n`,
    ]);
    expect((await admin({ term: "" }))[1]).toMatch(/TERM is not set\n$/);
  });

  it.each([
    ["SIGTERM", 143],
    ["SIGHUP", 129],
    ["SIGINT", 130],
  ])("gives the terminal back after %s", async (signal, code) => {
    const { order, events, left } = leaving();
    events.emit(signal);
    expect(await left).toBe(code);
    expect(order).toEqual([
      "closed",
      "given back",
      "moorage: the admin screen was ended by a signal\n",
    ]);
    expect(events.eventNames()).toEqual([]);
  });

  it("gives the terminal back before it tells of an error that nobody caught", async () => {
    const { order, events, left } = leaving();
    events.emit("uncaughtException", new Error("a bug"));
    events.emit("uncaughtException", new Error("another one"));
    await expect(left).rejects.toThrow("a bug");
    expect(order).toEqual(["closed", "given back"]);
    expect(events.eventNames()).toEqual([]);
  });

  it("without a server says so, as every command does", async () => {
    expect(await admin()).toEqual([3, expect.stringMatching(/^moorage: no server runs on .*\n$/)]);
  });
});
