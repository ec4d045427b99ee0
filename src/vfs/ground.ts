import { openSync, statSync } from "node:fs";
import { letGo } from "./let-go.ts";
import { DIRECTORY } from "./proc.ts";
import { Space } from "./space.ts";
import { type ServerKeep, Trash } from "./trash.ts";
import type { Ground } from "./tree.ts";

/** Where nobody says how much room must be left. */
const ALL_ROOM = new Space(() => 0);

const KEEPS_NOTHING: ServerKeep = () => 0;

/** @param directory the host's path, which is no link */
export function openGround(
  { id, name }: { readonly id: number; readonly name: string },
  directory: string,
  space: Space = ALL_ROOM,
  keep: ServerKeep = KEEPS_NOTHING,
): Ground {
  const disk = space.disk(statSync(directory).dev, directory);
  const fd = openSync(directory, DIRECTORY);
  return { id, name, fd, disk, trash: new Trash(fd, keep), close: () => letGo(fd) };
}
