import type { RuleSource } from "../access/access.ts";
import type { AccessMode } from "../access/modes.ts";

/** A shared folder as it is given to one user or group. Paths are UTF-8 text. */
export interface ShareInfo {
  /** a user, or a group with an "@" */
  readonly to: string;
  /** in the members' trees */
  readonly at: string;
  readonly access: AccessMode;
}

/** A shared folder; sizes in bytes, times in milliseconds since the epoch. */
export interface FolderInfo {
  /** without an "@" */
  readonly name: string;
  /** null: no limit */
  readonly quotaBytes: number | null;
  readonly quotaFiles: number | null;
  readonly usedBytes: number;
  readonly files: number;
  /** how long removed files stay, in milliseconds; 0: not at all, null: as the settings say */
  readonly trashKeep: number | null;
  readonly createdAt: number;
  /** by whom it is shared with */
  readonly shares: readonly ShareInfo[];
}

/** null is no limit. */
export interface FolderQuota {
  /** with or without an "@" */
  readonly name: string;
  readonly quotaBytes?: number | null;
  readonly quotaFiles?: number | null;
  /** milliseconds, 0: nothing is kept, null: as the settings say */
  readonly trashKeep?: number | null;
}

export interface FolderShareRequest {
  readonly name: string;
  /** a user, or a group with an "@" */
  readonly to: string;
  /** absent: "/" and the folder's name */
  readonly at?: string;
  readonly access: AccessMode;
}

export interface RuleInfo {
  readonly path: string;
  readonly access: AccessMode;
}

/** A rule as it counts for somebody, whether set as such or by the share of a folder. */
export interface CountingRule extends RuleInfo {
  readonly source: RuleSource;
  /** the user, or the group with an "@" */
  readonly of: string;
  /** the folder that is shared there; null: none is */
  readonly folder: string | null;
}

export interface AccessView {
  /** the user's or group's own */
  readonly own: readonly RuleInfo[];
  /** of a user all that counts; of a group what it brings to each member */
  readonly counting: readonly CountingRule[];
}

export interface AccessExplanation {
  readonly path: string;
  readonly access: AccessMode;
  /** of the rules that decide; null: none does, so all is allowed */
  readonly rulePath: string | null;
  readonly rules: readonly CountingRule[];
  /** for the path and above, but they count less */
  readonly others: readonly CountingRule[];
}

interface OfFolder {
  readonly name: string;
}

/** Method → what it takes and gives. */
export interface FolderMethods {
  "folders.list": { params: Record<string, never>; result: readonly FolderInfo[] };
  "folders.show": { params: OfFolder; result: FolderInfo };
  /** Limits that are absent are those of the settings. */
  "folders.add": { params: FolderQuota; result: FolderInfo };
  /** Limits that are absent stay. */
  "folders.set": { params: FolderQuota; result: FolderInfo };
  /** Takes it from everybody first. */
  "folders.remove": {
    params: { readonly name: string; readonly deleteFiles?: boolean };
    result: { readonly filesDeleted: boolean };
  };
  /** Counts its files anew. */
  "folders.rescan": { params: OfFolder; result: FolderInfo };
  /** Again for the same user or group: changes where or how. */
  "folders.share": { params: FolderShareRequest; result: FolderInfo };
  "folders.unshare": {
    params: { readonly name: string; readonly to: string };
    result: FolderInfo;
  };
}

/** Method → what it takes and gives. `name` is a user, or a group with an "@". */
export interface AccessMethods {
  "access.list": { params: { readonly name: string }; result: AccessView };
  /** Replaces the rule at the same path. */
  "access.set": {
    params: { readonly name: string; readonly path: string; readonly access: AccessMode };
    result: AccessView;
  };
  "access.remove": {
    params: { readonly name: string; readonly path: string };
    result: AccessView;
  };
  /** Which rule counts for a user at a path, and which do not. */
  "access.explain": {
    params: { readonly name: string; readonly path: string };
    result: AccessExplanation;
  };
}
