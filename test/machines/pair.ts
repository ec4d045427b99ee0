import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, vi } from "vitest";
import { Passwords } from "../../src/auth/passwords.ts";
import { openInstance as openInstanceStore } from "../../src/cli/database.ts";
import { loadConfig } from "../../src/config/load.ts";
import { prepareInstance } from "../../src/control/instance.ts";
import type { Store } from "../../src/store/store.ts";
import { onDisk } from "../support/instance.ts";
import type { Cluster } from "../support/postgres.ts";
import { makeInstance, TEST_PASSWORD } from "../support/server.ts";
import { Files, Machine } from "./machine.ts";

/** Two machines that serve one instance, and a program on a third one that looks at its books. */
export class Pair {
  readonly root: string;
  readonly store: Store;
  readonly one: Machine;
  readonly other: Machine;

  private constructor(root: string, store: Store, one: Machine, other: Machine) {
    this.root = root;
    this.store = store;
    this.one = one;
    this.other = other;
  }

  static async start(
    cluster: Cluster,
    { lease = "3s", settings = [] }: { lease?: string; settings?: readonly string[] } = {},
  ): Promise<Pair> {
    const root = await makeInstance();
    prepareInstance(root);
    const url = cluster.createDatabase();
    const database = url.slice(url.lastIndexOf("/") + 1);
    const env = { MOORAGE_STORE_URL: url, MOORAGE_STORE_LEASE: lease };
    const store = await openInstanceStore({ root, env }, "command");
    const { auth } = loadConfig({ root, env: {} });
    const passwordHash = await new Passwords({ ...auth, argon2Memory: 1024 * 1024 }).hash(
      TEST_PASSWORD,
    );
    for (const name of ["ann", "bob"]) {
      const quota = { quotaBytes: 1_000_000_000, quotaFiles: null };
      await store.users.add({ name, role: "user", passwordHash, ...quota });
    }
    const place = { root, port: cluster.port, database, lease, settings };
    const one = await Machine.start({ name: "one", ...place });
    const other = await Machine.start({ name: "other", ...place });
    return new Pair(root, store, one, other);
  }

  home(user = "ann"): string {
    return join(this.root, "homes", user);
  }

  /** Without asking anybody: what the database says is what the disk has, and nobody has files open. */
  async booksEqualDisk(user = "ann"): Promise<void> {
    const look = async (): Promise<void> => {
      const { id = 0 } = (await this.store.users.byName(user)) ?? {};
      const { usedBytes, usedFiles } = await this.store.ledger.usage(id);
      expect({ bytes: usedBytes, files: usedFiles }).toEqual(onDisk(this.home(user)));
    };
    await vi.waitFor(look, { timeout: 30_000, interval: 200 });
  }

  /** How many processes of a machine live, for the others. */
  async servingOn(host: string): Promise<number> {
    const nodes = await this.store.nodes.list();
    return nodes.filter((node) => node.host === host && node.alive).length;
  }

  async close(): Promise<void> {
    await Promise.all([this.one.close(), this.other.close()]);
    await this.store.close();
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** A session that is ended after the test. */
export async function session(machine: Machine, user?: string): Promise<Files> {
  const files = await Files.of(await machine.login(user));
  sessions.push(files);
  return files;
}

const sessions: Files[] = [];

afterEach(() => {
  for (const files of sessions.splice(0)) files.end();
});
