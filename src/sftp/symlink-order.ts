/**
 * Clients that send SYMLINK's link before its target. Draft-ietf-secsh-filexfer-02 (section 6.10)
 * says so; OpenSSH's server reads the target first (its PROTOCOL, section 4.1), and so does this
 * one for everybody who isn't named here. An answer can't tell the two orders apart, and looking at
 * what exists would make a wrong link where OpenSSH reports an error: only the identification counts.
 *
 * The order is what the client's own source does for a server that isn't OpenSSH.
 */
const LINK_FIRST: readonly RegExp[] = [
  // Target first for servers that say OpenSSH or mod_sftp: source/core/SftpFileSystem.cpp, CreateLink.
  /^WinSCP/i,
  // Target first for OpenSSH and dropbear: lib/protocol/SFTP.js, symlink. On it are built
  // ssh2-sftp-client, node-ssh and the editors' extensions.
  /^ssh2js/i,
  // Target first for OpenSSH: src/sftp.c, sftp_symlink. KDE's sftp: and pylibssh use it. libssh2 is
  // another library, whose callers order the arguments themselves.
  /^libssh[_-]/i,
  // Target first for OpenSSH: phpseclib/Net/SFTP.php, symlink.
  /^phpseclib/i,
  // Target first for OpenSSH and paramiko: asyncssh/sftp.py, _nonstandard_symlink_impls.
  /^AsyncSSH/i,
  // Always link first: net/schmizz/sshj/sftp/SFTPEngine.java, symlink.
  /^SSHJ/i,
];

/** @param clientIdent the client's identification string: "SSH-2.0-softwareversion comments" */
export function sendsLinkFirst(clientIdent: string): boolean {
  const software = clientIdent.replace(/^SSH-[\d.]+-/, "");
  return LINK_FIRST.some((start) => start.test(software));
}
