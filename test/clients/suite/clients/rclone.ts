import { basename, dirname } from "node:path";
import type { Client, Op } from "../client.ts";
import { start, unsupported, version } from "../program.ts";

const NO_LINKS = "rclone makes no links on a server and sets no modes";
const NO_RESUME = "rclone always copies the whole file";

function remote(path: string): string {
  return `:sftp:${path}`;
}

function command(op: Op): string[] {
  switch (op.do) {
    case "list":
      return ["lsjson", remote(op.path)];
    case "put":
    case "putKept":
      return ["copyto", op.here, remote(op.there)];
    case "get":
    case "getKept":
      return ["copyto", remote(op.there), op.here];
    case "putTree":
      return ["copy", "--create-empty-src-dirs", op.here, remote(op.there)];
    case "getTree":
      return ["copy", "--create-empty-src-dirs", remote(op.there), op.here];
    case "rename":
    case "replace":
      return ["moveto", remote(op.from), remote(op.to)];
    case "remove":
      return ["deletefile", remote(op.path)];
    case "mkdir":
    case "rmdir":
      return [op.do, remote(op.path)];
    case "df":
      return ["about", "--json", remote(op.path)];
    case "checksum":
      return [
        ...["check", "--one-way", "--include", `/${basename(op.here)}`],
        ...[dirname(op.here), remote(dirname(op.there))],
      ];
    default:
      throw unsupported("rclone", op.do);
  }
}

export const rclone: Client = {
  name: "rclone",
  says: {
    wrongPassword: /unable to authenticate/,
    missing: /not found/,
    denied: /permission denied/i,
    quota: /Quota exceeded: \d+ of \d+ bytes used, \d+ more needed/,
    cut: /connection (lost|reset)|EOF|broken pipe|closed/i,
  },
  lacks: {
    resumePut: NO_RESUME,
    resumeGet: NO_RESUME,
    symlink: NO_LINKS,
    hardlink: NO_LINKS,
    chmod: NO_LINKS,
    putMode: NO_LINKS,
    getMode: "rclone 1.60 keeps the time only",
    partial: "rclone removes what it uploaded when an upload fails",
  },
  verifies: true,
  version: () => version("rclone", ["version"], /^rclone v(\S+)/),
  start(login, ops) {
    const [op] = ops as [Op];
    const args = [
      // Several files: a directory, of which these are picked.
      ...(ops.length > 1 ? together(ops) : command(op)),
      ...["--config", "", "--retries", "1", "--low-level-retries", "1"],
      ...["--sftp-host", "127.0.0.1", "--sftp-port", String(login.port), "--sftp-user", login.user],
      ...["--sftp-shell-type", "unix"],
      ...["--sftp-md5sum-command", "md5sum", "--sftp-sha1sum-command", "sha1sum"],
    ];
    if (login.password === undefined) {
      return start("rclone", [...args, "--sftp-key-file", login.key.openssh], login);
    }
    const line = 'RCLONE_SFTP_PASS=$(rclone obscure "$PASSWORD") exec rclone "$@"';
    const env = { PASSWORD: login.password };
    return start("sh", ["-c", line, "sh", ...args], login, { env });
  },
  names: ({ stdout }) =>
    (JSON.parse(stdout.toString()) as { Name: string }[]).map(({ Name }) => Buffer.from(Name)),
  space({ stdout }) {
    const { total, used } = JSON.parse(stdout.toString()) as { total: number; used: number };
    return { total, used };
  },
};

function together(ops: readonly Op[]): string[] {
  const files = ops as readonly { here: string; there: string }[];
  const [first] = files as [{ here: string; there: string }];
  const picked = files.flatMap(({ here }) => ["--include", `/${basename(here)}`]);
  const one = ["--transfers", "1", "--checkers", "1"];
  return ["copy", ...one, ...picked, dirname(first.here), remote(dirname(first.there))];
}
