import { pathText } from "../access/paths.ts";
import { AccessControl } from "./access.ts";
import type { AccessMethods, AccessView, FolderInfo, FolderMethods } from "./folder-protocol.ts";
import { FolderControl, type FolderWithShares } from "./folders.ts";
import type { Caller } from "./methods.ts";
import { explanationJson, ruleJson } from "./views.ts";

export type MethodsOf<T extends { readonly [M in keyof T]: { params: unknown; result: unknown } }> =
  {
    readonly [M in keyof T]: (caller: Caller, params: T[M]["params"]) => Promise<T[M]["result"]>;
  };

/** The administrators' use-cases that concern shared folders. */
export const FOLDER_METHODS: MethodsOf<FolderMethods> = {
  "folders.list": async (caller) => (await foldersOf(caller).list()).map(folderInfo),
  "folders.show": async (caller, { name }) => folderInfo(await foldersOf(caller).show(name)),
  "folders.add": async (caller, { name, quotaBytes, quotaFiles, trashKeep }) => {
    const { quota } = caller.host.config;
    const added = await foldersOf(caller).add({
      name,
      quotaBytes: quotaBytes === undefined ? quota.default : quotaBytes,
      quotaFiles: quotaFiles === undefined ? quota.files : quotaFiles,
    });
    if (trashKeep !== undefined) await foldersOf(caller).set(name, { trashKeep });
    return changed(caller, added.name);
  },
  "folders.set": async (caller, { name, ...change }) => {
    await foldersOf(caller).set(name, change);
    return changed(caller, name);
  },
  "folders.remove": async (caller, { name, ...options }) => {
    const removed = await foldersOf(caller).remove(name, options);
    caller.service.feeds.folders.poke();
    return removed;
  },
  "folders.rescan": async (caller, { name }) => {
    await foldersOf(caller).rescan(name);
    return changed(caller, name);
  },
  "folders.share": async (caller, { name, ...share }) => {
    await foldersOf(caller).share(name, share);
    return changed(caller, name);
  },
  "folders.unshare": async (caller, { name, to }) => {
    await foldersOf(caller).unshare(name, to);
    return changed(caller, name);
  },
};

/** The administrators' use-cases that concern what somebody may do where. */
export const ACCESS_METHODS: MethodsOf<AccessMethods> = {
  "access.list": (caller, { name }) => accessView(caller, name),
  "access.set": async (caller, { name, path, access }) => {
    await accessOf(caller).set(name, path, access);
    return accessView(caller, name);
  },
  "access.remove": async (caller, { name, path }) => {
    await accessOf(caller).remove(name, path);
    return accessView(caller, name);
  },
  "access.explain": async (caller, { name, path }) =>
    explanationJson(await accessOf(caller).explain(name, path)),
};

function foldersOf({ host, actor }: Caller): FolderControl {
  const { store, root } = host;
  return new FolderControl({ store, root, actor, announced: () => host.applyChanges() });
}

function accessOf({ host, actor }: Caller): AccessControl {
  return new AccessControl({ store: host.store, actor, announced: () => host.applyChanges() });
}

async function changed(caller: Caller, name: string): Promise<FolderInfo> {
  caller.service.feeds.folders.poke();
  return folderInfo(await foldersOf(caller).show(name));
}

async function accessView(caller: Caller, name: string): Promise<AccessView> {
  const control = accessOf(caller);
  const own = await control.list(name);
  return {
    own: own.map(({ path, access }) => ({ path: pathText(path), access })),
    counting: (await control.all(name)).map(ruleJson),
  };
}

/** A folder as control tells of it. */
export function folderInfo({ folder, shares }: FolderWithShares): FolderInfo {
  const { name, quotaBytes, quotaFiles, usedBytes, usedFiles: files, createdAt } = folder;
  const { trashKeep } = folder;
  return {
    name: name.slice(1),
    quotaBytes,
    quotaFiles,
    usedBytes,
    files,
    trashKeep,
    createdAt,
    shares: shares.map(({ to, at, access }) => ({ to, at: pathText(at), access })),
  };
}
