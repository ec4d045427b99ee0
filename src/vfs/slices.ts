/** What is left of `slices` after `count` bytes. */
export function after(slices: readonly Buffer[], count: number): Buffer[] {
  const rest: Buffer[] = [];
  let skip = count;
  for (const slice of slices) {
    if (skip >= slice.length) skip -= slice.length;
    else {
      rest.push(skip === 0 ? slice : slice.subarray(skip));
      skip = 0;
    }
  }
  return rest;
}
