/** The extension that tells the space of the home and of each shared folder. */
export const SPACES = "spaces@moorage";

/**
 * The homes and folders of one reply at most. A list that has fewer has all: it would take paths of some
 * 480 bytes each that a packet has no room for so many.
 */
export const MOST_SPACES = 500;

/** In place of a quota: there is none. */
export const NO_LIMIT = 2n ** 64n - 1n;
