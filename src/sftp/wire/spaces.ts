/** The extension that tells the space of the home and of each shared folder. */
export const SPACES = "spaces@moorage";

/** Stands for "no quota". */
export const NO_LIMIT = 2n ** 64n - 1n;
