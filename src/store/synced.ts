import { closeSync, fsyncSync, openSync } from "node:fs";

/**
 * Brings a file, or the names of a directory, to the disk: a power cut takes neither back.
 * @throws the system's error
 */
export function syncPath(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
