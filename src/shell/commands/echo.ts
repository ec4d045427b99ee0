import type { ByteString } from "../../vfs/path.ts";
import type { Command } from "../call.ts";

const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\",
  a: "\x07",
  b: "\b",
  e: "\x1b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

const ESCAPE = /\\(?:0([0-7]{0,3})|x([0-9a-fA-F]{1,2})|([\\abcefnrtv]))/g;

/** What `echo -e` makes of a text; `ended` when a \\c cut it off. */
function unescaped(text: string): { text: string; ended: boolean } {
  let out = "";
  let from = 0;
  for (const { 0: whole, 1: octal, 2: hex, 3: letter, index } of text.matchAll(ESCAPE)) {
    out += text.slice(from, index);
    from = index + whole.length;
    if (letter === "c") return { text: out, ended: true };
    if (letter !== undefined) out += ESCAPES[letter];
    else {
      const code = hex === undefined ? Number.parseInt(octal || "0", 8) : Number.parseInt(hex, 16);
      out += String.fromCharCode(code & 0xff);
    }
  }
  return { text: out + text.slice(from), ended: false };
}

export const echo: Command = {
  name: "echo",
  summary: "print the arguments",
  usage: `[-neE] [TEXT]...
  -e  read escapes such as \\n, \\t, \\0NNN, \\xHH; \\c ends the output
  -E  don't (it doesn't anyway)
  -n  no newline at the end`,
  async run(call) {
    const args = [...call.args];
    let newline = true;
    let escapes = false;
    // As in bash: what is not made of these letters only is text.
    while (/^-[neE]+$/.test(args[0] ?? "")) {
      for (const letter of args.shift() as ByteString) {
        if (letter === "n") newline = false;
        if (letter === "e") escapes = true;
        if (letter === "E") escapes = false;
      }
    }
    let text = args.join(" ");
    if (escapes) {
      const result = unescaped(text);
      text = result.text;
      if (result.ended) newline = false;
    }
    await call.out.print(newline ? `${text}\n` : text);
    return 0;
  },
};

function constant(name: string, status: number, summary: string): Command {
  return { name, summary, usage: "", run: async () => status };
}

export const yes = constant("true", 0, "do nothing, with success");
export const no = constant("false", 1, "do nothing, without success");
/** ":" is the shell's own word for it. */
export const colon = constant(":", 0, "do nothing, with success");
