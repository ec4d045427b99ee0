import { hostname } from "node:os";
import { isElsewhere } from "../store/belongings.ts";

/** What this machine has in db/ of an instance that other machines may share, which have theirs there. */
export interface OwnFiles {
  /** names the server that was started into the background */
  readonly pid: string;
  /** where such a server logs unless `log.file` says otherwise */
  readonly log: string;
}

/**
 * Paths below the instance's directory.
 * @param areSeveral whether other machines may share it; default: as the instance itself says
 */
export function ownFiles(root: string, areSeveral = isElsewhere(root)): OwnFiles {
  const name = areSeveral ? `moorage-${hostname().replace(/[^\w.-]/g, "_")}` : "moorage";
  return { pid: `db/${name}.pid`, log: `db/${name}.log` };
}
