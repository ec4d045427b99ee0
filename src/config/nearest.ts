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

/**
 * The greatest distance at which a candidate is near. It is 0 for a single character, which could be
 * a slip for anything.
 */
function slack(length: number): number {
  return Math.min(length - 1, Math.max(1, Math.floor(length / 4)));
}

/**
 * How long a name must be, at least and at most, to be near the word. With many names to choose from,
 * only those need to be read from the database.
 */
export function lengthsNear(word: string): { readonly least: number; readonly most: number } {
  const { length } = fold(word);
  const far = Math.max(0, slack(length));
  return { least: length - far, most: length + far + SIGNS };
}

/** How many of the signs that {@link fold} leaves out a name is expected to have at most. */
const SIGNS = 3;

/** Makes one of what people take for the same: maxSessions, max-sessions and max_sessions; staff and @staff. */
function fold(word: string): string {
  return word.slice(0, 100).toLowerCase().replace(/[@_-]/g, "");
}

/**
 * Counts the slips between two words: characters left out, added, mistaken, or swapped with the next
 * one. The table of distances is computed row by row.
 * @param enough a count that reaches this need not be exact
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
