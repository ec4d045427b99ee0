/** What somebody may do at a place, from all to nothing. */
export const ACCESS_MODES = ["full", "add", "read", "drop", "none"] as const;

export type AccessMode = (typeof ACCESS_MODES)[number];

/** Each mode in a few words, for help and screens. */
export const ACCESS_TEXTS: Readonly<Record<AccessMode, string>> = {
  full: "read, upload, change and remove",
  add: "read, upload new files, make directories; nothing is overwritten, renamed or removed",
  read: "read only",
  drop: "upload new files only; they are neither listed nor read",
  none: "not seen",
};

/** What a mode lets somebody do. */
export interface Rights {
  /** see names and attributes, and read files */
  readonly read: boolean;
  /** upload files under names that are free */
  readonly create: boolean;
  readonly makeDirectory: boolean;
  /** overwrite, rename, remove, link, set attributes */
  readonly change: boolean;
}

export const RIGHTS: Readonly<Record<AccessMode, Rights>> = {
  full: { read: true, create: true, makeDirectory: true, change: true },
  add: { read: true, create: true, makeDirectory: true, change: false },
  read: { read: true, create: false, makeDirectory: false, change: false },
  drop: { read: false, create: true, makeDirectory: false, change: false },
  none: { read: false, create: false, makeDirectory: false, change: false },
};

/** What lets somebody do what either mode does: for several groups of one user. */
export function together(one: AccessMode, other: AccessMode): AccessMode {
  const both = [one, other];
  if (both.includes("full")) return "full";
  if (both.includes("add")) return "add";
  if (both.includes("read")) return both.includes("drop") ? "add" : "read";
  return both.includes("drop") ? "drop" : "none";
}

export function isAccessMode(text: string): text is AccessMode {
  return (ACCESS_MODES as readonly string[]).includes(text);
}
