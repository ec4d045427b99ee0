import { type BigIntStats, constants, fstatSync, readlinkSync } from "node:fs";
import { type ByteString, bytes, isAscii } from "./path.ts";

/** Linux <fcntl.h>: a descriptor that names a file without opening it. Node has no constant for it. */
export const O_PATH = 0o10000000;

/** How a directory is opened by its name, and not through a link. */
export const DIRECTORY = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** The same for whatever stands at a name, a link itself too. */
export const ANYTHING = O_PATH | constants.O_NOFOLLOW;

/**
 * A name below an open descriptor, in a form every fs call takes. The kernel resolves
 * /proc/self/fd/N to the directory itself, so nobody can swap what lies above the name.
 */
export function below(fd: number, name: ByteString): string | Buffer {
  const path = `/proc/self/fd/${fd}/${name}`;
  return isAscii(name) ? path : Buffer.from(path, "latin1");
}

/** The file a descriptor names, as a path: following it reaches exactly that file. */
export function itself(fd: number): string {
  return `/proc/self/fd/${fd}`;
}

/**
 * Where something open is below a directory by now; "" for the directory itself. Undefined: it has no
 * name there any more, or none that the kernel can tell.
 */
export function pathBelow(directory: number, fd: number): ByteString | undefined {
  try {
    if (fstatSync(fd).nlink === 0) return undefined;
    const top = pathOf(directory);
    const path = pathOf(fd);
    if (path === top) return "" as ByteString;
    return path.startsWith(`${top}/`) ? (path.slice(top.length + 1) as ByteString) : undefined;
  } catch {
    return undefined;
  }
}

function pathOf(fd: number): ByteString {
  return bytes(readlinkSync(itself(fd), { encoding: "buffer" }));
}

/** Machines number the devices of a file system that they share each in its own way. */
let withDevices = true;

/** From now on keys are the same on all machines: the files of an instance are on one file system. */
export function keysAcrossMachines(): void {
  withDevices = false;
}

/**
 * Tells one file from all others, also from a later one with the same inode number: a removed
 * file's number is soon used again. Where the file system doesn't tell when a file was made (NFS before
 * version 4.2) that is 0 in all keys.
 */
export function inodeKey({ dev, ino, birthtimeNs }: BigIntStats): string {
  return `${withDevices ? dev : 0}:${ino}:${birthtimeNs}`;
}
