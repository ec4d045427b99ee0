/** A file in the trash of a home or folder. */
export interface TrashedInfo {
  /** sorts by the time of removal */
  readonly id: string;
  /** where it was, in the home or folder; UTF-8 text */
  readonly path: string;
  /** milliseconds since the epoch */
  readonly removedAt: number;
  /** in bytes */
  readonly size: number;
}

/** Method → what it takes and gives. `name` is a user, or a folder with an "@". */
export interface TrashMethods {
  /** The oldest first. */
  "trash.list": {
    params: {
      readonly name: string;
      /** the last id of the page before */
      readonly after?: string;
      /** at most {@link MAX_TRASH_PAGE}, which is what it is without one */
      readonly limit?: number;
    };
    result: { readonly files: readonly TrashedInfo[]; readonly more: boolean };
  };
  "trash.restore": {
    params: {
      readonly name: string;
      /** an id, or a path: of a path the newest */
      readonly what: string;
      /** where it is put; absent: where it was */
      readonly to?: string;
      /** what stands there goes to the trash */
      readonly force?: boolean;
    };
    /** where it is now */
    result: { readonly path: string };
  };
  "trash.empty": {
    params: {
      readonly name: string;
      /** ids; absent: all */
      readonly ids?: readonly string[];
    };
    result: { readonly files: number; readonly bytes: number };
  };
}

export const MAX_TRASH_PAGE = 500;
