import { setImmediate } from "node:timers/promises";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { SessionChannel } from "../../../src/channel.ts";
import { DRAIN_BYTES } from "../../../src/channel.ts";
import { Shell } from "../../../src/shell/context.ts";
import { Interrupted } from "../../../src/shell/errors.ts";
import { expandPattern } from "../../../src/shell/glob.ts";
import { runScript } from "../../../src/shell/interactive.ts";
import { Input } from "../../../src/shell/io.ts";
import { LineEditor } from "../../../src/shell/line-editor.ts";
import { Pattern } from "../../../src/shell/pattern.ts";
import { Pty } from "../../../src/shell/pty.ts";
import { ChannelStreams } from "../../../src/shell/streams.ts";
import { isSafe } from "../../../src/text/safe.ts";
import { type ByteString, fromText, toBuffer } from "../../../src/vfs/path.ts";
import { MemoryFs } from "../../support/memory-fs.ts";
import { contextOf, MemorySink, run, sourceOf } from "./harness.ts";

afterEach(() => vi.restoreAllMocks());

async function fill(fs: MemoryFs, directories: number): Promise<void> {
  for (let number = 0; number < directories; number += 1) {
    await fs.makeDirectory(fromText(`/directory-${number}`));
  }
}

/** Turns of the event loop that others have while something runs. */
async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let turns = 0;
  let done = false;
  const others = (async () => {
    while (!done) {
      await setImmediate();
      turns += 1;
    }
  })();
  await work;
  const during = turns;
  done = true;
  await others;
  return during;
}

describe("an event loop that a command wants for itself is shared", () => {
  const scriptOf = (lines: Buffer) => {
    const io = {
      stdin: new Input(sourceOf(lines)),
      stdout: new MemorySink(),
      stderr: new MemorySink(),
    };
    return runScript(new Shell(contextOf(new MemoryFs())), io, new AbortController().signal);
  };

  it("when a script is of empty lines only", async () => {
    expect(await turnsDuring(scriptOf(Buffer.alloc(50_000, "\n")))).toBeGreaterThan(2);
  });

  it("when a line is of commands that wait for nothing", async () => {
    const line = Buffer.from("true;".repeat(4000));
    expect(await turnsDuring(scriptOf(line))).toBeGreaterThan(1);
  });

  it("when a standard input is of newlines only", async () => {
    const stdin = sourceOf(...Array<Buffer>(200).fill(Buffer.alloc(32 * 1024, "\n")));
    const shell = new Shell(contextOf(new MemoryFs()));
    expect(await turnsDuring(run(shell, "tail -n 3", { stdin }))).toBeGreaterThan(2);
  });

  it("when a pattern goes into empty directories", async () => {
    const fs = new MemoryFs();
    await fill(fs, 100);
    const resolve = (path: ByteString) => `/${path}` as ByteString;
    const step = vi.fn(async () => {});
    await expandPattern("*/*" as ByteString, { fs, resolve, step });
    expect(step.mock.calls.length).toBeGreaterThanOrEqual(200);
  });
});

it("a pattern with thousands of fixed segments costs no memory for what is too long", async () => {
  const fs = new MemoryFs();
  await fill(fs, 50);
  const look = vi.spyOn(fs, "lstat");
  const pattern = `*/${"a/".repeat(4000)}b`;
  expect((await run(new Shell(contextOf(fs)), `echo ${pattern}`)).stdout).toBe(`${pattern}\n`);
  expect(look).not.toHaveBeenCalled();
});

it("a bracket of thousands of ranges is searched once for each character", () => {
  const pattern = new Pattern(`*[${"b-c".repeat(5000)}a]z` as ByteString);
  const search = vi.spyOn(Array.prototype, "some");
  expect(pattern.matches("a".repeat(255) as ByteString)).toBe(false);
  expect(search.mock.calls.length).toBeLessThan(2);
});

