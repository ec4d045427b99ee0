/** Pauses between attempts, in milliseconds. */
const FIRST_MS = 1_000;
const LONGEST_MS = 10 * 60_000;
/** The same of an event that its receiver does not take, while others go before it. */
const FIRST_REFUSED_MS = 60_000;
const LONGEST_REFUSED_MS = 6 * 3_600_000;

/**
 * How long a receiver is left alone after so many failures in a row, in milliseconds: twice as long
 * each time, and up to a half less, so that those of many servers don't all come back at once.
 * @param random from 0 to 1
 */
export function pauseAfter(failures: number, random = Math.random()): number {
  return grown(FIRST_MS, LONGEST_MS, failures, random);
}

/** The same for one event that was refused so many times. */
export function pauseOfRefused(tries: number, random = Math.random()): number {
  return grown(FIRST_REFUSED_MS, LONGEST_REFUSED_MS, tries, random);
}

function grown(first: number, longest: number, times: number, random: number): number {
  const whole = Math.min(longest, first * 2 ** Math.min(30, Math.max(0, times - 1)));
  return Math.round(whole * (1 - random / 2));
}
