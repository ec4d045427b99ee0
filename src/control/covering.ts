import { isInside, pathText } from "../access/paths.ts";
import type { Store } from "../store/store.ts";
import { standingIn } from "../vfs/standing.ts";
import { ControlError } from "./errors.ts";

interface Member {
  readonly id: number;
  readonly name: string;
}

/**
 * Before a user gets a folder at a path: nothing of the user's may disappear behind it, and no two
 * folders may be in each other. Rejects with ControlError, which says what is in the way.
 */
export async function checkFree(
  store: Pick<Store, "access" | "ledger">,
  user: Member,
  { folderId, at }: { readonly folderId: number; readonly at: string },
): Promise<void> {
  const others = await store.access.sharesWith(user.id);
  const near = others.find(
    (share) => share.folderId !== folderId && (isInside(share.at, at) || isInside(at, share.at)),
  );
  if (near !== undefined) {
    throw new ControlError(
      `${user.name} has the folder ${near.folder} at ${pathText(near.at)}: choose another path with --at`,
    );
  }
  const has = others.some((share) => share.folderId === folderId && share.at === at);
  if (!has) checkUncovered(store.ledger.root, user, at);
}

/**
 * The same before a user of these groups is made, whose home may be there from before.
 * @param groups names, without the "@"
 */
export async function checkNewMember(
  store: Pick<Store, "access" | "ledger">,
  name: string,
  groups: readonly string[],
): Promise<void> {
  for (const group of groups) {
    const known = await store.access.groupByName(group);
    const shares = known === undefined ? [] : await store.access.sharesWithGroup(known.id);
    for (const { at } of shares) checkUncovered(store.ledger.root, { id: NOBODY, name }, at);
  }
}

/** Of a user who is still to be made; the home is only looked at. */
const NOBODY = 0;

function checkUncovered(root: string, user: Member, path: string): void {
  const standing = standingIn(root, user, path);
  if (standing === "nothing") return;
  const shown = pathText(path);
  throw new ControlError(
    standing === "something"
      ? `${user.name} has ${shown} of their own, which the folder would cover: choose another path with --at, or have it moved away`
      : `${user.name} has a file or link on the way to ${shown}: choose another path with --at`,
  );
}
