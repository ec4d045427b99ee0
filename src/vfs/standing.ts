import { FsError } from "../errors.ts";
import { openGround } from "./ground.ts";
import { existingHome } from "./homes.ts";
import { Jail } from "./jail.ts";
import type { ByteString } from "./path.ts";
import { Tree } from "./tree.ts";

/**
 * What stands at a path of a user's own home, with no folder in it: nothing, something, or, where a
 * file is on the way, something that nothing can be put below.
 * @throws InstanceError when the home is no directory; the system's errors
 */
export function standingIn(
  root: string,
  user: { readonly id: number; readonly name: string },
  path: string,
): "nothing" | "something" | "file on the way" {
  const home = existingHome(root, user.name);
  if (home === undefined) return "nothing";
  const jail = new Jail(new Tree(openGround(user, home)));
  try {
    const place = jail.locate(path as ByteString, false);
    try {
      return place.seen === undefined ? "nothing" : "something";
    } finally {
      place.close();
    }
  } catch (thrown) {
    const code = thrown instanceof FsError ? thrown.code : undefined;
    if (code === "ENOENT") return "nothing";
    if (code === "ENOTDIR" || code === "ELOOP") return "file on the way";
    throw thrown;
  } finally {
    jail.close();
  }
}
