import type { Client } from "../client.ts";
import { MissingProgram, version } from "../program.ts";
import { names, QUOTA, SIZE_FIRST, script } from "./driver.ts";

async function gemVersion(name: string): Promise<string> {
  const line = `puts "is #{Gem::Specification.find_by_name(${JSON.stringify(name)}).version}"`;
  try {
    return await version("ruby", ["-e", line], /^is (\d\S*)$/m);
  } catch (cause) {
    throw new MissingProgram(`${name} is missing: install the package ruby-${name}`, { cause });
  }
}

const CUT = /closed|reset|EOF|IOError|Disconnect|disconnect|Broken pipe/;

export const netSftp: Client = {
  name: "net-sftp",
  says: {
    wrongPassword: /AuthenticationFailed/,
    missing: /no such file/,
    denied: /permission denied/,
    // It has texts of its own for the codes.
    quota: /StatusException write \S+ \(4, "failure"\)/,
    cut: CUT,
  },
  lacks: {
    session:
      "net-sftp does what is called after an upload that failed, and raises the old error in it",
    replace: "net-sftp's rename replaces nothing with a server of version 3",
    putKept: "net-sftp's upload! keeps neither time nor mode",
    getKept: "net-sftp's download! keeps neither time nor mode",
    hardlink: "net-sftp makes hard links from version 6 of the protocol on",
    df: "net-sftp asks for no free space",
    checksum: "net-sftp compares no checksums",
  },
  version: () => gemVersion("net-sftp"),
  start: script("ruby", "net_sftp_ops.rb"),
  names,
};

const ONLY_COPIES = "net-scp copies files and directories, that is all";

export const netScp: Client = {
  name: "net-scp",
  says: {
    wrongPassword: /AuthenticationFailed/,
    missing: /No such file/i,
    denied: /Permission denied/i,
    quota: QUOTA,
    cut: CUT,
  },
  lacks: {
    list: ONLY_COPIES,
    rename: ONLY_COPIES,
    replace: ONLY_COPIES,
    remove: ONLY_COPIES,
    mkdir: ONLY_COPIES,
    rmdir: ONLY_COPIES,
    symlink: ONLY_COPIES,
    hardlink: ONLY_COPIES,
    chmod: ONLY_COPIES,
    df: ONLY_COPIES,
    checksum: ONLY_COPIES,
    partial: SIZE_FIRST,
    newline: "the old protocol ends a name with a newline",
    resumePut: "the scp protocol has no resume",
    resumeGet: "the scp protocol has no resume",
  },
  version: () => gemVersion("net-scp"),
  start: script("ruby", "net_sftp_ops.rb", "scp"),
};
