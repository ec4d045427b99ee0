import type { Operation, OperationContext } from "../context.ts";
import { unsupportedReply } from "../replies.ts";
import { observe, type Request, serial } from "../request.ts";
import { MAX_PACKET } from "../wire/constants.ts";
import type { FrameQueue } from "../wire/frames.ts";
import { SPACES } from "../wire/spaces.ts";
import { checkFile, checkFileHandle, checkFileName } from "./check-file.ts";
import { copyData, fsync } from "./files.ts";
import { fstatvfs, limits, statvfs, usersGroupsById } from "./info.ts";
import { expandPath, hardlink, homeDirectory, lsetstat, posixRename } from "./paths.ts";
import { spaces } from "./spaces.ts";

export interface Extension {
  readonly name: string;
  readonly version: string;
  readonly needsDigests: boolean;
  readonly request: Request;
}

function plain(name: string, version: string, run: Operation): Extension {
  return { name, version, needsDigests: false, request: serial(behindName(run)) };
}

/** Reads a file for long, which others need not wait for. */
function checking(name: string, run: Operation): Extension {
  const request = { ...observe(behindName(run)), replyRoom: () => MAX_PACKET };
  return { name, version: "1", needsDigests: true, request };
}

/** An EXTENDED request (section 8) begins with its name, then comes what the extension wants. */
function behindName(run: Operation): Operation {
  return async (context, id, request) => {
    request.string();
    return run(context, id, request);
  };
}

const EXTENSIONS: readonly Extension[] = [
  plain("limits@openssh.com", "1", limits),
  plain("posix-rename@openssh.com", "1", posixRename),
  plain("statvfs@openssh.com", "2", statvfs),
  plain("fstatvfs@openssh.com", "2", fstatvfs),
  plain("hardlink@openssh.com", "1", hardlink),
  plain("fsync@openssh.com", "1", fsync),
  plain("lsetstat@openssh.com", "1", lsetstat),
  plain("copy-data", "1", copyData),
  plain("expand-path@openssh.com", "1", expandPath),
  plain("home-directory", "1", homeDirectory),
  plain("users-groups-by-id@openssh.com", "1", usersGroupsById),
  plain(SPACES, "1", spaces),
  checking("check-file", checkFile),
  checking("check-file-handle", checkFileHandle),
  checking("check-file-name", checkFileName),
];

/** What VERSION advertises; nothing is listed that isn't done. */
export function advertised({ digests }: OperationContext): readonly Extension[] {
  return EXTENSIONS.filter(({ needsDigests }) => !needsDigests || digests !== undefined);
}

const BY_NAME: ReadonlyMap<string, Request> = new Map(
  EXTENSIONS.map(({ name, request }) => [name, request]),
);

const UNKNOWN = serial(behindName(async (_context, id) => unsupportedReply(id)));

/** Where an EXTENDED request has its name, and the longest one there is. */
const NAME_AT = 9;
const LONGEST = Math.max(...[...BY_NAME.keys()].map((name) => name.length));

/** The EXTENDED request at the head of the queue, which is there as a whole. */
export function extensionAt(frames: FrameQueue): Request {
  const end = 4 + frames.nextLength();
  const length = NAME_AT + 4 <= end ? frames.u32(NAME_AT) : 0;
  if (length > LONGEST || NAME_AT + 4 + length > end) return UNKNOWN;
  let name = "";
  for (let at = 0; at < length; at++) name += String.fromCharCode(frames.u8(NAME_AT + 4 + at));
  return BY_NAME.get(name) ?? UNKNOWN;
}
