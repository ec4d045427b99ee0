import { describe, expect, it } from "vitest";
import { ShellSyntaxError } from "../../../src/shell/errors.ts";
import { MAX_LINE_BYTES, MAX_WORDS, parse, plainText } from "../../../src/shell/parser.ts";
import { fromText } from "../../../src/vfs/path.ts";

const words = (line: string) =>
  parse(fromText(line)).map(({ connector, pipeline }) => [
    connector,
    ...pipeline.map((command) => command.map((word) => plainText(word))),
  ]);

describe("parse", () => {
  it("splits into words and commands", () => {
    expect(words("ls -l  a\tb")).toEqual([[";", ["ls", "-l", "a", "b"]]]);
    expect(words("a; b && c || d;")).toEqual([
      [";", ["a"]],
      [";", ["b"]],
      ["&&", ["c"]],
      ["||", ["d"]],
    ]);
    expect(words("a\n\nb &&\nc")).toEqual([
      [";", ["a"]],
      [";", ["b"]],
      ["&&", ["c"]],
    ]);
    expect(words("  ")).toEqual([]);
  });

  it("takes quotes and backslashes as the POSIX shell does", () => {
    const cases: [string, string[]][] = [
      ["'a b' c", ["a b", "c"]],
      ["'a'\"b\"c\\ d", ["abc d"]],
      ['"a\\"b\\$c\\`d\\\\e\\f"', ['a"b$c`d\\e\\f']],
      ["'a\\b'", ["a\\b"]],
      ["'' \"\"", ["", ""]],
      ["a\\\nb", ["ab"]],
      ['"a\\\nb"', ["ab"]],
      ["\\\n a", ["a"]],
      ["a\\;b\\&c\\|d", ["a;b&c|d"]],
      ["'a\nb'", ["a\nb"]],
      ["a#b $ $/ a~ =x", ["a#b", "$", "$/", "a~", "=x"]],
      ["'\\n' '\n'", ["\\n", "\n"]],
    ];
    for (const [line, expected] of cases) {
      expect(words(`echo ${line}`)).toEqual([[";", ["echo", ...expected]]]);
    }
  });

  it("keeps what is to be expanded apart from text", () => {
    const [step] = parse(fromText(`echo "$HOME"'$?'$?~/x ~ ~ada \${PWD}*`));
    expect(step?.pipeline[0]?.slice(1)).toEqual([
      [
        { kind: "text", text: "", quoted: true },
        { kind: "variable", name: "HOME", quoted: true },
        { kind: "text", text: "$?", quoted: true },
        { kind: "variable", name: "?", quoted: false },
        { kind: "text", text: "~/x", quoted: false },
      ],
      [{ kind: "home", user: "" }],
      [{ kind: "home", user: "ada" }],
      [
        { kind: "variable", name: "PWD", quoted: false },
        { kind: "text", text: "*", quoted: false },
      ],
    ]);
  });

  it("lets echo and cat be followed by a sum command", () => {
    expect(words("echo a | md5sum -b; cat b|sha256sum")).toEqual([
      [";", ["echo", "a"], ["md5sum", "-b"]],
      [";", ["cat", "b"], ["sha256sum"]],
    ]);
  });

  const refused: [string, RegExp][] = [
    ["echo $(ls)", /substitution/],
    ["echo `ls`", /substitution/],
    ['echo "`ls`"', /substitution/],
    ["echo $((1+1))", /substitution/],
    ["ls > x", /redirection/],
    ["ls 2>&1", /redirection/],
    ["cat << EOF", /redirection/],
    ["ls &", /background/],
    ["ls |& md5sum", /'\|&'/],
    ["(ls)", /group/],
    ["{ ls; }", /'\{'/],
    ["a{b,c}", /braces/],
    ["a{1..3}", /braces/],
    ["x=1", /variables/],
    ["x=1 ls", /variables/],
    ["for f in a; do ls; done", /'for'/],
    ["! ls", /'!'/],
    ["ls | wc", /leads only/],
    ["ls | md5sum", /leads only/],
    ["echo a | md5sum | md5sum", /leads only/],
    ["echo $DIR/x", /no variable 'DIR'/],
    [`echo $${"{HOME:-x}"}`, /no variable 'HOME:-x'/],
    ["echo ${HOME", /not closed/],
    ["echo $1", /'\$1'/],
    ["echo $$", /'\$\$'/],
    ["echo $'a'", /'\$''/],
    ["ls # all", /comment/],
    ["ls 'a", /single quote/],
    ['ls "a', /double quote/],
    ["ls \\", /backslash/],
    ["; ls", /before ';'/],
    ["ls ;; ls", /';;'/],
    ["ls &&", /after '&&'/],
    ["echo |", /after '\|'/],
    ["&& ls", /before '&&'/],
    ["ls\0", /NUL/],
    ["ls 'a\0'", /NUL/],
    ["ls \\\0", /NUL/],
    [`ls ${"a".repeat(MAX_LINE_BYTES)}`, /longer/],
    [`ls ${"a ".repeat(MAX_WORDS)}`, /words/],
  ];
  it.each(refused)("refuses %j", (line, message) => {
    const attempt = () => parse(fromText(line));
    expect(attempt).toThrow(ShellSyntaxError);
    expect(attempt).toThrow(message);
    expect(attempt).not.toThrow(/[\n\r]/);
  });
});
