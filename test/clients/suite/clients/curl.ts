import type { Client, Login, Op } from "../client.ts";
import { start, unsupported, version } from "../program.ts";

const NO_TREES = "curl carries the files that are named, no directories";
const NO_TIMES = "curl -T sets neither time nor mode by itself";

function url(login: Login, path: string): string {
  return `sftp://127.0.0.1:${login.port}${path.split("/").map(encodeURIComponent).join("/")}`;
}

/** As curl reads a word of a quote command. */
function word(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

function quote(op: Op): string {
  switch (op.do) {
    case "rename":
    case "symlink":
      return `${op.do} ${word(op.from)} ${word(op.to)}`;
    case "remove":
      return `rm ${word(op.path)}`;
    case "mkdir":
    case "rmdir":
      return `${op.do} ${word(op.path)}`;
    case "df":
      return `statvfs ${word(op.path)}`;
    case "chmod":
      return `chmod ${op.mode.toString(8)} ${word(op.path)}`;
    default:
      throw unsupported("curl", op.do);
  }
}

function args(login: Login, op: Op): string[] {
  switch (op.do) {
    case "list":
      return [url(login, `${op.path}/`)];
    case "put":
      return ["-T", op.here, url(login, op.there)];
    case "resumePut":
      return ["-C", "-", "-T", op.here, url(login, op.there)];
    case "get":
      return ["-o", op.here, url(login, op.there)];
    case "getKept":
      return ["-R", "-o", op.here, url(login, op.there)];
    case "resumeGet":
      return ["-C", "-", "-o", op.here, url(login, op.there)];
    case "df":
      return ["-D", "-", "-o", "/dev/null", "-Q", quote(op), url(login, "/")];
    default:
      // A quote command goes along with a transfer: the listing of the home.
      return ["-Q", quote(op), "-l", url(login, "/")];
  }
}

/** What stands before the name in a listing. */
const LINE = /^[dl-]\S{9} +\d+ \S+ +\S+ +\d+ \S{3} [ \d]\d [ \d:]{5} /;

export const curl: Client = {
  name: "curl",
  says: {
    wrongPassword: /Authentication failure|denied/,
    missing: /does not exist|No such file|Could not open remote file/i,
    denied: /Permission denied/i,
    quota: /Error in the SSH layer|Failed to send SSH data/,
    cut: /SSH layer|fail|closed|reset|partial/i,
  },
  lacks: {
    putTree: NO_TREES,
    getTree: NO_TREES,
    putKept: NO_TIMES,
    getMode: "curl -R keeps the time only",
    session: "curl opens a new connection after a transfer that failed",
    replace: "curl's rename never replaces: libssh2 1.10 sends the plain rename of SFTP 3",
    hardlink: "curl's ln makes symbolic links",
    checksum: "curl compares no checksums",
  },
  version: async () => {
    const libssh2 = await version("curl", ["--version"], /(libssh2?\/\S+)/);
    return `${await version("curl", ["--version"], /^curl (\S+)/)} with ${libssh2}`;
  },
  start(login, ops) {
    const pins = login.fingerprints.map((text) => text.replace("SHA256:", ""));
    const user =
      login.password === undefined
        ? ["-u", `${login.user}:`, "--key", login.key.openssh]
        : ["-u", `${login.user}:${login.password}`];
    // curl takes one fingerprint, and prefers the host's ECDSA key.
    const common = ["-q", "-sS", "--hostpubsha256", pins[1] as string, ...user];
    return start("curl", [...common, ...ops.flatMap((op) => args(login, op))], login);
  },
  names({ stdout }) {
    const names: string[] = [];
    for (const line of stdout.toString("latin1").replace(/\n$/, "").split("\n")) {
      if (LINE.test(line)) names.push(line.replace(LINE, ""));
      else names.push(`${names.pop() ?? ""}\n${line}`);
    }
    return names.map((name) => Buffer.from(name, "latin1"));
  },
  space({ text }) {
    const figure = (name: string): number => Number(new RegExp(`${name}: (\\d+)`).exec(text)?.[1]);
    const unit = figure("f_frsize");
    const total = figure("f_blocks") * unit;
    return { total, used: total - figure("f_bfree") * unit };
  },
};
