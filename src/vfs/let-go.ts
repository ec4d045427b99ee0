import { close, closeSync, type Dir } from "node:fs";

/** No descriptor of ours: a fault of the program, not of the disk. */
const NOT_OPEN = "EBADF";

/**
 * Closes a descriptor by which nothing was written. The system may report an error of the disk, and
 * has closed it all the same. That says nothing about what was asked for, and others wait to be
 * closed. What was written to is closed by who can tell the client.
 */
export function letGo(fd: number): void {
  quietly(() => closeSync(fd));
}

/** Closes a listing, as {@link letGo} does. */
export function letGoOfListing(directory: Dir): void {
  quietly(() => directory.closeSync());
}

/** As {@link letGo}, off the event loop: the last close of a removed file frees its blocks. */
export function letGoSlowly(fd: number): Promise<void> {
  return new Promise((resolve) => close(fd, () => resolve()));
}

function quietly(act: () => void): void {
  try {
    act();
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === NOT_OPEN) throw thrown;
  }
}
