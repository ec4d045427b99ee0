import { type ByteString, display } from "../vfs/path.ts";
import { ShellSyntaxError } from "./errors.ts";

/** A piece of a word. `quoted` pieces are never patterns. */
export type WordPart =
  | { readonly kind: "text"; readonly text: ByteString; readonly quoted: boolean }
  | { readonly kind: "variable"; readonly name: VariableName; readonly quoted: boolean }
  | { readonly kind: "home"; readonly user: ByteString };

/** One word before expansion. */
export type Word = readonly WordPart[];

export type VariableName = "?" | "status" | "HOME" | "USER" | "PWD" | "ShellId";

/**
 * All variables there are. ShellId is always empty: `echo ${ShellId}%ComSpec%` is how rclone tells
 * a Unix shell from PowerShell and cmd. Any other one is refused, for nothing could have set it:
 * `rm -r $DIR/*` must not become `rm -r /*`.
 */
const VARIABLES: ReadonlySet<string> = new Set(["?", "status", "HOME", "USER", "PWD", "ShellId"]);

export type Connector = ";" | "&&" | "||";

/** What a command line consists of. */
export type Token =
  | { readonly kind: "word"; readonly parts: Word }
  | { readonly kind: "operator"; readonly operator: Connector | "|" | "\n" };

/** @throws ShellSyntaxError */
export function* tokenize(line: ByteString): Generator<Token> {
  yield* new Lexer(line).tokens();
}

export function unsupported(what: string): ShellSyntaxError {
  return new ShellSyntaxError(`${what} is not supported here (quote it if it is part of a name)`);
}

function unknownVariable(name: ByteString): ShellSyntaxError {
  return new ShellSyntaxError(
    `no variable '${display(name)}': there are $HOME, $USER, $PWD and $?`,
  );
}

const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;
const BRACED = /\{([^}]*)\}/y;
const TILDE = /~([A-Za-z0-9._-]*)(?=[/ \t\n;|&]|$)/y;

class Lexer {
  readonly #line: string;
  #at = 0;
  #parts: WordPart[] = [];
  /** what of the current part was read, and whether it is quoted */
  #text = "";
  #quoted = false;
  /** a word was begun, if only by an empty pair of quotes */
  #inWord = false;

  constructor(line: ByteString) {
    this.#line = line;
  }

  *tokens(): Generator<Token> {
    while (this.#at < this.#line.length) {
      const operator = this.#separator();
      if (operator === undefined) {
        this.#character();
        continue;
      }
      const word = this.#endWord();
      if (word !== undefined) yield word;
      if (operator !== " ") yield { kind: "operator", operator };
    }
    const word = this.#endWord();
    if (word !== undefined) yield word;
  }

