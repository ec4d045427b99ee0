import type { Kind, Operation, OperationContext } from "../context.ts";
import { unsupportedReply } from "../replies.ts";
import { MAX_PACKET } from "../wire/constants.ts";
import type { FrameQueue } from "../wire/frames.ts";
import { checkFile, checkFileHandle, checkFileName } from "./check-file.ts";
import { copyData, fsync } from "./files.ts";
import { fstatvfs, limits, statvfs, usersGroupsById } from "./info.ts";
import { expandPath, hardlink, homeDirectory, lsetstat, posixRename } from "./paths.ts";

export interface Extension {
  readonly name: string;
  readonly version: string;
  readonly run: Operation;
  readonly kind: Kind;
  /** bytes the reply may take, where they are many */
  readonly held: number;
}

function serial(name: string, version: string, run: Operation): Extension {
  return { name, version, run, kind: "serial", held: 0 };
}

/** Reads a file for long, which others need not wait for. */
function checking(name: string, run: Operation): Extension {
  return { name, version: "1", run, kind: "observe", held: MAX_PACKET };
}

const EXTENSIONS: readonly Extension[] = [
  serial("limits@openssh.com", "1", limits),
  serial("posix-rename@openssh.com", "1", posixRename),
  serial("statvfs@openssh.com", "2", statvfs),
  serial("fstatvfs@openssh.com", "2", fstatvfs),
  serial("hardlink@openssh.com", "1", hardlink),
  serial("fsync@openssh.com", "1", fsync),
  serial("lsetstat@openssh.com", "1", lsetstat),
  serial("copy-data", "1", copyData),
  serial("expand-path@openssh.com", "1", expandPath),
  serial("home-directory", "1", homeDirectory),
  serial("users-groups-by-id@openssh.com", "1", usersGroupsById),
  checking("check-file", checkFile),
  checking("check-file-handle", checkFileHandle),
  checking("check-file-name", checkFileName),
];

/** What VERSION advertises; nothing is listed that isn't done. */
export function advertised({ digests }: OperationContext): readonly Extension[] {
  return EXTENSIONS.filter(({ held }) => held === 0 || digests !== undefined);
}

const BY_NAME: ReadonlyMap<string, Extension> = new Map(
  EXTENSIONS.map((extension) => [extension.name, extension]),
);

/** Where an EXTENDED request has its name, and the longest one there is. */
const NAME_AT = 9;
const LONGEST = Math.max(...[...BY_NAME.keys()].map((name) => name.length));

/** What may run beside the EXTENDED request at the head of the queue, which is there as a whole. */
export function peekExtension(frames: FrameQueue): Pick<Extension, "kind" | "held"> {
  const end = 4 + frames.nextLength();
  const length = NAME_AT + 4 <= end ? frames.u32(NAME_AT) : 0;
  if (length > LONGEST || NAME_AT + 4 + length > end) return UNKNOWN;
  let name = "";
  for (let at = 0; at < length; at++) name += String.fromCharCode(frames.u8(NAME_AT + 4 + at));
  return BY_NAME.get(name) ?? UNKNOWN;
}

const UNKNOWN = { kind: "serial", held: 0 } as const;

/** EXTENDED (section 8): the name, then what the extension wants. */
export const extended: Operation = async (context, id, request) => {
  const extension = BY_NAME.get(request.string().toString("latin1"));
  return extension === undefined ? unsupportedReply(id) : extension.run(context, id, request);
};
