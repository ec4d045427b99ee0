import { dirname } from "node:path";
import { opensshVersion } from "../../../support/machine.ts";
import { OPENSSH_OPTIONS } from "../../../support/ssh-client.ts";
import type { Client, Login, Messages, Op, Outcome, Running } from "../client.ts";
import { lines, start, unsupported, version } from "../program.ts";

const NO_LINK_OR_FILE_WORK = "scp only copies: sftp and ssh do the rest";

const SAYS: Messages = {
  wrongPassword: /Permission denied/,
  missing: /No such file or directory|not found/,
  denied: /Permission denied/,
  quota: /Failure/,
  cut: /Connection (to \S+ )?(closed|reset)|lost connection|Broken pipe|client_loop/i,
};

interface How {
  readonly input?: string;
  /** a shell line of the client's machine: the file is $1, the rest is the command */
  readonly around?: { readonly line: string; readonly file: string };
}

function openssh(program: string, args: readonly string[], login: Login, how: How = {}): Running {
  const asked = login.password !== undefined;
  const key = ["-i", login.key.openssh, "-o", "IdentitiesOnly=yes"];
  const all = [
    ...(asked ? ["sshpass", "-e", program] : [program]),
    ...["-F", "none"],
    // A batch never asks, unless told before.
    ...["-o", `BatchMode=${asked ? "no" : "yes"}`],
    // What it says counts here.
    ...["-o", "LogLevel=INFO", ...OPENSSH_OPTIONS],
    ...(asked
      ? ["-o", "PreferredAuthentications=password", "-o", "NumberOfPasswordPrompts=1"]
      : key),
    ...args,
  ];
  const { input = "", around } = how;
  const line = around === undefined ? [] : ["sh", "-c", around.line, "sh", around.file];
  const [first = "", ...rest] = [...line, ...all];
  const env = asked ? { SSHPASS: login.password as string } : {};
  return start(first, rest, login, { input, env });
}

const tellVersion = (): Promise<string> => version("ssh", ["-V"], /^OpenSSH_([^ ,]+)/);

