// @ts-check
/**
 * The first of the two numbers of an advisory lock: "moor" as a number, so that other programs have
 * others. Of homes, by their ids.
 */
export const HOMES = 0x6d6f6f72;
/** Of all that has a name. */
export const NAMED = HOMES + 1;

/** Places of the memory that the process and its thread share. */

/** answers that were sent: what the process waits on */
export const ANSWERS = 0;
/** the number of the link that can be used; 0: none */
export const LINK = 1;
/** moves when another process has told of a change, and with each new link */
export const VERSION = 2;
export const PLACES = 3;
