import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { askNewPassword, readPassword } from "../../../src/cli/input.ts";
import type { Io } from "../../../src/cli/io.ts";

function world(): Io & { stdin: PassThrough; printed: string[] } {
  const printed: string[] = [];
  return {
    env: {},
    stdin: new PassThrough(),
    out: (text) => void printed.push(text),
    err: (text) => void printed.push(text),
    colour: false,
    printed,
  };
}

describe("readPassword", () => {
  test.each([
    [["secret\n"], "secret"],
    [["secret\r\n"], "secret"],
    [["secret"], "secret"],
    [["sec", "ret\nmo", "re\n"], "secret"],
    [["\n"], ""],
    [[], ""],
    [[" two words \n"], " two words "],
    [["p\u00e4ss\n"], "p\u00e4ss"],
  ])("of %j is %j", async (chunks, line) => {
    const io = world();
    for (const chunk of chunks) io.stdin.write(chunk);
    io.stdin.end();
    expect(await readPassword(io)).toBe(line);
  });

  test("a character split between two chunks stays whole", async () => {
    const io = world();
    const [first, second] = [Buffer.from("ä\n").subarray(0, 1), Buffer.from("ä\n").subarray(1)];
    io.stdin.write(first);
    setImmediate(() => io.stdin.end(second));
    expect(await readPassword(io)).toBe("ä");
  });

  test.each(["6772fcdf650a", "c3", "eda0800a"])(
    "bytes that are not UTF-8 are refused: %s",
    async (hex) => {
      const io = world();
      io.stdin.end(Buffer.from(hex, "hex"));
      await expect(readPassword(io)).rejects.toThrow(/the password is not UTF-8/);
    },
  );

  test("a byte order mark stays: it is refused later, and not left out", async () => {
    const io = world();
    io.stdin.end("\ufeffsecret\n");
    expect(await readPassword(io)).toBe("\ufeffsecret");
  });

  test("doesn't wait for the end of the input", async () => {
    const io = world();
    io.stdin.write("secret\n");
    expect(await readPassword(io)).toBe("secret");
  });

  test("a line without an end is refused", async () => {
    const io = world();
    io.stdin.end(Buffer.alloc(1_000_000, "x"));
    await expect(readPassword(io)).rejects.toThrow(/too long/);
  });
});

describe("askNewPassword", () => {
  const passwords = {
    rule: "at least 3 characters",
    refusal: async (typed: string) => (typed.length < 3 ? "it is too short" : undefined),
  };

  test("what is refused is asked for again, and lines that were pasted ahead are not lost", async () => {
    const io = world();
    io.stdin.write("no\rsecret\rother\rsecret\rsecret\r");
    expect(await askNewPassword(io, passwords)).toBe("secret");
    expect(io.printed.join("").match(/Not taken: .*/g)).toEqual([
      "Not taken: it is too short",
      "Not taken: the two passwords are not the same",
    ]);
  });

  test("both lines pasted at once are taken, and nothing of them is shown", async () => {
    const io = world();
    io.stdin.write("secret\rsecret\r");
    expect(await askNewPassword(io, passwords)).toBe("secret");
    expect(io.printed).toEqual([
      "The password has at least 3 characters.\n",
      ...["New password: ", "\n", "The same again: ", "\n"],
    ]);
  });

  test.each(["\u0003", "sec\u0003", "secret\r\u0003", "\u0004", ""])(
    "%j cancels",
    async (typed) => {
      const io = world();
      io.stdin.end(typed);
      await expect(askNewPassword(io, passwords)).rejects.toThrow("cancelled: nothing was changed");
    },
  );
});
