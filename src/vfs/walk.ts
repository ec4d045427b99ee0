import {
  type BigIntStats,
  closeSync,
  constants,
  type Dir,
  type Dirent,
  lstatSync,
  opendirSync,
  openSync,
} from "node:fs";
import { below, itself, O_PATH } from "./jail.ts";
import { bytes } from "./path.ts";

interface Level {
  readonly fd: number;
  readonly stream: Dir;
}

/**
 * Visits every directory entry below a directory, links not followed. Works on descriptors, so
 * that what clients rename meanwhile can't lead it elsewhere.
 */
export function* walk(directory: string): Generator<BigIntStats, void, void> {
  const levels: Level[] = [enter(directory, 0)];
  try {
    for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
      const entry = level.stream.readSync() as Dirent | null;
      if (entry === null) {
        leave(levels.pop() as Level);
        continue;
      }
      const host = below(level.fd, bytes(entry.name as unknown as Buffer));
      const stat = lstatSync(host, { bigint: true, throwIfNoEntry: false });
      if (stat === undefined) continue;
      yield stat;
      if (stat.isDirectory()) {
        const next = tryEnter(host);
        if (next !== undefined) levels.push(next);
      }
    }
  } finally {
    for (const level of levels) leave(level);
  }
}

function enter(host: string | Buffer, nofollow: number): Level {
  const fd = openSync(host, O_PATH | constants.O_DIRECTORY | nofollow);
  const encoding = "buffer" as BufferEncoding;
  try {
    return { fd, stream: opendirSync(itself(fd), { encoding, bufferSize: 256 }) };
  } catch (thrown) {
    closeSync(fd);
    throw thrown;
  }
}

/** undefined: gone, or replaced by something else, since it was seen. */
function tryEnter(host: string | Buffer): Level | undefined {
  try {
    return enter(host, constants.O_NOFOLLOW);
  } catch (thrown) {
    const { code } = thrown as { code?: string };
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP") return undefined;
    throw thrown;
  }
}

function leave(level: Level): void {
  level.stream.closeSync();
  closeSync(level.fd);
}
