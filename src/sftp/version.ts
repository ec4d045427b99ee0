import { fromText } from "../vfs/path.ts";
import { PacketType, VERSION } from "./constants.ts";
import type { Context } from "./context.ts";
import { advertised } from "./extensions/table.ts";
import { Writer } from "./writer.ts";

/**
 * The VERSION that answers an INIT (section 4): 3 whatever the client says, as OpenSSH's server
 * does. A client that speaks less decides for itself; one that asks again gets it again.
 * @param frame the whole frame, length included
 * @returns undefined when it isn't an INIT
 */
export function greet(frame: Buffer, context: Context): Buffer | undefined {
  if (frame.length < 9 || frame[4] !== PacketType.INIT) return undefined;
  const writer = new Writer(PacketType.VERSION, 512).u32(VERSION);
  for (const { name, version } of advertised(context))
    writer.bytes(fromText(name)).bytes(fromText(version));
  return writer.finish();
}

/**
 * Clients whose SYMLINK has the link first, as the draft says (section 6.10), to every server that
 * doesn't call itself OpenSSH. All others send the target first, as OpenSSH's server reads it. Where
 * each does so: WinSCP core/SftpFileSystem.cpp, sshj Requester.symlink, AsyncSSH sftp.py, npm ssh2
 * lib/protocol/SFTP.js (also under ssh2-sftp-client and node-ssh), libssh sftp.c (also under KIO;
 * libssh2 is another library), phpseclib Net/SFTP.php.
 */
const LINK_FIRST = /^SSH-2\.0-(?:winscp|sshj|asyncssh|ssh2js|libssh_|libssh-|phpseclib)/i;

/** @param clientIdent the client's SSH identification string */
export function sendsLinkFirst(clientIdent: string): boolean {
  return LINK_FIRST.test(clientIdent);
}
