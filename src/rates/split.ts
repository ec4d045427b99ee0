/** What one of those who share a rate can use of it. */
export interface Demand {
  /** how many sessions */
  readonly weight: number;
  /** bytes a second; null: as much as there is */
  readonly wanted: number | null;
}

/**
 * Shares a rate out so that nobody gets more than wanted while another, for its weight, has less;
 * what nobody wants is shared out by weight, for whoever begins to want more.
 * @returns as many parts as there are demands; their sum is the rate, or 0 without any
 */
export function split(rate: number, demands: readonly Demand[]): number[] {
  const parts = demands.map(() => 0);
  let open = demands.map((_, index) => index).filter((index) => weightOf(demands[index]) > 0);
  let left = rate;
  while (open.length > 0 && left > 0) {
    const each = left / sum(open.map((index) => weightOf(demands[index])));
    const content = open.filter((index) => isContent(demands[index], each));
    for (const index of content.length > 0 ? content : open) {
      const demand = demands[index];
      const part = content.length > 0 ? (demand?.wanted ?? 0) : each * weightOf(demand);
      parts[index] = part;
      left -= part;
    }
    if (content.length === 0) return parts;
    open = open.filter((index) => !content.includes(index));
  }
  return withRest(parts, demands, Math.max(0, left));
}

/** All have what they want. */
function withRest(parts: readonly number[], demands: readonly Demand[], left: number): number[] {
  const weights = sum(demands.map(weightOf));
  if (weights === 0) return [...parts];
  return parts.map((part, index) => part + (left * weightOf(demands[index])) / weights);
}

function isContent(demand: Demand | undefined, each: number): boolean {
  const wanted = demand?.wanted ?? null;
  return wanted !== null && wanted <= each * weightOf(demand);
}

function weightOf(demand: Demand | undefined): number {
  return demand?.weight ?? 0;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0);
}
