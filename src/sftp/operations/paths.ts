import type { Operation } from "../context.ts";
import { attrsReply, nameReply, okReply } from "../replies.ts";
import { readAttrs, toChange } from "../wire/attrs.ts";

export const stat: Operation = async ({ fs }, id, request) => {
  return attrsReply(id, await fs.stat(request.path()), fs.owner);
};

export const lstat: Operation = async ({ fs }, id, request) => {
  return attrsReply(id, await fs.lstat(request.path()), fs.owner);
};

export const setstat: Operation = async ({ fs }, id, request) => {
  const path = request.path();
  await fs.setStat(path, toChange(readAttrs(request)), true);
  return okReply(id);
};

export const remove: Operation = async ({ fs }, id, request) => {
  await fs.remove(request.path());
  return okReply(id);
};

/** RENAME (section 6.5): refuses an existing target, unlike posix-rename@openssh.com. */
export const rename: Operation = async ({ fs }, id, request) => {
  const from = request.path();
  await fs.rename(from, request.path(), false);
  return okReply(id);
};

export const realpath: Operation = async ({ fs }, id, request) => {
  return nameReply(id, await fs.realPath(request.path()));
};

export const readlink: Operation = async ({ fs }, id, request) => {
  return nameReply(id, await fs.readLink(request.path()));
};

/** SYMLINK (section 6.10): which path comes first depends on the client. */
export const symlink: Operation = async ({ fs, linkFirst }, id, request) => {
  const first = request.path();
  const second = request.path();
  await (linkFirst ? fs.symlink(second, first) : fs.symlink(first, second));
  return okReply(id);
};