it("thousands of '!' are no end of the stack", async () => {
  const shell = new Shell(contextOf(new MemoryFs()));
  expect((await run(shell, `test ${"! ".repeat(8000)}a`)).status).toBe(0);
  expect((await run(shell, `test ${"! ".repeat(8001)}a`)).status).toBe(1);
  const nested = `test ${"'(' ".repeat(4000)}a${" ')'".repeat(4000)}`;
  expect((await run(shell, nested)).status).toBe(0);
});

it("a date of thousands of zones asks for the zone's name once", async () => {
  const ask = vi.spyOn(Intl.DateTimeFormat.prototype, "formatToParts");
  const { stdout } = await run(new Shell(contextOf(new MemoryFs())), `date +${"%Z".repeat(5000)}`);
  expect(stdout.length).toBeGreaterThan(5000);
  expect(ask.mock.calls.length).toBe(1);
});

it.each([
  ["escape sequences", "a\x1b]0;b\x07\x9bJ", "a?]0;b??J"],
  ["text turned around", "a\u202egpj\u2066.\u061c\u200e\u200f", "a?gpj?.???"],
  ["invisible characters", "a\ufeff\u200b\u3164\u{e0041}", "a????"],
])("names with %s do nothing to a terminal", async (_, hostile, shown) => {
  const fs = new MemoryFs();
  const name = fromText(`/${hostile}`);
  await fs.makeDirectory(name);
  const terminal = { columns: 80, readSecret: async () => undefined };
  for (const command of [
    "find",
    "ls",
    "du",
    "stat *",
    "wc *",
    "head *",
    "md5sum *",
    "cd * && pwd",
  ]) {
    const shell = new Shell(contextOf(fs));
    const { stdout, stderr } = await run(shell, command, { terminal });
    expect(stdout + stderr, command).toContain("a");
    const lines = toBuffer((stdout + stderr) as ByteString).toString();
    for (const line of lines.split(/[\n\t]/))
      expect([command, isSafe(line)]).toEqual([command, true]);
  }
  const verbose = await run(new Shell(contextOf(fs)), "rm -rv *", { terminal });
  expect(verbose.stdout).toBe(`removed directory '${shown}'\n`);
});

describe("a client that reads nothing", () => {
  /** A channel with so much before it that nothing more is to come. */
  class Stuck implements SessionChannel {
    onData: (chunk: Buffer) => void = () => {};
    onEnd = () => {};
    onClose = () => {};
    onDrain = () => {};
    queuedBytes = 0;
    writes = 0;
    get isFull(): boolean {
      return this.queuedBytes > DRAIN_BYTES;
    }
    write(data: Buffer): void {
      this.writes += 1;
      this.queuedBytes += data.length;
    }
    writeError(data: Buffer): void {
      this.write(data);
    }
    consume(): void {}
    end(): void {}
    destroy(): void {}
  }

  it("stops a command that floods standard error", async () => {
    const channel = new Stuck();
    const streams = new ChannelStreams(channel);
    let written = false;
    const writing = streams.errors.write(Buffer.alloc(DRAIN_BYTES + 1)).then(() => {
      written = true;
    });
    await setImmediate();
    expect(written).toBe(false);
    channel.queuedBytes = 0;
    channel.onDrain();
    await writing;
  });

  it("and changes its window's size all the time costs a few redraws only", async () => {
    const channel = new Stuck();
    const streams = new ChannelStreams(channel);
    const pty = new Pty(streams, { columns: 80, rows: 24 });
    const editor = new LineEditor(pty, async () => ({ start: 0, candidates: [] }));
    const reading = editor.readLine("$ ", streams.gone);
    channel.onData(Buffer.alloc(1000, "x"));
    while (channel.writes < 1000) await setImmediate();
    for (let count = 0; count < 1000; count += 1) pty.resize({ columns: 10 + count, rows: 24 });
    await setImmediate();
    await setImmediate();
    expect(channel.writes).toBeLessThan(1100);
    streams.end(new Interrupted(129));
    await expect(reading).rejects.toThrow(Interrupted);
  });
});
