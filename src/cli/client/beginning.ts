import { setFlagsFromString } from "node:v8";

// Until the login almost everything runs for the first and the only time. V8's optimising compiler
// took a fifth of the processor's time until the prompt, most of it for a single exchange of keys.

/** The longest function that is optimised, in bytes of V8's code. */
const LONGEST = "--max-optimized-bytecode-size";
const LONGEST_BY_DEFAULT = 61_440;

/** To be called once the program is compiled: what is kept compiled is for other flags otherwise. */
export function optimiseNothing(): void {
  setFlagsFromString(`${LONGEST}=0`);
}

/** From here on things are done over and over. */
export function optimiseAgain(): void {
  setFlagsFromString(`${LONGEST}=${LONGEST_BY_DEFAULT}`);
}
