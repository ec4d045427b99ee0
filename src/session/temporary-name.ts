/**
 * Names that clients give to files while they upload them, and change at the end: WinSCP's
 * `.filepart`, rclone's `.1a2b3c4d.partial`, our own client's `.part`, lftp's `.in.NAME.`, rsync's
 * `.NAME.Ab12Cd`, and what else ends like that.
 */
const TEMPORARY =
  /\.(?:part|filepart|partial|tmp|temp|upload|uploading|crdownload|incomplete|inprogress|writing)$|^\.in\..*\.$|^\..+\.[A-Za-z0-9]{6}$|~$/i;

/** True when a file of this name is one that is about to get another, as its name looks. */
export function isTemporaryName(path: string): boolean {
  return TEMPORARY.test(path.slice(path.lastIndexOf("/") + 1));
}
