import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client, Space } from "../client.ts";
import { MissingProgram, start, version } from "../program.ts";
import { beside, json, names, QUOTA } from "./driver.ts";

const SOURCE = beside("pkg_sftp_ops.go");
const PACKAGE = "golang-github-pkg-sftp-dev";

let built: Promise<string> | undefined;

/** Where the program lies: compiled once for a text of it, for that takes a minute the first time. */
async function build(): Promise<string> {
  const digest = createHash("sha256").update(readFileSync(SOURCE)).digest("hex").slice(0, 16);
  const directory = join(tmpdir(), `moorage-go-${process.getuid?.() ?? 0}`);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const program = join(directory, `pkg_sftp_ops-${digest}`);
  if (existsSync(program)) return program;
  const fresh = `${program}.${process.pid}`;
  const env = {
    GO111MODULE: "off",
    GOPATH: "/usr/share/gocode",
    GOCACHE: join(directory, "cache"),
    CGO_ENABLED: "0",
  };
  const running = start("go", ["build", "-o", fresh, SOURCE], { desk: directory }, { env });
  const { code, text } = await running.result;
  if (/cannot find package/.test(text)) {
    throw new MissingProgram(`pkg/sftp is missing: install the package ${PACKAGE}`);
  }
  if (code !== 0) throw new Error(`pkg_sftp_ops.go can't be compiled: ${text}`);
  renameSync(fresh, program);
  return program;
}

let program = "";

export const pkgSftp: Client = {
  name: "pkg/sftp",
  says: {
    wrongPassword: /unable to authenticate/,
    missing: /file does not exist/,
    denied: /permission denied/i,
    quota: QUOTA,
    cut: /EOF|connection|closed|reset/i,
  },
  lacks: { checksum: "pkg/sftp compares no checksums" },
  version: () => version("dpkg-query", ["-W", PACKAGE], /\s(\d[^+\s]*)/),
  async prepare() {
    built ??= build();
    program = await built;
  },
  start: (login, ops, { goOn = false } = {}) =>
    start(program, [], login, { input: JSON.stringify({ login, ops, goOn }) }),
  names,
  space: (outcome) => json(outcome) as Space,
};
