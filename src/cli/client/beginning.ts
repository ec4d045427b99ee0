import { setFlagsFromString } from "node:v8";

// In the beginning almost everything runs for the first time, and much of it for the only one. V8's
// optimising compiler took a fifth of the processor's time until the prompt, most of it for a single
// exchange of keys; and as much of sending some thousand small files, which it was too late for.

/** The longest function that is optimised, in bytes of V8's code. */
const LONGEST = "--max-optimized-bytecode-size";
const LONGEST_BY_DEFAULT = 61_440;

/** Who has taken the processor for so long goes on for longer, in microseconds. */
const BEGINNING_US = 1_500_000;
const LOOK_MS = 250;

/** A prompt where nobody does anything is not looked at for longer, in milliseconds. */
const BEGINNING_MS = 60_000;

/** To be called once the program is compiled: what is kept compiled is for other flags otherwise. */
export function optimiseNothingYet(): void {
  setFlagsFromString(`${LONGEST}=0`);
  const again = (): void => setFlagsFromString(`${LONGEST}=${LONGEST_BY_DEFAULT}`);
  const timer = setInterval(() => {
    const begins = process.cpuUsage().user < BEGINNING_US && performance.now() < BEGINNING_MS;
    if (begins) return;
    again();
    clearInterval(timer);
  }, LOOK_MS);
  timer.unref();
  // Before what was compiled is kept.
  process.prependOnceListener("exit", again);
}
