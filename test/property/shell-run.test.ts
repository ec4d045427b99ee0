import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { COMMANDS } from "../../src/shell/commands/table.ts";
import { complete } from "../../src/shell/complete.ts";
import { Shell } from "../../src/shell/context.ts";
import { fromText } from "../../src/vfs/path.ts";
import { MemoryFs } from "../support/memory-fs.ts";
import { contextOf, run, sourceOf } from "../unit/shell/harness.ts";

const RUNS = Number(process.env.FUZZ_RUNS ?? 500);

const word = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom("a", "b/c", "d", "missing", "..", ".", "/", "*", "d/*") },
  {
    weight: 3,
    arbitrary: fc.constantFrom("-l", "-r", "-n", "-c", "-p", "-s", "-t", "-f", "--tag"),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom("''", "'a b'", "$?", "~", "1", "+3", "-", "--", "[b", "]"),
  },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 8 }) },
);
const command = fc.tuple(fc.constantFrom(...COMMANDS.keys()), fc.array(word, { maxLength: 5 }));
const line = fc
  .array(fc.tuple(command, fc.constantFrom(";", "&&", "||", "|", "\n")), { maxLength: 4 })
  .map((steps) => steps.map(([[name, args], by]) => `${name} ${args.join(" ")} ${by} `).join(""));

async function home(): Promise<MemoryFs> {
  const fs = new MemoryFs({ quota: 10_000 });
  await run(new Shell(contextOf(fs)), "mkdir b d; touch a b/c d/e; ln -s a l; ln -s l d/l");
  return fs;
}

describe("command lines", () => {
  it("end with an exit code and nothing left open, whatever they are", async () => {
    const input = fc.uint8Array({ maxLength: 300 });
    await fc.assert(
      fc.asyncProperty(line, input, async (text, data) => {
        const fs = await home();
        const shell = new Shell(contextOf(fs));
        const { status } = await run(shell, text, { stdin: sourceOf(Buffer.from(data)) });
        expect(status).toBeGreaterThanOrEqual(0);
        expect(status).toBeLessThanOrEqual(255);
        expect([fs.openFiles, fs.openDirectories, fs.running]).toEqual([0, 0, 0]);
        expect(fs.used).toBeLessThanOrEqual(fs.quota);
      }),
      { numRuns: RUNS },
    );
  });

  it("scp -t takes any bytes, and never leaves the directory", async () => {
    const piece = fc.oneof(
      fc.constantFrom("C0644 3 x\n", "D0755 0 d\n", "E\n", "T1 0 1 0\n", "\0", "abc", "\x01no\n"),
      fc.constantFrom(
        "C0644 0 ..\n",
        "C0644 0 a/b\n",
        "D0755 0 .\n",
        "C0644 99999 big\n",
        "\x02\n",
      ),
      fc.string({ unit: "binary", maxLength: 10 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 20 }), async (pieces) => {
        const fs = new MemoryFs({ quota: 10_000 });
        const shell = new Shell(contextOf(fs));
        await run(shell, "mkdir in");
        const { status } = await run(shell, "scp -r -p -t in", {
          stdin: sourceOf(pieces.join("")),
        });
        expect([0, 1]).toContain(status);
        expect([fs.openFiles, fs.openDirectories]).toEqual([0, 0]);
        expect((await run(shell, "ls -A /")).stdout).toBe("in\n");
      }),
      { numRuns: RUNS },
    );
  });

  it("scp -f takes any answers", async () => {
    const answers = fc.uint8Array({ maxLength: 30 }).map((data) => data.map((byte) => byte % 12));
    await fc.assert(
      fc.asyncProperty(answers, async (data) => {
        const fs = await home();
        const shell = new Shell(contextOf(fs));
        const { status } = await run(shell, "scp -r -p -f *", {
          stdin: sourceOf(Buffer.from(data)),
        });
        expect([0, 1]).toContain(status);
        expect([fs.openFiles, fs.openDirectories]).toEqual([0, 0]);
      }),
      { numRuns: RUNS },
    );
  });
});

describe("completion", () => {
  it("never fails", async () => {
    const scope = {
      commands: [...COMMANDS.keys()],
      async *entries() {
        yield { name: fromText("ä b"), directory: true };
      },
    };
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary" }), fc.nat(20), async (text, cursor) => {
        const { start } = await complete(text, cursor, scope);
        expect(start).toBeLessThanOrEqual(text.length);
      }),
      { numRuns: RUNS },
    );
  });
});
