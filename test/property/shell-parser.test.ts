import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ShellSyntaxError } from "../../src/shell/errors.ts";
import { parse, plainText } from "../../src/shell/parser.ts";
import { Pattern } from "../../src/shell/pattern.ts";
import { escapeWord, quote } from "../../src/shell/quote.ts";
import { decodeText, encodeText } from "../../src/shell/text.ts";
import { type ByteString, bytes } from "../../src/vfs/path.ts";

const RUNS = Number(process.env.FUZZ_RUNS ?? 2000);

const anyBytes = fc.uint8Array({ maxLength: 200 }).map((data) => bytes(Buffer.from(data)));
const names = fc
  .uint8Array({ max: 255, min: 1, maxLength: 100 })
  .map((data) => bytes(Buffer.from(data)));

/** What shells are made of, so that lines are often nearly right. */
const pieces = fc.constantFrom(
  ...["ls", "echo", "cat", "md5sum", "a", "b", "*", "?", "[", "]", "[a-z]", "'", '"', "\\"],
  ...["\n", " ", "\t", ";", ";;", "&", "&&", "|", "||", "$", "$?", "$HOME", "$", "{", "HOME", "}"],
  ...["$(", "`", "<", ">", "(", ")", "#", "~", "~/", "x=1", "{a,b}", "!", "for", "\0", "\xff"],
);
const lines = fc.array(pieces, { maxLength: 40 }).map((parts) => parts.join("") as ByteString);

function survives(line: ByteString): boolean {
  try {
    const steps = parse(line);
    return steps.every(({ pipeline }) => pipeline.every((command) => command.length > 0));
  } catch (thrown) {
    return thrown instanceof ShellSyntaxError && !/[\n\r]/.test(thrown.message);
  }
}

describe("the shell's parser", () => {
  it("ends with steps or its own one-line error, whatever the bytes", () => {
    fc.assert(fc.property(anyBytes, survives), { numRuns: RUNS });
    fc.assert(fc.property(lines, survives), { numRuns: RUNS });
  });

  it("reads back every word that was quoted or escaped", () => {
    fc.assert(
      fc.property(names, (name) => {
        for (const written of [quote(name), ...(name === "" ? [] : [escapeWord(name)])]) {
          const steps = parse(`cat ${written} ${written}` as ByteString);
          expect(steps).toHaveLength(1);
          expect(steps[0]?.pipeline[0]?.map((word) => plainText(word))).toEqual([
            "cat",
            name,
            name,
          ]);
        }
      }),
      { numRuns: RUNS },
    );
  });

  it("splits what it takes into the words that the system's shell sees", () => {
    const word = fc.constantFrom("a", "'b c'", '"d\\"e"', "f\\ g", "''", "h'i'\"j\"", "-k", "l=m");
    const blank = fc.constantFrom(" ", "  ", "\t", " \\\n");
    const line = fc.array(fc.tuple(word, blank), { minLength: 1, maxLength: 8 });
    const samples = fc.sample(line, 50).map((parts) => parts.flat().join(""));
    const script = samples.map((one) => `printf '%s\\n' ${one}; printf -- '--\\n'`).join("\n");
    const seen = spawnSync("sh", ["-c", script], { encoding: "latin1" }).stdout.split("--\n");
    for (const [index, sample] of samples.entries()) {
      const command = parse(`echo ${sample}` as ByteString)[0]?.pipeline[0] ?? [];
      const ours = command.slice(1).map((one) => `${plainText(one)}\n`);
      expect(ours.join("")).toBe(seen[index]);
    }
  });
});

describe("text of bytes", () => {
  it("loses nothing", () => {
    fc.assert(
      fc.property(anyBytes, (value) => encodeText(decodeText(value)) === value),
      { numRuns: RUNS },
    );
  });
});

describe("patterns", () => {
  it("match what the same regular expression matches, in time that doesn't explode", () => {
    const alphabet = fc.constantFrom("a", "b", "*", "?", "[ab]", "[!a]", "\\*");
    const pattern = fc.array(alphabet, { maxLength: 12 });
    const name = fc.array(fc.constantFrom("a", "b", "c", "*"), { maxLength: 12 });
    const regular: Record<string, string> = { "*": ".*", "?": ".", "[!a]": "[^a]" };
    fc.assert(
      fc.property(pattern, name, (parts, chars) => {
        const expression = new RegExp(`^${parts.map((p) => regular[p] ?? p).join("")}$`, "s");
        const text = chars.join("") as ByteString;
        const ours = new Pattern(parts.join("") as ByteString).matches(text);
        expect(ours).toBe(expression.test(text));
      }),
      { numRuns: RUNS },
    );
    const evil = new Pattern(`${"*a".repeat(100)}b` as ByteString);
    expect(evil.matches("a".repeat(255) as ByteString)).toBe(false);
  });

  it("never throw", () => {
    fc.assert(
      fc.property(anyBytes, anyBytes, (pattern, name) => {
        new Pattern(pattern).matches(name);
        new Pattern(pattern, true).matches(name);
      }),
      { numRuns: RUNS },
    );
  });
});
