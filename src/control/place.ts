import { closeSync, constants, lstatSync, openSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** A process's socket in db/; the id is its row in `nodes`. */
const SOCKET = /^control-([0-9a-f-]{36})\.sock$/;

export function socketName(nodeId: string): string {
  return `control-${nodeId}.sock`;
}

/**
 * The directory db/, held open. A socket's address has room for 107 bytes and an instance's path
 * may be longer: sockets are reached as /proc/self/fd/N/NAME.
 */
export class SocketDirectory {
  readonly fd: number;

  /** @throws the system's error when it can't be opened */
  constructor(root: string) {
    this.fd = openSync(join(root, "db"), constants.O_RDONLY | constants.O_DIRECTORY);
  }

  /** Good as long as the directory is held open. */
  path(name: string): string {
    return `/proc/self/fd/${this.fd}/${name}`;
  }

  /** The sockets that are there, live or left behind, oldest first. */
  sockets(): { readonly name: string; readonly nodeId: string }[] {
    const found = readdirSync(this.path("")).flatMap((name) => {
      const nodeId = SOCKET.exec(name)?.[1];
      // In bigints: cli/background.ts says why.
      const stat = lstatSync(this.path(name), { bigint: true, throwIfNoEntry: false });
      return nodeId === undefined || !stat?.isSocket() ? [] : [{ name, nodeId, at: stat.mtimeNs }];
    });
    return found.sort((a, b) => Number(a.at - b.at) || a.name.localeCompare(b.name));
  }

  close(): void {
    closeSync(this.fd);
  }
}
