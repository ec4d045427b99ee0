import { OPENSSH_OPTIONS } from "../../../support/ssh-client.ts";
import type { Client, Op } from "../client.ts";
import { lines, start, unsupported, version } from "../program.ts";

/** As lftp reads a word. */
function word(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

function command(op: Op): string {
  switch (op.do) {
    case "list":
      return `cd ${word(op.path)}; cls -1a`;
    case "put":
    case "putKept":
      return `put ${word(op.here)} -o ${word(op.there)}`;
    case "resumePut":
      return `put -c ${word(op.here)} -o ${word(op.there)}`;
    case "putTree":
      return `mirror -R ${word(op.here)} ${word(op.there)}`;
    case "get":
    case "getKept":
      return `get ${word(op.there)} -o ${word(op.here)}`;
    case "resumeGet":
      return `get -c ${word(op.there)} -o ${word(op.here)}`;
    case "getTree":
      return `mirror ${word(op.there)} ${word(op.here)}`;
    case "rename":
      return `mv ${word(op.from)} ${word(op.to)}`;
    case "symlink":
      return `ln -s ${word(op.from)} ${word(op.to)}`;
    case "hardlink":
      return `ln ${word(op.from)} ${word(op.to)}`;
    case "remove":
      return `rm ${word(op.path)}`;
    case "mkdir":
    case "rmdir":
      return `${op.do} ${word(op.path)}`;
    case "chmod":
      return `chmod ${op.mode.toString(8)} ${word(op.path)}`;
    default:
      throw unsupported("lftp", op.do);
  }
}

export const lftp: Client = {
  name: "lftp",
  says: {
    wrongPassword: /Login (failed|incorrect)/,
    missing: /No such file/,
    denied: /Permission denied/,
    quota: /Quota exceeded: \d+ of \d+ bytes used, \d+ more needed/,
    cut: /max-retries exceeded|Fatal error|closed|reset/i,
  },
  lacks: {
    newline: "a newline ends a command, also within quotes; mirror carries such names",
    replace: "lftp 4.9.2 has no forced mv: it sends the plain rename of SFTP 3",
    hardlink: "lftp makes hard links over SFTP 6 only",
    df: "lftp has no command for it; its du adds up sizes",
    checksum: "lftp compares sizes and times only",
    putMode: "put carries the time only; mirror also the modes",
    getMode: "get carries the time only; mirror also the modes",
  },
  reconnects: true,
  version: () => version("lftp", ["--version"], /Version (\S+)/),
  start(login, ops, { goOn = false } = {}) {
    const password = login.password ?? "";
    const key = ["-i", login.key.openssh, "-o", "IdentitiesOnly=yes"];
    const ssh = [
      ...["ssh", "-a", "-x", "-F", "none", ...OPENSSH_OPTIONS],
      ...(login.password === undefined ? key : ["-o", "PubkeyAuthentication=no"]),
    ];
    const commands = [
      "set net:max-retries 1",
      "set net:timeout 60",
      "set net:reconnect-interval-base 1",
      "set xfer:clobber yes",
      'set cmd:cls-default ""',
      `set cmd:fail-exit ${goOn ? "no" : "yes"}`,
      `set sftp:connect-program ${word(ssh.join(" "))}`,
      `open -u ${word(login.user)},${word(password)} -p ${login.port} sftp://127.0.0.1`,
      ...ops.map(command),
    ];
    return start("lftp", ["--norc", "-c", commands.join("; ")], login);
  },
  names: ({ stdout }) =>
    lines(stdout).map((name) => Buffer.from(name.toString("latin1").replace(/\/$/, ""), "latin1")),
};
