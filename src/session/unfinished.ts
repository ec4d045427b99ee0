import { encodeText } from "../shell/text.ts";
import type { AuditRecord } from "../store/types.ts";
import { humanSize } from "../text/units.ts";
import { type FileStat, S_IFMT, S_IFREG, type UserFileSystem } from "../vfs/types.ts";

/** Lines shown at most. */
const SHOWN = 10;

interface Unfinished {
  readonly path: string;
  readonly at: number;
  readonly stat: FileStat;
}

/**
 * What an interactive shell says first: the uploads that broke off and were not completed since.
 * @param uploads a user's records of uploads, newest first
 */
export async function welcome(
  uploads: readonly AuditRecord[],
  fs: UserFileSystem,
): Promise<readonly string[]> {
  const found = await unfinished(uploads, fs);
  if (found.length === 0) return [];
  const lines = found.slice(0, SHOWN).map(({ path, at, stat }) => {
    const when = new Date(at).toISOString().slice(0, 16).replace("T", " ");
    return `  ${humanSize(stat.size).padStart(6)}  ${when}  ${path}`;
  });
  const more = found.length - lines.length;
  return [
    "Unfinished uploads, with what is there of them (`reput` in sftp goes on with one):",
    ...lines,
    ...(more > 0 ? [`  and ${more} more`] : []),
  ];
}

/** The newest record of a path counts, and only while its file is there. */
async function unfinished(
  uploads: readonly AuditRecord[],
  fs: UserFileSystem,
): Promise<Unfinished[]> {
  const seen = new Set<string>();
  const found: Unfinished[] = [];
  for (const { path = "", at, unfinished: isUnfinished = false } of uploads) {
    if (seen.has(path)) continue;
    seen.add(path);
    if (!isUnfinished) continue;
    const stat = await fs.lstat(encodeText(path)).catch(() => undefined);
    if (stat !== undefined && (stat.mode & S_IFMT) === S_IFREG) found.push({ path, at, stat });
  }
  return found;
}
