import { pathText } from "../access/paths.ts";
import type { TrashedFile } from "../vfs/types.ts";
import type { MethodsOf } from "./folder-methods.ts";
import type { Caller } from "./methods.ts";
import { TrashControl } from "./trash.ts";
import { MAX_TRASH_PAGE, type TrashedInfo, type TrashMethods } from "./trash-protocol.ts";

/** The administrators' use-cases that concern what was removed. */
export const TRASH_METHODS: MethodsOf<TrashMethods> = {
  "trash.list": async (caller, { name, after, limit = MAX_TRASH_PAGE }) => {
    const { files, more } = await trashOf(caller).list(name, limit, after);
    return { files: files.map(trashedInfo), more };
  },
  "trash.restore": async (caller, { name, what, ...options }) => ({
    path: await trashOf(caller).restore(name, what, options),
  }),
  "trash.empty": (caller, { name, ids }) => trashOf(caller).empty(name, ids),
};

function trashOf({ host, actor }: Caller): TrashControl {
  return new TrashControl({ store: host.store, actor, open: (home) => host.openBare(home) });
}

export function trashedInfo({ id, path, removedAt, size }: TrashedFile): TrashedInfo {
  return { id, path: pathText(path), removedAt, size };
}
