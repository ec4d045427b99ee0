import { FsError } from "../../errors.ts";
import { type ByteString, fromText, ROOT } from "../../vfs/path.ts";
import type { Operation } from "../context.ts";
import { nameReply, okReply } from "../replies.ts";
import { readAttrs, toChange } from "../wire/attrs.ts";

/** posix-rename@openssh.com (OpenSSH PROTOCOL, 4.3): replaces an existing target. */
export const posixRename: Operation = async ({ fs }, id, request) => {
  const from = request.path();
  await fs.rename(from, request.path(), true);
  return okReply(id);
};

/** hardlink@openssh.com (OpenSSH PROTOCOL, 4.5). */
export const hardlink: Operation = async ({ fs }, id, request) => {
  const existing = request.path();
  await fs.hardLink(existing, request.path());
  return okReply(id);
};

/** lsetstat@openssh.com (OpenSSH PROTOCOL, 4.7): SETSTAT that does not follow a link. */
export const lsetstat: Operation = async ({ fs }, id, request) => {
  const path = request.path();
  const change = toChange(readAttrs(request));
  // It would have to follow the link.
  if (change.size !== undefined) throw new FsError("EINVAL");
  await fs.setStat(path, change, false);
  return okReply(id);
};

/** expand-path@openssh.com (OpenSSH PROTOCOL, 4.9): REALPATH that knows "~" and "~user". */
export const expandPath: Operation = async ({ fs }, id, request) => {
  return nameReply(id, await fs.realPath(expandTilde(request.path(), fromText(fs.owner.user))));
};

function expandTilde(path: ByteString, user: ByteString): ByteString {
  if (!path.startsWith("~")) return path;
  const slash = path.indexOf("/");
  const name = path.slice(1, slash === -1 ? undefined : slash);
  if (name !== "" && name !== user) throw new FsError("ENOENT");
  return (slash === -1 ? ROOT : path.slice(slash)) as ByteString;
}

/** home-directory (draft-ietf-secsh-filexfer-extensions-00, section 5); no name means oneself. */
export const homeDirectory: Operation = async ({ fs }, id, request) => {
  const name = request.path();
  if (name !== "" && name !== fromText(fs.owner.user)) throw new FsError("ENOENT");
  return nameReply(id, ROOT);
};
