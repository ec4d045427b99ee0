import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { tree } from "../../support/desk.ts";
import { Mount } from "../../support/sshfs.ts";
import { Bench, MIB, openPlace, wrong } from "../suite/bench.ts";
import type { Outcome } from "../suite/client.ts";
import { sftp } from "../suite/clients/openssh.ts";
import type { Venue } from "../suite/host.ts";
import { TEST_TIMEOUT } from "../suite/judge.ts";
import { moorage } from "../suite/moorage-host.ts";
import { openssh } from "../suite/openssh-host.ts";
import { start } from "../suite/program.ts";

// Programs that keep a store of their own on the server: they write, rename, lock and delete in their
// own ways, and what counts is that the store checks and gives back what was put in.

/** Programs that are run on the desk, with its key. */
class Shop {
  readonly bench: Bench;
  readonly desk: string;
  readonly env: Record<string, string>;

  constructor(bench: Bench) {
    this.bench = bench;
    this.desk = bench.place.desk.directory;
    this.env = {
      RESTIC_PASSWORD: "secret",
      BORG_BASE_DIR: join(this.desk, "borg"),
      BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: "yes",
      BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes",
      GIT_AUTHOR_NAME: "Ann",
      GIT_AUTHOR_EMAIL: "ann@example.org",
      GIT_COMMITTER_NAME: "Ann",
      GIT_COMMITTER_EMAIL: "ann@example.org",
    };
  }

  get key(): string {
    return join(this.desk, "id");
  }

  get login(): string {
    return this.bench.host.loginName(this.bench.user);
  }

  try(line: readonly string[], where: string = this.desk): Promise<Outcome> {
    const [program = "", ...args] = line;
    return start(program, args, { desk: where }, { env: { ...this.env, HOME: this.desk } }).result;
  }

  async run(line: readonly string[], where?: string): Promise<string> {
    const outcome = await this.try(line, where);
    if (outcome.code !== 0) throw wrong(`${line.join(" ")} ended with ${outcome.code}`, outcome);
    return outcome.text;
  }

  /** The home, mounted while something is done. */
  async mounted(act: (path: string) => Promise<void>): Promise<void> {
    const { host, user } = this.bench;
    const mount = await Mount.open(host, this.bench.here("mount"), {
      user: this.login,
      key: this.key,
      directory: host.prefix(user),
    });
    try {
      await act(mount.path);
    } finally {
      await mount.close();
    }
  }

  /** What is to be kept, as a directory of the desk's. */
  stock(name: string): string {
    const top = this.bench.here(name);
    for (const directory of ["a/b", "two words"]) {
      mkdirSync(join(top, directory), { recursive: true });
    }
    writeFileSync(join(top, "a/large"), randomBytes(3 * MIB));
    writeFileSync(join(top, "a/b/none"), "");
    for (let i = 0; i < 30; i += 1) writeFileSync(join(top, "two words", `f${i}`), `${i}`);
    return top;
  }
}

interface Use {
  readonly name: string;
  /** Keeps it in a store, changes it, keeps it again, checks, takes it back and compares. */
  keep(shop: Shop): Promise<void>;
  /** Begins a store and keeps what there is no room for. */
  overfill(shop: Shop): Promise<Outcome>;
  /** What it then says. */
  readonly full: RegExp;
}

function resticLine({ bench, login, key }: Shop, ...args: string[]): string[] {
  const options = `-p ${bench.host.port} -i ${key} -o IdentitiesOnly=yes -o StrictHostKeyChecking=no`;
  const quiet = "-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR";
  const command = `ssh ${options} ${quiet} ${login}@127.0.0.1 -s sftp`;
  const store = `sftp:${login}@127.0.0.1:${bench.remote("/store")}`;
  return ["restic", "--no-cache", "-o", `sftp.command=${command}`, "-r", store, ...args];
}

const restic: Use = {
  name: "restic",
  async keep(shop) {
    const from = shop.stock("from");
    await shop.run(resticLine(shop, "init"));
    await shop.run(resticLine(shop, "backup", "."), from);
    writeFileSync(join(from, "a/more"), randomBytes(MIB));
    await shop.run(resticLine(shop, "backup", "."), from);
    await shop.run(resticLine(shop, "forget", "--keep-last", "1", "--prune"));
    await shop.run(resticLine(shop, "check", "--read-data"));
    const back = shop.bench.here("back");
    await shop.run(resticLine(shop, "restore", "latest", "--target", back));
    expect(tree(back)).toEqual(tree(from));
  },
  async overfill(shop) {
    await shop.run(resticLine(shop, "init"));
    await shop.bench.host.setQuota(shop.bench.user, 2 * MIB);
    return shop.try(resticLine(shop, "backup", "."), shop.stock("from"));
  },
  full: /Quota exceeded: \d+ of \d+ bytes used, \d+ more needed/,
};

const borg: Use = {
  name: "borg over sshfs",
  async keep(shop) {
    const from = shop.stock("from");
    await shop.mounted(async (mount) => {
      const store = join(mount, "store");
      await shop.run(["borg", "init", "-e", "none", store]);
      await shop.run(["borg", "create", `${store}::one`, "."], from);
      writeFileSync(join(from, "a/more"), randomBytes(MIB));
      await shop.run(["borg", "create", `${store}::two`, "."], from);
      await shop.run(["borg", "delete", `${store}::one`]);
      await shop.run(["borg", "compact", store]);
      await shop.run(["borg", "check", "--verify-data", store]);
      const back = shop.bench.here("back");
      mkdirSync(back);
      await shop.run(["borg", "extract", `${store}::two`], back);
      expect(tree(back)).toEqual(tree(from));
    });
  },
  async overfill(shop) {
    let outcome: Outcome | undefined;
    await shop.mounted(async (mount) => {
      const store = join(mount, "store");
      await shop.run(["borg", "init", "-e", "none", store]);
      await shop.bench.host.setQuota(shop.bench.user, 2 * MIB);
      outcome = await shop.try(["borg", "create", `${store}::one`, "."], shop.stock("from"));
    });
    return outcome as Outcome;
  },
  full: /Input\/output error|No space left/,
};

