import { describe, expect, it } from "vitest";
import { type CompletionScope, complete, MAX_SCANNED } from "../../../src/shell/complete.ts";
import { parse, plainText } from "../../../src/shell/parser.ts";
import { encodeText } from "../../../src/shell/text.ts";

const TREE: Record<string, string[]> = {
  ".": ["docs/", "read me", "readme.txt", ".hidden", "it's", "ü", "ctrl\x07", 'd"q', "$HOME", "-x"],
  "docs/": ["a b/", "abc"],
  "/": ["docs/", "top"],
  "/docs/": ["abc"],
};

const scope: CompletionScope = {
  commands: ["ls", "ln", "cat", "cd", "md5sum"],
  async *entries(directory) {
    for (const name of TREE[directory] ?? []) {
      yield { name: name.replace(/\/$/, ""), directory: name.endsWith("/") };
    }
  },
};

const at = (line: string, cursor = line.length) => complete(line, cursor, scope);

describe("complete", () => {
  const cases: [string, number, string[]][] = [
    ["l", 0, ["ln ", "ls "]],
    ["  c", 2, ["cat ", "cd "]],
    ["ls; c", 4, ["cat ", "cd "]],
    ["echo a|m", 7, ["md5sum "]],
    ["cat r", 4, ["read\\ me ", "readme.txt "]],
    ["cat read\\ ", 4, ["read\\ me "]],
    ["cat 'read ", 4, ["'read me' "]],
    ['cat "read ', 4, ['"read me" ']],
    ["cat 're'ad\\ ", 4, ["read\\ me "]],
    ["cat it", 4, ["it\\'s "]],
    ["cat 'it", 4, ["'it'\\''s' "]],
    ['cat "d\\"', 4, ['"d\\"q" ']],
    ["cat '$", 4, ["'$HOME' "]],
    ['cat "\\$', 4, ['"\\$HOME" ']],
    ["cat \\$", 4, ["\\$HOME "]],
    ["cat d", 4, ['d\\"q ', "docs/"]],
    ["cd d", 3, ["docs/"]],
    ["cd docs/a", 3, ["docs/a\\ b/"]],
    ["cat docs/a", 4, ["docs/a\\ b/", "docs/abc "]],
    ["cat 'docs/a ", 4, ["'docs/a b/"]],
    ["cat .", 4, [".hidden "]],
    ["cat /t", 4, ["/top "]],
    ["cat ~/d", 4, ["~/docs/"]],
    ["cat ~/docs/", 4, ["~/docs/abc "]],
    ["cat ~", 4, ["~/"]],
    ["cat ü", 4, ["ü "]],
    ["cat ctrl", 4, []],
    ["cat nothing", 4, []],
    ["cat missing/x", 4, []],
    ["docs/a", 0, ["docs/a\\ b/", "docs/abc "]],
  ];
  it.each(cases)("%j", async (line, start, candidates) => {
    expect(await at(line)).toEqual({ start, candidates });
  });

  it("looks only at what is before the cursor", async () => {
    expect(await at("cat re docs", 6)).toEqual({
      start: 4,
      candidates: ["read\\ me ", "readme.txt "],
    });
  });

  it("gives what the parser reads as the name itself", async () => {
    for (const open of ["", "'", '"']) {
      const { candidates } = await at(`cat ${open}`);
      for (const candidate of candidates) {
        const closed = open !== "" && candidate.endsWith("/") ? candidate + open : candidate;
        const [, word] = parse(encodeText(`cat ${closed}`))[0]?.pipeline[0] ?? [];
        const names = (TREE["."] ?? []).map((name) => encodeText(name));
        expect(names).toContain(plainText(word));
      }
      expect(candidates).toHaveLength(8);
    }
  });

  it("gives nothing rather than a part of too much", async () => {
    const many = (count: number): CompletionScope => ({
      commands: [],
      async *entries() {
        for (let index = 0; index < count; index += 1)
          yield { name: `n${index}`, directory: false };
      },
    });
    expect((await complete("cat n", 5, many(500))).candidates).toHaveLength(500);
    expect((await complete("cat n", 5, many(501))).candidates).toEqual([]);
    expect((await complete("cat n1", 6, many(MAX_SCANNED + 1))).candidates).toEqual([]);
  });
});
