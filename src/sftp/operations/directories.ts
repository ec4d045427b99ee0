import type { DirectoryEntry } from "../../vfs/types.ts";
import type { Operation, OperationContext } from "../context.ts";
import { longname } from "../longname.ts";
import { eofReply, handleReply, okReply } from "../replies.ts";
import { readAttrs, writeAttrs } from "../wire/attrs.ts";
import { PacketType } from "../wire/constants.ts";
import { Writer } from "../wire/writer.ts";

/** Entries a page: at most 62 KB with names of 255 bytes; sshfs ends over a reply of 128 KiB. */
const PAGE = 100;

export const opendir: Operation = async ({ fs, handles }, id, request) => {
  const path = request.path();
  handles.reserve();
  const directory = await fs.openDirectory(path);
  return handleReply(id, handles.add({ kind: "directory", directory }));
};

export const readdir: Operation = async (context, id, request) => {
  const { directory } = context.handles.directory(request.handle());
  const entries = await directory.next(PAGE);
  return entries.length === 0 ? eofReply(id) : pageReply(context, id, entries);
};

function pageReply(
  context: OperationContext,
  id: number,
  entries: readonly DirectoryEntry[],
): Buffer {
  const now = Math.floor(Date.now() / 1000);
  const { owner } = context.fs;
  const writer = new Writer(PacketType.NAME, 64 + entries.length * 160);
  writer.u32(id).u32(entries.length);
  for (const { name, stat } of entries) {
    writer.bytes(name).bytes(longname(name, stat, context.columns, now));
    writeAttrs(writer, stat, owner);
  }
  return writer.finish();
}

export const mkdir: Operation = async ({ fs }, id, request) => {
  const path = request.path();
  const { permissions } = readAttrs(request);
  await fs.makeDirectory(path, permissions === undefined ? undefined : permissions & 0o777);
  return okReply(id);
};

export const rmdir: Operation = async ({ fs }, id, request) => {
  await fs.removeDirectory(request.path());
  return okReply(id);
};
