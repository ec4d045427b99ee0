import type { Request } from "./context.ts";
import { extended } from "./extensions/table.ts";
import { mkdir, opendir, readdir, rmdir } from "./operations/directories.ts";
import { close, fsetstat, fstat, open } from "./operations/files.ts";
import {
  lstat,
  readlink,
  realpath,
  remove,
  rename,
  setstat,
  stat,
  symlink,
} from "./operations/paths.ts";
import { PacketType } from "./wire/constants.ts";

/** Every request by its type but INIT, READ and WRITE, which the scheduler does itself. */
export const REQUESTS: ReadonlyMap<number, Request> = new Map<number, Request>([
  [PacketType.OPEN, { name: "open", kind: "serial", run: open }],
  [PacketType.CLOSE, { name: "close", kind: "serial", run: close }],
  [PacketType.LSTAT, { name: "lstat", kind: "observe", run: lstat }],
  [PacketType.FSTAT, { name: "fstat", kind: "observe", run: fstat }],
  [PacketType.SETSTAT, { name: "setstat", kind: "serial", run: setstat }],
  [PacketType.FSETSTAT, { name: "fsetstat", kind: "serial", run: fsetstat }],
  [PacketType.OPENDIR, { name: "opendir", kind: "serial", run: opendir }],
  [PacketType.READDIR, { name: "readdir", kind: "serial", run: readdir }],
  [PacketType.REMOVE, { name: "remove", kind: "serial", run: remove }],
  [PacketType.MKDIR, { name: "mkdir", kind: "serial", run: mkdir }],
  [PacketType.RMDIR, { name: "rmdir", kind: "serial", run: rmdir }],
  [PacketType.REALPATH, { name: "realpath", kind: "observe", run: realpath }],
  [PacketType.STAT, { name: "stat", kind: "observe", run: stat }],
  [PacketType.RENAME, { name: "rename", kind: "serial", run: rename }],
  [PacketType.READLINK, { name: "readlink", kind: "observe", run: readlink }],
  [PacketType.SYMLINK, { name: "symlink", kind: "serial", run: symlink }],
  [PacketType.EXTENDED, { name: "extended", kind: "serial", run: extended }],
]);