function duplicityLine({ key, bench, login }: Shop, ...args: string[]): string[] {
  const url = `sftp://${login}@127.0.0.1:${bench.host.port}/${bench.remote("/store")}`;
  const options = `--ssh-options=-oIdentityFile='${key}' -oStrictHostKeyChecking=no`;
  const line = ["--no-encryption", "--num-retries", "1", options, ...args];
  return ["duplicity", ...line.map((word) => (word === "STORE" ? url : word))];
}

/** It asks about keys that are not in there, and nobody is there to answer. */
async function knowHost(shop: Shop): Promise<void> {
  const { stdout } = await shop.try(["ssh-keyscan", "-p", `${shop.bench.host.port}`, "127.0.0.1"]);
  mkdirSync(join(shop.desk, ".ssh"), { recursive: true });
  writeFileSync(join(shop.desk, ".ssh/known_hosts"), stdout);
}

const duplicity: Use = {
  name: "duplicity",
  async keep(shop) {
    const from = shop.stock("from");
    await knowHost(shop);
    await shop.run(duplicityLine(shop, from, "STORE"));
    writeFileSync(join(from, "a/more"), randomBytes(MIB));
    await shop.run(duplicityLine(shop, from, "STORE"));
    await shop.run(duplicityLine(shop, "verify", "--compare-data", "STORE", from));
    const back = shop.bench.here("back");
    await shop.run(duplicityLine(shop, "restore", "STORE", back));
    expect(tree(back)).toEqual(tree(from));
  },
  async overfill(shop) {
    await knowHost(shop);
    await shop.bench.host.setQuota(shop.bench.user, 2 * MIB);
    return shop.try(duplicityLine(shop, shop.stock("from"), "STORE"));
  },
  // paramiko reads the answers to its writes at the end only, and duplicity says what it then finds.
  full: /size mismatch in put|Quota exceeded/,
};

/** An annex on the desk, with a directory of the mount as its remote. */
async function annex(shop: Shop, from: string, mount: string): Promise<void> {
  mkdirSync(shop.bench.there("store"));
  await shop.bench.noticed();
  await shop.run(["git", "init", "-q"], from);
  await shop.run(["git", "annex", "init", "desk"], from);
  const remote = ["type=directory", `directory=${join(mount, "store")}`, "encryption=none"];
  await shop.run(["git", "annex", "initremote", "store", ...remote], from);
  await shop.run(["git", "annex", "add", "."], from);
  await shop.run(["git", "commit", "-qm", "all"], from);
}

const gitAnnex: Use = {
  name: "git-annex over sshfs",
  async keep(shop) {
    const from = shop.stock("from");
    const before = tree(join(from, "two words"));
    await shop.mounted(async (mount) => {
      await annex(shop, from, mount);
      await shop.run(["git", "annex", "copy", "--to", "store", "."], from);
      await shop.run(["git", "annex", "fsck", "--from", "store"], from);
      await shop.run(["git", "annex", "drop", "."], from);
      await shop.run(["git", "annex", "get", "--from", "store", "."], from);
      await shop.run(["git", "annex", "fsck"], from);
      await shop.run(["git", "annex", "unlock", "."], from);
      expect(tree(join(from, "two words"))).toEqual(before);
    });
  },
  async overfill(shop) {
    let outcome: Outcome | undefined;
    const from = shop.stock("from");
    await shop.mounted(async (mount) => {
      await annex(shop, from, mount);
      await shop.bench.host.setQuota(shop.bench.user, 2 * MIB);
      outcome = await shop.try(["git", "annex", "copy", "--to", "store", "."], from);
    });
    return outcome as Outcome;
  },
  full: /Input\/output error|resource exhausted|not enough free space/,
};

async function at(venue: Venue, act: (shop: Shop) => Promise<void>): Promise<Error | undefined> {
  const place = await openPlace(sftp, venue);
  try {
    const bench = await Bench.open(sftp, place, "ann");
    await act(new Shop(bench));
    await bench.settled();
    await bench.close();
    return undefined;
  } catch (thrown) {
    return thrown as Error;
  } finally {
    await place.close();
  }
}

describe.each([restic, borg, duplicity, gitAnnex])("$name", ({ keep, overfill, full }) => {
  test("keeps, checks and gives back", { timeout: TEST_TIMEOUT }, async ({ skip }) => {
    const failure = await at(moorage, keep);
    if (failure === undefined) return;
    // What fails with OpenSSH's server, too, is the program's own fault.
    const theirs = await at(openssh, keep);
    if (theirs === undefined) throw failure;
    skip(`fails with OpenSSH's server, too: ${theirs.message}`);
  });

  test("says that the quota is full", { timeout: TEST_TIMEOUT }, async () => {
    const failure = await at(moorage, async (shop) => {
      const outcome = await overfill(shop);
      expect(outcome.code).not.toBe(0);
      expect(outcome.text).toMatch(full);
    });
    if (failure !== undefined) throw failure;
  });
});
