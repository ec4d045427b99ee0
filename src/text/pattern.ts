/** A bracket expression: ranges of code points and classes such as [:digit:]. */
interface Bracket {
  readonly negated: boolean;
  readonly ranges: readonly (readonly [number, number])[];
  readonly classes: readonly RegExp[];
  /** what was found out of characters: a bracket may be of thousands of ranges */
  readonly known: Map<string, boolean>;
}

/** Characters remembered of each bracket at most. */
const MAX_KNOWN = 1024;

/** One of what a pattern is made of. */
export type PatternElement = { readonly char: string } | "any" | "star" | Bracket;

const CLASSES: Readonly<Record<string, RegExp>> = {
  alnum: /^[\p{L}\p{N}]$/u,
  alpha: /^\p{L}$/u,
  blank: /^[ \t]$/,
  cntrl: /^\p{Cc}$/u,
  digit: /^[0-9]$/,
  graph: /^[^\p{C}\p{Z}]$/u,
  lower: /^\p{Ll}$/u,
  print: /^[^\p{C}]$/u,
  punct: /^[\p{P}\p{S}]$/u,
  space: /^\s$/,
  upper: /^\p{Lu}$/u,
  xdigit: /^[0-9A-Fa-f]$/,
};

export interface PatternOptions {
  readonly ignoreCase?: boolean;
  /** only `*` and `?` mean something, as in ssh_config(5), PATTERNS */
  readonly wildcardsOnly?: boolean;
}

/** A shell pattern (POSIX XCU 2.13) for one name: `*`, `?`, `[...]`, and backslash before literals. */
export class TextPattern {
  /** the only text that matches, when there is just one */
  readonly literal: string | undefined;
  readonly elements: readonly PatternElement[];
  /** characters that a text must have at least */
  readonly #least: number;
  readonly #fold: boolean;

  constructor(pattern: string, { ignoreCase = false, wildcardsOnly = false }: PatternOptions = {}) {
    this.#fold = ignoreCase;
    const chars = [...this.#folded(pattern)];
    this.elements = wildcardsOnly ? wildcards(chars) : compile(chars);
    this.#least = this.elements.filter((element) => element !== "star").length;
    const isLiteral = this.elements.every((e) => typeof e === "object" && "char" in e);
    this.literal = isLiteral && !ignoreCase ? pattern.replace(/\\(.)/gs, "$1") : undefined;
  }

  /** Takes time in proportion to the square of the text's length at most. */
  matches(text: string): boolean {
    const chars = [...this.#folded(text)];
    if (chars.length < this.#least) return false;
    const elements = this.elements;
    let at = 0;
    let element = 0;
    let star = -1;
    let starAt = 0;
    while (at < chars.length) {
      const current = elements[element];
      if (current === "star") {
        star = element;
        starAt = at;
        element += 1;
      } else if (current !== undefined && matchesOne(current, chars[at] as string)) {
        element += 1;
        at += 1;
      } else if (star >= 0) {
        starAt += 1;
        at = starAt;
        element = star + 1;
      } else return false;
    }
    while (elements[element] === "star") element += 1;
    return element === elements.length;
  }

  #folded(text: string): string {
    return this.#fold ? text.toLowerCase() : text;
  }
}

function wildcards(chars: readonly string[]): PatternElement[] {
  return chars.map((char) => (char === "*" ? "star" : char === "?" ? "any" : { char }));
}

function matchesOne(element: Exclude<PatternElement, "star">, char: string): boolean {
  if (element === "any") return true;
  if ("char" in element) return element.char === char;
  const known = element.known.get(char);
  if (known !== undefined) return known;
  const matches = isInBracket(element, char);
  if (element.known.size < MAX_KNOWN) element.known.set(char, matches);
  return matches;
}

function isInBracket(element: Bracket, char: string): boolean {
  const code = char.codePointAt(0) as number;
  const found =
    element.ranges.some(([low, high]) => code >= low && code <= high) ||
    element.classes.some((one) => one.test(char));
  return found !== element.negated;
}

/** Each "[" that nothing closes costs a look at all the rest: further ones are taken for text. */
const MAX_UNCLOSED = 4;

function compile(chars: readonly string[]): PatternElement[] {
  const elements: PatternElement[] = [];
  let unclosed = 0;
  for (let at = 0; at < chars.length; at += 1) {
    const char = chars[at] as string;
    const open = char === "[" && unclosed < MAX_UNCLOSED;
    const bracket = open ? parseBracket(chars, at + 1) : undefined;
    if (open && bracket === undefined) unclosed += 1;
    if (bracket !== undefined) {
      elements.push(bracket.bracket);
      at = bracket.end;
    } else if (char === "*") {
      if (elements[elements.length - 1] !== "star") elements.push("star");
    } else if (char === "?") elements.push("any");
    else if (char === "\\" && at + 1 < chars.length) {
      at += 1;
      elements.push({ char: chars[at] as string });
    } else elements.push({ char });
  }
  return elements;
}

/** undefined when no "]" closes it: then the "[" is a character. */
function parseBracket(
  chars: readonly string[],
  start: number,
): { bracket: Bracket; end: number } | undefined {
  const ranges: [number, number][] = [];
  const classes: RegExp[] = [];
  const negated = chars[start] === "!" || chars[start] === "^";
  let at = negated ? start + 1 : start;
  const first = at;
  const char = (): number | undefined => {
    if (chars[at] === "\\" && at + 1 < chars.length) at += 1;
    const code = chars[at]?.codePointAt(0);
    at += 1;
    return code;
  };
  while (at < chars.length) {
    if (chars[at] === "]" && at > first) {
      return { bracket: { negated, ranges, classes, known: new Map() }, end: at };
    }
    const named = classAt(chars, at);
    if (named !== undefined) {
      classes.push(named.expression);
      at = named.end;
      continue;
    }
    const low = char() as number;
    const isRange = chars[at] === "-" && at + 1 < chars.length && chars[at + 1] !== "]";
    if (isRange) at += 1;
    ranges.push([low, (isRange ? char() : low) as number]);
  }
  return undefined;
}

function classAt(
  chars: readonly string[],
  at: number,
): { expression: RegExp; end: number } | undefined {
  if (chars[at] !== "[" || chars[at + 1] !== ":") return undefined;
  const text = chars.slice(at + 2, at + 10).join("");
  const name = /^([a-z]+):\]/.exec(text)?.[1] ?? "";
  const expression = CLASSES[name];
  return expression && { expression, end: at + name.length + 4 };
}
