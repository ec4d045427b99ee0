import { fstatSync, lstatSync } from "node:fs";
import { openGround } from "./ground.ts";
import { letGo } from "./let-go.ts";
import { inodeKey } from "./proc.ts";
import type { Space } from "./space.ts";
import type { ServerKeep } from "./trash.ts";
import type { Ground } from "./tree.ts";

interface Shared {
  readonly ground: Ground;
  users: number;
}

/**
 * The folders that trees of this process have, each open once: else folders times sessions would be
 * descriptors that nobody counts.
 */
export class Grounds {
  readonly #shared = new Map<string, Shared>();

  /**
   * One that the caller gives back by its `close`.
   * @param directory the host's path, which is no link
   */
  take(
    account: { readonly id: number; readonly name: string },
    directory: string,
    space?: Space,
    keep?: ServerKeep,
  ): Ground {
    const key = `${account.id} ${directory}`;
    const found = this.#shared.get(key);
    // Moved away and put there anew, it is another one.
    if (found !== undefined && isAt(found.ground, directory)) {
      found.users += 1;
      return found.ground;
    }
    const opened = openGround(account, directory, space, keep);
    const ground: Ground = { ...opened, close: () => this.#give(key, shared) };
    const shared: Shared = { ground, users: 1 };
    this.#shared.set(key, shared);
    return ground;
  }

  #give(key: string, shared: Shared): void {
    shared.users -= 1;
    if (shared.users > 0) return;
    if (this.#shared.get(key) === shared) this.#shared.delete(key);
    letGo(shared.ground.fd);
  }
}

function isAt({ fd }: Ground, directory: string): boolean {
  const open = fstatSync(fd, { bigint: true });
  return inodeKey(open) === inodeKey(lstatSync(directory, { bigint: true }));
}

/** Of this process. */
export const grounds = new Grounds();
