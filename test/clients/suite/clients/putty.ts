import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Client, Login, Messages, Op, Outcome } from "../client.ts";
import { lines, start, unsupported, version } from "../program.ts";

const SAYS: Messages = {
  wrongPassword: /Access denied|not accepted/,
  missing: /no such file/i,
  denied: /permission denied/i,
  quota: /error while writing: failure/i,
  // It may be caught writing.
  cut: /Remote side unexpectedly closed|Network error|Connection reset|Broken pipe|ended by SIGPIPE/i,
};

function common(login: Login): string[] {
  const password = join(login.desk, `password-${login.user}`);
  if (login.password !== undefined) writeFileSync(password, `${login.password}\n`, { mode: 0o600 });
  return [
    "-batch",
    ...["-P", String(login.port)],
    ...login.fingerprints.flatMap((fingerprint) => ["-hostkey", fingerprint]),
    ...(login.password === undefined ? ["-i", login.key.putty] : ["-pwfile", password]),
  ];
}

/** PuTTY has a key format of its own. */
async function prepare({ desk }: Pick<Login, "desk">): Promise<void> {
  const [from, to] = [join(desk, "id"), join(desk, "id.ppk")];
  const { code, text } = await start("puttygen", [from, "-O", "private", "-o", to], { desk })
    .result;
  if (code !== 0) throw new Error(`puttygen: ${text}`);
}

const puttyVersion = (program: string) => (): Promise<string> =>
  version(program, ["-V"], /Release (\S+)/);

/** Names in a listing as of ls -l, which PuTTY prints as the server sends it. */
function listed({ stdout }: Outcome): Buffer[] {
  return lines(stdout)
    .map(
      (line) =>
        /^[dl-]\S{9} +\d+ \S+ +\S+ +\d+ \S{3} [ \d]\d [ \d:]{5} (.*)$/s.exec(
          line.toString("latin1"),
        )?.[1],
    )
    .filter((name) => name !== undefined)
    .map((name) => Buffer.from(name, "latin1"));
}

/** As psftp reads a word. */
function word(text: string): string {
  return `"${text.replace(/"/g, '""')}"`;
}

/** Where psftp takes patterns. */
function pattern(text: string): string {
  return word(text.replace(/[\\*?[\]]/g, "\\$&"));
}

function psftpCommand(op: Op): string {
  switch (op.do) {
    case "list":
      return `ls ${word(op.path)}`;
    case "put":
      return `put ${word(op.here)} ${word(op.there)}`;
    case "putTree":
      return `put -r ${word(op.here)} ${word(op.there)}`;
    case "resumePut":
      return `reput ${word(op.here)} ${word(op.there)}`;
    case "get":
      return `get ${word(op.there)} ${word(op.here)}`;
    case "getTree":
      return `get -r ${word(op.there)} ${word(op.here)}`;
    case "resumeGet":
      return `reget ${word(op.there)} ${word(op.here)}`;
    case "rename":
      return `mv ${pattern(op.from)} ${word(op.to)}`;
    case "remove":
      return `rm ${pattern(op.path)}`;
    case "mkdir":
      return `mkdir ${word(op.path)}`;
    case "rmdir":
      return `rmdir ${pattern(op.path)}`;
    case "chmod":
      return `chmod ${op.mode.toString(8)} ${pattern(op.path)}`;
    default:
      throw unsupported("psftp", op.do);
  }
}

let batches = 0;

const NO_LINKS = "PuTTY's clients make no links";
const NO_CHECKSUMS = "PuTTY's clients compare no checksums";
const NO_DF = "PuTTY's clients ask for no free space";

export const psftp: Client = {
  name: "psftp",
  says: SAYS,
  lacks: {
    newline: "a command is one line",
    replace: "psftp's mv never replaces: it sends the plain rename of SFTP 3",
    symlink: NO_LINKS,
    hardlink: NO_LINKS,
    df: NO_DF,
    checksum: NO_CHECKSUMS,
    putKept: "psftp keeps no times: pscp -p does",
    getKept: "psftp keeps no times: pscp -p does",
  },
  version: puttyVersion("psftp"),
  prepare,
  start(login, ops, { goOn = false } = {}) {
    batches += 1;
    const batch = join(login.desk, `batch-${batches}`);
    writeFileSync(batch, `${ops.map(psftpCommand).join("\n")}\n`);
    const flags = [...(goOn ? ["-be"] : []), "-b", batch];
    return start("psftp", [...common(login), ...flags, `${login.user}@127.0.0.1`], login);
  },
  names: listed,
};

const COPIES_ONLY = "pscp only copies and lists: psftp does the rest";
const NO_RESUME = "pscp always copies the whole file: psftp's reput and reget resume";

const PSCP_FLAGS: Partial<Record<Op["do"], readonly string[]>> = {
  putTree: ["-r"],
  getTree: ["-r"],
  putKept: ["-p"],
  getKept: ["-p"],
};

export const pscp: Client = {
  name: "pscp",
  says: SAYS,
  lacks: {
    newline: "pscp lists one name a line: which newline is a name's can't be told",
    rename: COPIES_ONLY,
    replace: COPIES_ONLY,
    remove: COPIES_ONLY,
    mkdir: COPIES_ONLY,
    rmdir: COPIES_ONLY,
    chmod: COPIES_ONLY,
    symlink: NO_LINKS,
    hardlink: NO_LINKS,
    df: NO_DF,
    checksum: NO_CHECKSUMS,
    session: "pscp stops at the first upload that fails",
    resumePut: NO_RESUME,
    resumeGet: NO_RESUME,
  },
  version: puttyVersion("pscp"),
  prepare,
  start(login, ops) {
    const [op] = ops as [Op];
    // Every word is a path from the root or user@host:path, so that no "--" is needed: 0.83 knows none.
    const remote = (path: string): string => `${login.user}@127.0.0.1:${path}`;
    const run = (...args: string[]) => start("pscp", [...common(login), ...args], login);
    if (op.do === "list") return run("-ls", remote(op.path));
    if (!("here" in op)) throw unsupported("pscp", op.do);
    const flags = PSCP_FLAGS[op.do] ?? [];
    if (!op.do.startsWith("put")) {
      return run(...flags, remote(op.there.replace(/[\\*?[\]]/g, "\\$&")), op.here);
    }
    const heres = ops.map((each) => (each as { here: string }).here);
    // Several files go into a directory, and a directory into one that is there.
    const into = ops.length > 1 || op.do === "putTree";
    const target = into ? dirname(op.there) : op.there;
    return run(...flags, ...heres, remote(target));
  },
  names: listed,
};
