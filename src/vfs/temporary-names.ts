/** What WinSCP, rclone, our own client and others call a file until it is whole. */
const PARTIAL = /\.(?:filepart|partial|part)$/i;

/**
 * Names that clients and editors give to what they need for a while. Each is a whole name.
 * @see docs/trash.md, which has the same list
 */
const TEMPORARY: readonly RegExp[] = [
  // Browsers and others.
  /\.(?:crdownload|tmp|temp)$/i,
  // lftp's temporary names, and what it remembers of a transfer in pieces.
  /^\.in\./,
  /\.lftp-pget-status$/,
  // rsync: .NAME.XXXXXX. A small letter alone would be .bashrc.backup as well.
  /^\..+\.(?=[a-z]*[A-Z0-9])[A-Za-z0-9]{6}$/,
  // Editors' saves: Emacs, Vim, Kate, Joe; the file by which Vim tries whether it may write.
  /~$/,
  /^\..*\.sw[a-z]$/,
  /^#.*#$/,
  /^\.#/,
  /\.kate-swp$/,
  /^4913$/,
  // Office programs: locks, and what they save to before they rename.
  /^~\$/,
  /^~WR[DL]\d+/i,
  /^\.~lock\..*#$/,
  // GLib, and a removed file that sshfs still has open.
  /^\.goutputstream-/,
  /^\.fuse_hidden/,
];

/** What some call an upload; files that people want back may be called so as well. */
const UPLOAD = /\.(?:upload|uploading|incomplete|inprogress|writing)$|^\..+\.[A-Za-z0-9]{6}$/i;

/** Whether it is the name of an upload that is not whole yet. */
export function isPartial(name: string): boolean {
  return PARTIAL.test(name);
}

/** Whether nobody will want a file of that name back. */
export function isTemporary(name: string): boolean {
  return isPartial(name) || TEMPORARY.some((pattern) => pattern.test(name));
}

/** Whether who uploads a file of that path may soon give it another name. */
export function mayBeRenamed(path: string): boolean {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return isTemporary(name) || UPLOAD.test(name);
}
