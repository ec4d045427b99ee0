import type { Operation } from "../context.ts";
import { unsupportedReply } from "../replies.ts";
import { copyData, fsync } from "./files.ts";
import { fstatvfs, limits, statvfs, usersGroupsById } from "./info.ts";
import { expandPath, hardlink, homeDirectory, lsetstat, posixRename } from "./paths.ts";

export interface Extension {
  readonly name: string;
  readonly version: string;
  readonly run: Operation;
}

/** What VERSION advertises; nothing is listed that isn't done. */
export const EXTENSIONS: readonly Extension[] = [
  { name: "limits@openssh.com", version: "1", run: limits },
  { name: "posix-rename@openssh.com", version: "1", run: posixRename },
  { name: "statvfs@openssh.com", version: "2", run: statvfs },
  { name: "fstatvfs@openssh.com", version: "2", run: fstatvfs },
  { name: "hardlink@openssh.com", version: "1", run: hardlink },
  { name: "fsync@openssh.com", version: "1", run: fsync },
  { name: "lsetstat@openssh.com", version: "1", run: lsetstat },
  { name: "copy-data", version: "1", run: copyData },
  { name: "expand-path@openssh.com", version: "1", run: expandPath },
  { name: "home-directory", version: "1", run: homeDirectory },
  { name: "users-groups-by-id@openssh.com", version: "1", run: usersGroupsById },
];

const BY_NAME: ReadonlyMap<string, Operation> = new Map(
  EXTENSIONS.map((extension) => [extension.name, extension.run]),
);

/** EXTENDED (section 8): the name, then what the extension wants. */
export const extended: Operation = async (context, id, request) => {
  const run = BY_NAME.get(request.string().toString("latin1"));
  return run === undefined ? unsupportedReply(id) : run(context, id, request);
};
