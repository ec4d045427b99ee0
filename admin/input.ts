import { StringDecoder } from "node:string_decoder";

/** What somebody did at the terminal. Positions are cells from 0. */
export type Input =
  /** a printable character as itself, else a name: "up", "enter", "ctrl-c", "shift-tab" */
  | { readonly type: "key"; readonly key: string }
  | { readonly type: "paste"; readonly text: string }
  | { readonly type: "click"; readonly x: number; readonly y: number }
  | { readonly type: "wheel"; readonly delta: 1 | -1 };

const ESC = "\u001b";
const PASTE_END = `${ESC}[201~`;

/** Longest escape sequence that is looked at, and the longest paste. */
const MAX_SEQUENCE = 64;
export const MAX_PASTE = 65_536;

/** By the last letter of CSI and SS3 sequences (ECMA-48, xterm's control sequences). */
const LETTERS: Readonly<Record<string, string>> = {
  A: "up",
  B: "down",
  C: "right",
  D: "left",
  E: "",
  F: "end",
  H: "home",
  M: "enter",
  P: "f1",
  Q: "f2",
  R: "f3",
  S: "f4",
  Z: "shift-tab",
};

/** By the number before "~". */
const NUMBERS: Readonly<Record<string, string>> = {
  1: "home",
  2: "insert",
  3: "delete",
  4: "end",
  5: "pageup",
  6: "pagedown",
  7: "home",
  8: "end",
  11: "f1",
};

const CONTROLS: Readonly<Record<string, string>> = {
  "\r": "enter",
  "\n": "enter",
  "\t": "tab",
  "\b": "backspace",
  "\u007f": "backspace",
};

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
const CSI = /^\u001b\[([<-?]?)([0-9;:]*)([ -/]*)([@-~])/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: as above
const CSI_BEGUN = /^\u001b\[[<-?]?[0-9;:]*[ -/]*$/;

/**
 * Bytes from a terminal → keys, pastes and the mouse (SGR mode). Sequences may be cut anywhere; an
 * Escape that nothing follows is only known after a while: see {@link InputDecoder.waiting} and
 * {@link InputDecoder.flush}.
 */
export class InputDecoder {
  readonly #utf8 = new StringDecoder("utf8");
  #rest = "";
  #paste: string | null = null;

  push(bytes: Buffer | string): Input[] {
    this.#rest += typeof bytes === "string" ? bytes : this.#utf8.write(bytes);
    const found: Input[] = [];
    for (;;) {
      const before = this.#rest.length;
      const one = this.#paste === null ? this.#next() : this.#pasted(this.#paste);
      if (one !== undefined) found.push(one);
      if (this.#rest.length === before) return found;
    }
  }

  /** What pushing ended in the middle of. */
  get waiting(): "key" | "paste" | null {
    if (this.#paste !== null) return "paste";
    return this.#rest === "" ? null : "key";
  }

  /** Takes the bytes so far as complete: a lone Escape is the key. */
  flush(): Input[] {
    const rest = this.#rest;
    const paste = this.#paste;
    this.#rest = "";
    this.#paste = null;
    if (paste !== null) return [pasteOf(paste + rest)];
    return rest === ESC ? [key("escape")] : [];
  }

  #next(): Input | undefined {
    const text = this.#rest;
    if (text === "") return undefined;
    if (text[0] !== ESC) {
      const ch = String.fromCodePoint(text.codePointAt(0) ?? 0);
      return this.#take(ch.length, plainKey(ch));
    }
    if (text.length === 1) return undefined;
    if (text[1] === "[") return this.#csi(text);
    if (text[1] === "O") {
      if (text.length === 2) return undefined;
      return this.#take(3, key(LETTERS[text[2] ?? ""] ?? ""));
    }
    // Alt and a key, or Escape and then a key at once: the Escape counts.
    return this.#take(1, key("escape"));
  }

  #csi(text: string): Input | undefined {
    // The old mouse report: three bytes after the M.
    if (text.startsWith(`${ESC}[M`)) return text.length < 6 ? undefined : this.#take(6, undefined);
    // The Linux console's function keys.
    if (text.startsWith(`${ESC}[[`)) return text.length < 4 ? undefined : this.#take(4, undefined);
    const match = CSI.exec(text);
    if (match === null) {
      if (CSI_BEGUN.test(text) && text.length < MAX_SEQUENCE) return undefined;
      return this.#take(2, undefined);
    }
    const [all, mark = "", numbers = "", , last = ""] = match;
    if (mark === "<") return this.#take(all.length, mouse(numbers, last));
    if (last === "~" && numbers === "200") this.#paste = "";
    return this.#take(all.length, mark === "" ? named(numbers, last) : undefined);
  }

  #pasted(sofar: string): Input | undefined {
    const end = this.#rest.indexOf(PASTE_END);
    if (end < 0) {
      // The end may be cut in two.
      const whole = Math.max(0, this.#rest.length - (PASTE_END.length - 1));
      this.#paste = (sofar + this.#rest.slice(0, whole)).slice(0, MAX_PASTE);
      this.#rest = this.#rest.slice(whole);
      return undefined;
    }
    const text = sofar + this.#rest.slice(0, end);
    this.#paste = null;
    return this.#take(end + PASTE_END.length, pasteOf(text));
  }

  #take(length: number, input: Input | undefined): Input | undefined {
    this.#rest = this.#rest.slice(length);
    return input?.type === "key" && input.key === "" ? undefined : input;
  }
}

function pasteOf(text: string): Input {
  return { type: "paste", text: text.slice(0, MAX_PASTE).replace(/\r\n?/g, "\n") };
}

function key(name: string): Input {
  return { type: "key", key: name };
}

function plainKey(ch: string): Input {
  const name = CONTROLS[ch];
  if (name !== undefined) return key(name);
  if (ch === "\0") return key("ctrl-space");
  if (ch < "\u001b") return key(`ctrl-${String.fromCharCode(ch.charCodeAt(0) + 0x60)}`);
  return key(ch < " " || (ch > "~" && ch < "\u00a0") ? "" : ch);
}

function named(numbers: string, last: string): Input {
  const [first = "", modifier = "1"] = numbers.split(";");
  const name = last === "~" ? NUMBERS[first] : LETTERS[last];
  if (name === undefined || name === "") return key("");
  const bits = Number(modifier) - 1;
  return key(bits & 4 ? `ctrl-${name}` : name);
}

/** Button numbers: xterm's control sequences, "Mouse Tracking"; SGR positions count from 1. */
function mouse(numbers: string, last: string): Input | undefined {
  const [button = -1, x = 0, y = 0] = numbers.split(";").map(Number);
  if (button === 64) return { type: "wheel", delta: -1 };
  if (button === 65) return { type: "wheel", delta: 1 };
  if (button !== 0 || last !== "M" || !(x >= 1 && y >= 1)) return undefined;
  return { type: "click", x: x - 1, y: y - 1 };
}
