// @ts-check
/** Places of the memory that the process and its thread share. */

/** answers that were sent: what the process waits on */
export const ANSWERS = 0;
/** the number of the link that can be used; 0: none */
export const LINK = 1;
/** moves when another process has told of a change, and with each new link */
export const VERSION = 2;
export const PLACES = 3;
