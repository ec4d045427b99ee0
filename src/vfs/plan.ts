import type { Access } from "../access/access.ts";
import type { Books } from "./books.ts";
import { openGround } from "./ground.ts";
import { grounds } from "./grounds.ts";
import { existingHome, madeHome } from "./homes.ts";
import type { ByteString, VirtualPath } from "./path.ts";
import type { Space } from "./space.ts";
import type { ServerKeep } from "./trash.ts";
import type { Ground, Tree } from "./tree.ts";

/** A folder as a user has it. */
export interface PlannedFolder {
  readonly at: VirtualPath;
  /** of its row in the store */
  readonly id: number;
  /** with the "@" */
  readonly name: string;
  /** milliseconds that removed files stay; null or absent: what the settings say */
  readonly trashKeep?: number | null;
}

/** What a user's tree has besides the home. */
export interface TreePlan {
  readonly folders: readonly PlannedFolder[];
  readonly access: Access;
  /** milliseconds that files removed in the home stay; null or absent: what the settings say */
  readonly trashKeep?: number | null;
}

/** What trees are made from. */
export interface TreeParts {
  /** the instance's directory */
  readonly root: string;
  readonly books: Books;
  readonly space?: Space | undefined;
  /** what the settings say of removed files; without it they are not kept */
  readonly keep?: ServerKeep | undefined;
  /** the home alone, when there is none */
  readonly plan?: (() => Promise<TreePlan>) | undefined;
  /** A folder is not where it should be: it is left out until it is. */
  readonly onMissing?: ((folder: string, error: unknown) => void) | undefined;
}

interface Named {
  readonly id: number;
  readonly name: string;
}

/** The ground of a user's home; one without files is made if missing (0700). */
export async function homeGround(parts: TreeParts, account: Named): Promise<Ground> {
  return openGround(account, await directoryOf(parts, account), parts.space, parts.keep);
}

async function directoryOf({ root, books }: TreeParts, account: Named): Promise<string> {
  books.requireHomes();
  return existingHome(root, account.name) ?? madeHome({ root, account, books });
}

/**
 * Gives the tree the folders and rules of its plan as it is now.
 * The tree stays open until this is done.
 * @param makeParents makes the directories that a path leads through, where they are missing
 */
export async function replant(
  parts: TreeParts,
  tree: Tree,
  makeParents: (path: VirtualPath) => Promise<void>,
): Promise<void> {
  const plan = await parts.plan?.();
  if (plan === undefined || tree.isClosed) return;
  tree.home.ground.trash.own = plan.trashKeep ?? null;
  const folders: { at: VirtualPath; ground: Ground }[] = [];
  const paths = new Set<string>(plan.folders.map(({ at }) => at));
  // A folder in a folder comes after it.
  for (const folder of [...plan.folders].sort((a, b) => a.at.length - b.at.length)) {
    // In another folder nothing is made: there it has to be, or is not seen.
    const isInFolder = parentsOf(folder.at).some((parent) => paths.has(parent));
    const ready = isInFolder ? async () => {} : makeParents;
    const ground = await mounted(parts, tree, folder, ready);
    if (ground === undefined) continue;
    ground.trash.own = folder.trashKeep ?? null;
    folders.push({ at: folder.at, ground });
  }
  tree.change(folders, plan.access);
}

async function mounted(
  parts: TreeParts,
  tree: Tree,
  { at, id, name }: PlannedFolder,
  makeParents: (path: VirtualPath) => Promise<void>,
): Promise<Ground | undefined> {
  const before = tree.mountAt(at)?.ground;
  if (before?.id === id) return before;
  try {
    await makeParents(at);
    const directory = await directoryOf(parts, { id, name });
    return grounds.take({ id, name }, directory, parts.space, parts.keep);
  } catch (thrown) {
    parts.onMissing?.(name, thrown);
    return undefined;
  }
}

/** The directories that a path leads through, from the top. */
export function parentsOf(path: VirtualPath): ByteString[] {
  const parents: string[] = [];
  for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) {
    parents.unshift(path.slice(0, at));
  }
  return parents as ByteString[];
}
