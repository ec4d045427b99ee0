/** The candidate that was probably meant, or undefined when none is near. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const folded = fold(word);
  let best: string | undefined;
  let bestDistance = slack(folded.length) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(folded, fold(candidate), bestDistance);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** How far a candidate may be: a name of one character has nothing that would tell who was meant. */
function slack(length: number): number {
  return Math.min(length - 1, Math.max(1, Math.floor(length / 4)));
}

/** The lengths that a candidate may have to be near: who has many to choose from needs not fetch all. */
export function lengthsNear(word: string): { readonly least: number; readonly most: number } {
  const { length } = fold(word);
  const far = Math.max(0, slack(length));
  return { least: length - far, most: length + far + SIGNS };
}

/** So many signs that don't count a candidate may have. */
const SIGNS = 3;

/** maxSessions, max-sessions and max_sessions are the same to a person, and so are staff and @staff. */
function fold(word: string): string {
  return word.slice(0, 100).toLowerCase().replace(/[@_-]/g, "");
}

/**
 * How many characters were left out, added, mistaken, or changed places with the next one, one row at a
 * time. @param enough no need to tell distances of so much or more apart
 */
function editDistance(a: string, b: string, enough: number): number {
  if (Math.abs(a.length - b.length) >= enough) return enough;
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = at(row, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const places = swapped ? at(before, j - 2) + 1 : enough;
      next.push(Math.min(substituted, at(row, j) + 1, at(next, j - 1) + 1, places));
    }
    if (Math.min(...next, ...row) >= enough) return enough;
    [before, row] = [row, next];
  }
  return at(row, b.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}
