import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client, Space } from "../client.ts";
import { MissingProgram, start, version } from "../program.ts";
import { beside, json, QUOTA, SIZE_FIRST } from "./driver.ts";
import { plainScript } from "./plain.ts";

async function compile(desk: string): Promise<void> {
  const args = ["-O1", "-o", join(desk, "libssh_ops"), beside("libssh_ops.c"), "-lssh"];
  const { code, text } = await start("cc", args, { desk }).result;
  if (code === 0) return;
  if (/libssh\/.*No such file|cannot find -lssh/.test(text)) {
    throw new MissingProgram("libssh is missing: install the package libssh-dev");
  }
  throw new Error(`libssh_ops.c can't be compiled: ${text}`);
}

async function libsshVersion(): Promise<string> {
  const desk = await mkdtemp(join(tmpdir(), "moorage-libssh-"));
  try {
    await compile(desk);
    return await version(join(desk, "libssh_ops"), ["version"], /^libssh ([\d.]+)/);
  } finally {
    await rm(desk, { recursive: true });
  }
}

const NO_TREES = "libssh's SFTP carries files, no directories";

export const libssh: Client = {
  name: "libssh",
  says: {
    wrongPassword: /login: .*Access denied/,
    missing: /No such file/,
    denied: /Permission denied/,
    quota: QUOTA,
    cut: /failed: /,
  },
  lacks: {
    putTree: NO_TREES,
    getTree: NO_TREES,
    replace: "libssh's rename replaces nothing with a server of version 3",
    hardlink: "libssh has no hard links",
    checksum: "libssh compares no checksums",
  },
  version: libsshVersion,
  prepare: ({ desk }) => compile(desk),
  start: plainScript(({ desk }) => [join(desk, "libssh_ops")]),
  names({ stdout }) {
    const names = stdout.toString("latin1").split("\0").slice(0, -1);
    return names.map((name) => Buffer.from(name, "latin1"));
  },
  space: (outcome) => json(outcome) as Space,
};

const ONLY_COPIES = "libssh's scp copies files, that is all";
const NO_RESUME = "the scp protocol has no resume";

export const libsshScp: Client = {
  name: "libssh scp",
  says: { ...libssh.says, missing: /failed/, denied: /failed/ },
  lacks: {
    list: ONLY_COPIES,
    putTree: ONLY_COPIES,
    getTree: ONLY_COPIES,
    putKept: ONLY_COPIES,
    getKept: ONLY_COPIES,
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
    resumePut: NO_RESUME,
    resumeGet: NO_RESUME,
  },
  version: libsshVersion,
  prepare: ({ desk }) => compile(desk),
  start: plainScript(({ desk }) => [join(desk, "libssh_ops"), "scp"]),
};
