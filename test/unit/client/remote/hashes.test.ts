import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LateError } from "../../../../src/client/errors.ts";
import { parseSum, RemoteHashes, shellQuote } from "../../../../src/client/remote/hashes.ts";
import type { Line } from "../../../../src/client/remote/line.ts";
import type { Operations } from "../../../../src/client/remote/operations.ts";

const MD5 = "d41d8cd98f00b204e9800998ecf8427e";

describe("a path in a command", () => {
  it("reaches the command as it is, whatever it holds", () => {
    const path = fc
      .string({ unit: "grapheme", maxLength: 30 })
      .filter((text) => !text.includes("\0"));
    fc.assert(
      fc.property(path, (text) => {
        const said = execFileSync("sh", ["-c", `printf %s ${shellQuote(text)}`], {
          encoding: "utf8",
        });
        expect(said).toBe(text);
      }),
      { numRuns: 30 },
    );
  });

  it("that is no text is refused", () => {
    expect(() => shellQuote("/\udcff")).toThrow(/can't be said/);
  });
});

describe("what a checksum command prints", () => {
  it.each([
    [`${MD5}  /a\n`, MD5],
    [`${MD5} *a b\n`, MD5],
    [`\\${MD5}  /a\\nb\n`, MD5],
    [`${MD5}  -`, MD5],
    [`${MD5}\n`, undefined],
    [`${MD5}  a\n${MD5}  b\n`, undefined],
    [`Welcome!\n${MD5}  a\n`, undefined],
    [`${MD5}00  a\n`, undefined],
    [`${MD5.toUpperCase()}  a\n`, undefined],
    ["", undefined],
  ])("%j is %s", (output, expected) => {
    expect(parseSum(output, "md5")).toBe(expected);
  });
});

/** A server that answers when it is told to, by the extension or by commands. */
class SlowServer {
  readonly asked: ((digest: Buffer) => void)[] = [];
  readonly hashes: RemoteHashes;

  constructor(byCommand: boolean) {
    const later = (): Promise<Buffer> => new Promise((resolve) => this.asked.push(resolve));
    const operations = {
      has: () => !byCommand,
      checksAlong: [],
      checkFile: later,
      realpath: async (path: string) => path,
      stat: async () => ({ size: 50_000_000 }),
    };
    const exec = async (command: string) => {
      const name = command.startsWith("sha256sum") ? "sha256" : "md5";
      const digest = command.includes(" ") ? await later() : createHash(name).digest();
      return { code: 0, stdout: `${digest.toString("hex")}  -\n` };
    };
    const line = { exec, gone: false };
    this.hashes = new RemoteHashes(operations as unknown as Operations, line as unknown as Line);
  }
}

it("an answer to check-file that is too short or too long for its checksum is none", async () => {
  const server = new SlowServer(false);
  const told: (string | undefined)[] = [];
  for (const length of [15, 16, 17, 0]) {
    const asked = server.hashes.hash("/f", "md5", undefined, { size: 1 });
    await vi.waitFor(() => expect(server.asked).toHaveLength(1));
    server.asked.pop()?.(Buffer.alloc(length));
    told.push(await asked);
  }
  expect(told).toEqual([undefined, "00".repeat(16), undefined, undefined]);
});

it("a connection that is made anew asks for the checksums of the machine that it comes to", async () => {
  const on = (checksAlong: string[], before?: RemoteHashes) => {
    const operations = { has: () => true, checksAlong } as unknown as Operations;
    return new RemoteHashes(operations, {} as Line, before);
  };
  const first = on(["blake3", "sha256"]);
  expect(await first.names()).toEqual(["blake3", "sha256", "md5"]);
  // Machines behind one name need not have the same libraries.
  const second = on(["sha256"], first);
  expect(await second.names()).toEqual(["sha256", "md5"]);
  expect(await on(["blake3"], second).names()).toEqual(["blake3", "sha256", "md5"]);
});

/** What became of a promise, told without waiting for it. */
function outcome(promise: Promise<unknown>): { now: unknown } {
  const state: { now: unknown } = { now: "pending" };
  promise.then(
    (value) => {
      state.now = value;
    },
    (error: unknown) => {
      state.now = error;
    },
  );
  return state;
}

describe.each([
  ["check-file", false],
  ["a command", true],
])("a checksum by %s", (_, byCommand) => {
  const digest = createHash("sha256").update("x").digest();
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("is waited for as long as a slow disk needs, and no longer", async () => {
    const { hashes } = new SlowServer(byCommand);
    const whole = outcome(hashes.hash("/f", "sha256"));
    await vi.advanceTimersByTimeAsync(69_900);
    expect(whole.now).toBe("pending");
    await vi.advanceTimersByTimeAsync(200);
    expect(whole.now).toBeInstanceOf(LateError);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is given time for the size that is known, or the length asked for", async () => {
    for (const [length, size] of [
      [undefined, 500_000_000],
      [500_000_000, 1_000_000_000],
    ]) {
      const { hashes } = new SlowServer(byCommand);
      const options = size === undefined ? {} : { size };
      const state = outcome(hashes.hash("/f", "sha256", length, options));
      await vi.advanceTimersByTimeAsync(159_900);
      expect(state.now).toBe("pending");
      await vi.advanceTimersByTimeAsync(200);
      expect(state.now).toBeInstanceOf(LateError);
    }
  });

  it("that comes late is dropped, and the next one asked for again", async () => {
    const { hashes, asked } = new SlowServer(byCommand);
    const late = outcome(hashes.hash("/f", "sha256"));
    await vi.advanceTimersByTimeAsync(100_000);
    expect(late.now).toBeInstanceOf(LateError);
    await expect(hashes.hash("/g", "sha256")).rejects.toThrow(
      "/g: the server did not answer in time",
    );
    expect(asked).toHaveLength(1);
    asked[0]?.(digest);
    await vi.advanceTimersByTimeAsync(1);
    const next = hashes.hash("/g", "sha256");
    await vi.advanceTimersByTimeAsync(1);
    asked[1]?.(digest);
    expect(await next).toBe(digest.toString("hex"));
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is not waited for any more once the person gave up", async () => {
    const { hashes } = new SlowServer(byCommand);
    const abort = new AbortController();
    const state = outcome(hashes.hash("/f", "sha256", undefined, { signal: abort.signal }));
    await vi.advanceTimersByTimeAsync(10);
    const reason = new Error("enough");
    abort.abort(reason);
    await vi.advanceTimersByTimeAsync(0);
    expect(state.now).toBe(reason);
    expect(vi.getTimerCount()).toBe(0);
  });
});