  /** Reads a blank (" ") or an operator, if one is next. */
  #separator(): Connector | "|" | "\n" | " " | undefined {
    const char = this.#line[this.#at];
    const next = this.#line[this.#at + 1];
    const take = <T>(length: number, operator: T): T => {
      this.#at += length;
      return operator;
    };
    switch (char) {
      case " ":
      case "\t":
        return take(1, " ");
      case "\n":
        return take(1, "\n");
      case ";":
        if (next === ";") throw unsupported("';;'");
        return take(1, ";");
      case "&":
        if (next !== "&") throw unsupported("'&' (running in the background)");
        return take(2, "&&");
      case "|":
        if (next === "&") throw unsupported("'|&'");
        return next === "|" ? take(2, "||") : take(1, "|");
      default:
        return undefined;
    }
  }

  #character(): void {
    const char = this.#line[this.#at] as string;
    const first = !this.#inWord;
    this.#inWord = true;
    this.#refuse(char, first);
    if (char === "'") this.#singleQuoted();
    else if (char === '"') this.#doubleQuoted();
    else if (char === "\\") this.#backslash();
    else if (char === "$") this.#dollar(false);
    else if (char === "~" && first) this.#tilde();
    else {
      this.#add(char, false);
      this.#at += 1;
    }
  }

  #refuse(char: string, first: boolean): void {
    if (char === "\0") throw new ShellSyntaxError("the command line holds a NUL byte");
    if (char === "<" || char === ">") throw unsupported(`'${char}' (redirection)`);
    if (char === "(" || char === ")") throw unsupported(`'${char}' (a group of commands)`);
    if (char === "`") throw unsupported("'`' (command substitution)");
    if (char === "#" && first) throw unsupported("'#' (a comment)");
  }

  #singleQuoted(): void {
    const end = this.#line.indexOf("'", this.#at + 1);
    if (end < 0) throw new ShellSyntaxError("a single quote (') is not closed");
    this.#add(this.#checked(this.#line.slice(this.#at + 1, end)), true);
    this.#at = end + 1;
  }

  /** Inside, only $ and a backslash before one of $ ` " \\ and newline mean something. */
  #doubleQuoted(): void {
    this.#add("", true);
    this.#at += 1;
    for (;;) {
      const char = this.#line[this.#at];
      if (char === undefined) throw new ShellSyntaxError('a double quote (") is not closed');
      if (char === '"') break;
      if (char === "`") throw unsupported("'`' (command substitution)");
      if (char === "$") this.#dollar(true);
      else if (char === "\\" && /[$`"\\\n]/.test(this.#line[this.#at + 1] ?? "")) {
        this.#backslash();
      } else {
        this.#add(this.#checked(char), true);
        this.#at += 1;
      }
    }
    this.#at += 1;
  }

  #backslash(): void {
    const next = this.#line[this.#at + 1];
    if (next === undefined) throw new ShellSyntaxError("a backslash ends the line");
    this.#at += 2;
    if (next !== "\n") this.#add(this.#checked(next), true);
    else if (this.#text === "" && this.#parts.length === 0) this.#inWord = this.#quoted;
  }

  /** A variable; anything else that shells read into a "$" is refused, a lone one is a character. */
  #dollar(quoted: boolean): void {
    const rest = this.#at + 1;
    const next = this.#line[rest] ?? "";
    NAME.lastIndex = rest;
    BRACED.lastIndex = rest;
    const name =
      next === "{" ? BRACED.exec(this.#line) : next === "?" ? ["?"] : NAME.exec(this.#line);
    if (next === "{" && name === null) throw new ShellSyntaxError("'${' is not closed");
    if (next === "(") throw unsupported("'$(' (command substitution)");
    if (/[0-9@*#$!-]/.test(next) || (!quoted && /["']/.test(next))) throw unsupported(`'$${next}'`);
    if (name === null) {
      this.#add("$", quoted);
      this.#at += 1;
      return;
    }
    const [whole = "", inner] = name;
    const variable = (inner ?? whole) as ByteString;
    if (!VARIABLES.has(variable)) throw unknownVariable(variable);
    this.#flush();
    this.#parts.push({ kind: "variable", name: variable as string as VariableName, quoted });
    this.#at = rest + whole.length;
  }

  #tilde(): void {
    TILDE.lastIndex = this.#at;
    const match = TILDE.exec(this.#line);
    this.#at += match?.[0].length ?? 1;
    if (match === null) this.#add("~", false);
    else this.#parts.push({ kind: "home", user: (match[1] ?? "") as ByteString });
  }

  #checked(text: string): string {
    if (text.includes("\0")) throw new ShellSyntaxError("the command line holds a NUL byte");
    return text;
  }

  #add(text: string, quoted: boolean): void {
    if (quoted !== this.#quoted) this.#flush();
    this.#quoted = quoted;
    this.#text += text;
  }

  #flush(): void {
    if (this.#text !== "" || this.#quoted) {
      this.#parts.push({
        kind: "text",
        text: this.#text as ByteString,
        quoted: this.#quoted,
      });
    }
    this.#text = "";
    this.#quoted = false;
  }

  #endWord(): Token | undefined {
    if (!this.#inWord) return undefined;
    this.#flush();
    const parts = this.#parts;
    this.#parts = [];
    this.#inWord = false;
    return { kind: "word", parts };
  }
}
