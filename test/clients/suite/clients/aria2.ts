import { basename, dirname } from "node:path";
import { TEST_PASSWORD } from "../../../support/server.ts";
import type { Client, Login, Op } from "../client.ts";
import { start, unsupported, version } from "../program.ts";

const ONLY_GETS = "aria2 downloads files, that is all";

function args(login: Login, op: Op): string[] {
  if (op.do !== "get" && op.do !== "resumeGet" && op.do !== "getKept") {
    throw unsupported("aria2", op.do);
  }
  const path = op.there.split("/").map(encodeURIComponent).join("/");
  return [
    ...["--no-conf", "--quiet=false", "--console-log-level=error", "--summary-interval=0"],
    ...["--disable-ipv6", "--max-tries=1", "--file-allocation=none"],
    ...["--ftp-user", login.user, "--ftp-passwd", login.password ?? TEST_PASSWORD],
    ...["--dir", dirname(op.here), "--out", basename(op.here)],
    ...(op.do === "resumeGet"
      ? ["--continue"]
      : ["--allow-overwrite", "--auto-file-renaming=false"]),
    ...(op.do === "getKept" ? ["--remote-time"] : []),
    `sftp://127.0.0.1:${login.port}${path}`,
  ];
}

/** It has one text for all that the server refuses to open. */
const NOT_OPENED = /SSH opening SFTP path \S+ failed: Failed opening remote file/;

export const aria2: Client = {
  name: "aria2",
  says: {
    wrongPassword: /Authentication failed/i,
    missing: NOT_OPENED,
    denied: NOT_OPENED,
    quota: /./,
    cut: /SSH|SFTP|errorCode|closed|reset|EOF/i,
  },
  lacks: {
    newline: "aria2 takes no newlines in its options",
    key: "aria2 logs in by password only",
    list: ONLY_GETS,
    put: ONLY_GETS,
    putTree: ONLY_GETS,
    putKept: ONLY_GETS,
    resumePut: ONLY_GETS,
    getTree: ONLY_GETS,
    rename: ONLY_GETS,
    replace: ONLY_GETS,
    remove: ONLY_GETS,
    mkdir: ONLY_GETS,
    rmdir: ONLY_GETS,
    symlink: ONLY_GETS,
    hardlink: ONLY_GETS,
    chmod: ONLY_GETS,
    df: ONLY_GETS,
    checksum: "aria2 compares with checksums that it is given",
    getMode: "aria2 carries no modes",
  },
  version: () => version("aria2c", ["--version"], /version (\S+)/),
  start(login, ops) {
    const [op] = ops;
    if (op === undefined || ops.length > 1) throw unsupported("aria2", "second operation");
    return start("aria2c", args(login, op), login);
  },
};
