import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Client, Space } from "../client.ts";
import { version } from "../program.ts";
import { PYTHON } from "../system.ts";
import { json, names, script } from "./driver.ts";

/** A Python module of Debian's, whose package is called as it is. */
async function moduleVersion(name: string): Promise<string> {
  const line = `import warnings; warnings.simplefilter("ignore")\nimport ${name}; print("is", ${name}.__version__)`;
  try {
    return await version(PYTHON, ["-c", line], /^is (\d\S*)$/m);
  } catch (cause) {
    throw new Error(`${name} is missing: install the package python3-${name}`, { cause });
  }
}

export const paramiko: Client = {
  name: "paramiko",
  says: {
    wrongPassword: /Authentication failed|AuthenticationException/,
    missing: /No such file/,
    denied: /PermissionError/,
    quota: /Quota exceeded: \d+ of \d+ bytes used, \d+ more needed/,
    cut: /EOFError|OSError|Socket is closed|Server connection dropped|SSHException|ConnectionReset|Broken ?[Pp]ipe/,
  },
  lacks: {
    hardlink: "paramiko's SFTPClient has no hard links",
    df: "paramiko's SFTPClient asks for no free space",
    putKept: "paramiko's put keeps neither time nor mode; its utime and chmod set them",
    getKept: "paramiko's get keeps neither time nor mode",
  },
  version: () => moduleVersion("paramiko"),
  start: script(PYTHON, "paramiko_ops.py"),
  names,
};

export const asyncssh: Client = {
  name: "asyncssh",
  says: {
    wrongPassword: /Permission denied/,
    missing: /No such file/,
    denied: /Permission denied/,
    quota: /Quota exceeded: \d+ of \d+ bytes used, \d+ more needed/,
    cut: /Connection (lost|closed|reset)|ConnectionLost|NoConnection|ConnectionReset|BrokenPipe/i,
  },
  lacks: { checksum: "asyncssh's client compares no checksums" },
  version: () => moduleVersion("asyncssh"),
  start: script(PYTHON, "asyncssh_ops.py"),
  names,
  space: (outcome) => json(outcome) as Space,
};

async function packageVersion(name: string): Promise<string> {
  const file = createRequire(import.meta.url).resolve(`${name}/package.json`);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

const NO_TIMES = "ssh2-sftp-client carries no times; modes can be set by chmod";
const NO_LINKS = "ssh2-sftp-client has no calls for links";

export const ssh2SftpClient: Client = {
  name: "ssh2-sftp-client",
  says: {
    wrongPassword: /All configured authentication methods failed/,
    missing: /No such file/,
    denied: /Permission denied/,
    quota: /Quota exceeded: \d+ of \d+ bytes used, \d+ more needed/,
    cut: /connection|closed|reset|EPIPE|end event|No response/i,
  },
  lacks: {
    symlink: NO_LINKS,
    hardlink: NO_LINKS,
    df: "ssh2-sftp-client has no call for free space",
    checksum: "ssh2-sftp-client compares no checksums",
    putKept: NO_TIMES,
    getKept: NO_TIMES,
  },
  version: () => packageVersion("ssh2-sftp-client"),
  start: script(process.execPath, "ssh2_sftp_client_ops.mjs"),
  names,
};

const NO_WALK = "ssh2's SFTP carries files, no directories";

export const ssh2: Client = {
  name: "ssh2",
  says: ssh2SftpClient.says,
  lacks: {
    putTree: NO_WALK,
    getTree: NO_WALK,
    getKept: "ssh2's fastGet keeps neither time nor mode",
    checksum: "ssh2 compares no checksums",
  },
  version: () => packageVersion("ssh2"),
  start: script(process.execPath, "ssh2_ops.mjs"),
  names,
  space: (outcome) => json(outcome) as Space,
};
