import type { Client, Space } from "../client.ts";
import { MissingProgram, version } from "../program.ts";
import { json, names, QUOTA, script } from "./driver.ts";

async function moduleVersion(module: string, debian: string): Promise<string> {
  const line = `print "is ", ${module}->VERSION, "\\n"`;
  try {
    return await version("perl", [`-M${module}`, "-e", line], /^is (\d\S*)$/m);
  } catch (cause) {
    throw new MissingProgram(`${module} is missing: install the package ${debian}`, { cause });
  }
}

/** On top of OpenSSH's ssh. */
export const netSftpForeign: Client = {
  name: "Net::SFTP::Foreign",
  says: {
    wrongPassword: /Permission denied|password|Connection to remote server/i,
    missing: /No such file/,
    denied: /Permission denied/,
    quota: QUOTA,
    cut: /Connection to remote server is broken|Couldn't/,
  },
  lacks: { checksum: "Net::SFTP::Foreign compares no checksums" },
  version: () => moduleVersion("Net::SFTP::Foreign", "libnet-sftp-foreign-perl"),
  start: script("perl", "net_sftp_foreign_ops.pl"),
  names,
  space: (outcome) => json(outcome) as Space,
};

const NO_TREES = "Net::SSH2 carries files, no directories";

export const netSsh2: Client = {
  name: "Net::SSH2",
  says: {
    wrongPassword: /login: .*Authentication failed|LIBSSH2_ERROR_AUTHENTICATION_FAILED/i,
    missing: /NO_SUCH_FILE/,
    denied: /PERMISSION_DENIED/,
    quota: /SSH_FX_FAILURE/,
    cut: /write|read|SOCKET|connection/i,
  },
  lacks: {
    putTree: NO_TREES,
    getTree: NO_TREES,
    hardlink: "Net::SSH2 has no hard links",
    df: "Net::SSH2 has no statvfs for a path",
    checksum: "Net::SSH2 compares no checksums",
    replace: "libssh2's rename replaces nothing with a server of version 3",
  },
  version: () => moduleVersion("Net::SSH2", "libnet-ssh2-perl"),
  start: script("perl", "net_ssh2_ops.pl"),
  names,
};