/** As sftp reads a word. */
function word(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

function sftpCommand(op: Op): string {
  switch (op.do) {
    case "list":
      return `cd ${word(op.path)}\nls -1a`;
    case "put":
      return `put ${word(op.here)} ${word(op.there)}`;
    case "putTree":
      return `put -r ${word(op.here)} ${word(op.there)}`;
    case "putKept":
      return `put -p ${word(op.here)} ${word(op.there)}`;
    case "resumePut":
      return `reput ${word(op.here)} ${word(op.there)}`;
    case "get":
      return `get ${word(op.there)} ${word(op.here)}`;
    case "getTree":
      return `get -r ${word(op.there)} ${word(op.here)}`;
    case "getKept":
      return `get -p ${word(op.there)} ${word(op.here)}`;
    case "resumeGet":
      return `reget ${word(op.there)} ${word(op.here)}`;
    case "rename":
    case "replace":
      return `rename ${word(op.from)} ${word(op.to)}`;
    case "symlink":
      return `ln -s ${word(op.from)} ${word(op.to)}`;
    case "hardlink":
      return `ln ${word(op.from)} ${word(op.to)}`;
    case "remove":
      return `rm ${word(op.path)}`;
    case "chmod":
      return `chmod ${op.mode.toString(8)} ${word(op.path)}`;
    case "mkdir":
    case "rmdir":
    case "df":
      return `${op.do} ${word(op.path)}`;
    case "checksum":
      throw unsupported("sftp", op.do);
  }
}

/** Figures in KiB: all, used. */
function kibibytes({ stdout }: Outcome): { total: number; used: number } {
  const row = lines(stdout).at(-1)?.toString().trim().split(/\s+/) ?? [];
  const [total, used] = row.filter((figure) => /^\d+$/.test(figure)).map(Number);
  return { total: (total ?? Number.NaN) * 1024, used: (used ?? Number.NaN) * 1024 };
}

export const sftp: Client = {
  name: "sftp",
  says: SAYS,
  large: 1024 ** 3,
  lacks: {
    newline: "a command is one line; directories as a whole carry such names",
    checksum: "sftp compares no checksums: use ssh and sha256sum",
  },
  version: tellVersion,
  start(login, ops, { goOn = false } = {}) {
    const commands = ops.map((op) => `${goOn ? "-" : ""}${sftpCommand(op)}`);
    const args = ["-b", "-", "-P", String(login.port), `${login.user}@127.0.0.1`];
    return openssh("sftp", args, login, { input: `${commands.join("\n")}\n` });
  },
  names: ({ stdout }) => lines(stdout).filter((line) => !line.toString().startsWith("sftp> ")),
  space: kibibytes,
};

const SCP_LACKS: Client["lacks"] = {
  list: NO_LINK_OR_FILE_WORK,
  rename: NO_LINK_OR_FILE_WORK,
  replace: NO_LINK_OR_FILE_WORK,
  remove: NO_LINK_OR_FILE_WORK,
  mkdir: NO_LINK_OR_FILE_WORK,
  rmdir: NO_LINK_OR_FILE_WORK,
  symlink: NO_LINK_OR_FILE_WORK,
  hardlink: NO_LINK_OR_FILE_WORK,
  chmod: NO_LINK_OR_FILE_WORK,
  df: NO_LINK_OR_FILE_WORK,
  checksum: NO_LINK_OR_FILE_WORK,
  resumePut: "scp always copies the whole file: sftp's reput and reget resume",
  resumeGet: "scp always copies the whole file: sftp's reput and reget resume",
};

const SCP_FLAGS: Partial<Record<Op["do"], readonly string[]>> = {
  putTree: ["-r"],
  getTree: ["-r"],
  putKept: ["-p"],
  getKept: ["-p"],
};

function scpClient(
  name: string,
  mode: () => readonly string[],
  quote: (path: string, isSource: boolean) => string,
  says: Messages,
): Client {
  return {
    name,
    says,
    lacks: SCP_LACKS,
    version: tellVersion,
    start(login, ops) {
      const [op] = ops as [Op];
      if (!("here" in op)) throw unsupported(name, op.do);
      const remote = (path: string, isSource: boolean): string =>
        `${login.user}@127.0.0.1:${quote(path, isSource)}`;
      // Several files at once go into a directory.
      const heres = ops.map((each) => (each as { here: string }).here);
      const target = ops.length > 1 ? dirname(op.there) : op.there;
      const paths = op.do.startsWith("put")
        ? [...heres, remote(target, false)]
        : [remote(op.there, true), op.here];
      const flags = SCP_FLAGS[op.do] ?? [];
      return openssh("scp", [...mode(), ...flags, "-P", String(login.port), "--", ...paths], login);
    },
  };
}

/** Sources on the server are patterns. */
export const scp = scpClient(
  "scp",
  () => ["-s"],
  (path, isSource) => (isSource ? path.replace(/[\\*?[]/g, "\\$&") : path),
  SAYS,
);

/** As a shell reads a word. */
function shellWord(text: string): string {
  return `'${text.replace(/'/g, "'\\''")}'`;
}

/**
 * The old protocol: paths are words of a command line, and patterns with which scp compares the names
 * that come; in quotes they would match nothing.
 */
function oldWord(path: string): string {
  return path.replace(/[^\w./@%+=:,\u0080-\uffff-]/g, "\\$&");
}

/** Before 8.7 scp knows the old protocol only, and no flag for it. */
function oldMode(): readonly string[] {
  return opensshVersion() < 8.7 ? [] : ["-O"];
}

const old = scpClient("scp -O", oldMode, oldWord, { ...SAYS, quota: /Quota exceeded/ });

export const scpOld: Client = {
  ...old,
  lacks: {
    ...old.lacks,
    newline: "the old protocol ends a name with a newline",
    partial: "the old protocol says the size first: what can't fit is refused before it begins",
  },
};

const NO_REDIRECTION = "the command channel has no redirection to files: sftp and scp upload";
const NO_TREES = "ssh prints files, one at a time: sftp and scp copy directories, times and modes";

function sshCommand(op: Op): string {
  switch (op.do) {
    case "list":
      return `ls -1a ${shellWord(op.path)}`;
    case "get":
      return `cat ${shellWord(op.there)}`;
    case "rename":
    case "replace":
      return `mv ${shellWord(op.from)} ${shellWord(op.to)}`;
    case "symlink":
      return `ln -s ${shellWord(op.from)} ${shellWord(op.to)}`;
    case "hardlink":
      return `ln ${shellWord(op.from)} ${shellWord(op.to)}`;
    case "remove":
      return `rm ${shellWord(op.path)}`;
    case "mkdir":
    case "rmdir":
      return `${op.do} ${shellWord(op.path)}`;
    case "chmod":
      return `chmod ${op.mode.toString(8)} ${shellWord(op.path)}`;
    case "df":
      return "df -k";
    case "checksum":
      return `sha256sum ${shellWord(op.there)}`;
    default:
      throw unsupported("ssh", op.do);
  }
}

/** Shell lines of the client's machine around `ssh … COMMAND`, which is "$@". */
const AROUND: Partial<Record<Op["do"], string>> = {
  get: 'out=$1; shift; exec "$@" >"$out"',
  checksum:
    'file=$1; shift; sum=$("$@") || exit 1; echo "$sum"; test "$(echo "$sum" | cut -c1-64)" = "$(sha256sum <"$file" | cut -c1-64)"',
};

export const ssh: Client = {
  name: "ssh",
  says: { ...SAYS, cut: /closed|reset|Broken pipe|disconnect/i },
  lacks: {
    put: NO_REDIRECTION,
    putTree: NO_TREES,
    getTree: NO_TREES,
    putKept: NO_TREES,
    getKept: NO_TREES,
    resumePut: NO_REDIRECTION,
    resumeGet: "ssh prints the whole file or, with tail -c, an end of it: no resume by itself",
    newline: "ls prints one name a line: which newline is a name's can't be told",
  },
  version: tellVersion,
  start(login, ops) {
    const [op] = ops as [Op];
    const args = ["-p", String(login.port), `${login.user}@127.0.0.1`, sshCommand(op)];
    const line = AROUND[op.do];
    if (line === undefined || !("here" in op)) return openssh("ssh", args, login);
    return openssh("ssh", args, login, { around: { line, file: op.here } });
  },
  names: ({ stdout }) => lines(stdout),
  space: kibibytes,
};
