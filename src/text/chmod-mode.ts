const WHO: Readonly<Record<string, number>> = { u: 0o700, g: 0o070, o: 0o007, a: 0o777 };
const BITS: Readonly<Record<string, number>> = { r: 0o444, w: 0o222, x: 0o111 };

/** Clauses of one mode that are looked at. */
const MOST_CLAUSES = 100;

export type ModeChange = (before: number, isDirectory: boolean) => number;

/**
 * A mode as for chmod(1): octal, or clauses such as `u+x,go-w`. Without a "who" all are meant.
 * @returns what it makes of the permission bits that there are; undefined for what is no mode
 */
export function parseMode(text: string): ModeChange | undefined {
  if (/^[0-7]{3,4}$/.test(text)) {
    const mode = Number.parseInt(text, 8);
    return () => mode;
  }
  const clauses: { readonly who: number; readonly sign: string; readonly what: string }[] = [];
  for (const clause of text.split(",", MOST_CLAUSES)) {
    const [, who, sign, what] = /^([ugoa]*)([-+=])([rwxX]*)$/.exec(clause) ?? [];
    if (who === undefined || sign === undefined || what === undefined) return undefined;
    clauses.push({ who: maskOf(who), sign, what });
  }
  return (before, isDirectory) => {
    let mode = before;
    for (const { who, sign, what } of clauses) {
      const runs = isDirectory || (mode & 0o111) !== 0;
      let bits = 0;
      for (const letter of what) bits |= letter === "X" ? (runs ? 0o111 : 0) : (BITS[letter] ?? 0);
      bits &= who;
      if (sign === "+") mode |= bits;
      else if (sign === "-") mode &= ~bits;
      else mode = (mode & ~who) | bits;
    }
    return mode;
  };
}

function maskOf(who: string): number {
  if (who === "") return 0o777;
  let mask = 0;
  for (const letter of who) mask |= WHO[letter] ?? 0;
  return mask;
}
