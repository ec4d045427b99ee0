import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import type { Config } from "../../src/config/types.ts";
import { DigestService } from "../../src/digests/service.ts";
import type { Digests } from "../../src/digests/types.ts";
import { Ledger } from "../../src/quota/ledger.ts";
import { openStore } from "../../src/store/store.ts";
import type { Account } from "../../src/store/types.ts";
import { Evidence } from "../../src/vfs/evidence.ts";
import { openHome } from "../../src/vfs/home.ts";
import { homeOf } from "../../src/vfs/homes.ts";
import type { UserFileSystem } from "../../src/vfs/types.ts";

export interface DigestProcess {
  readonly service: DigestService;
  readonly digests: Digests;
  readonly home: UserFileSystem;
  readonly account: Account;
}

export interface DigestOptions {
  readonly config?: Partial<Config["digests"]>;
  readonly quotaBytes?: number;
  /** added to the clock that decides how old a change is, in milliseconds */
  readonly ahead?: number;
}

export interface DigestInstance extends DigestProcess {
  /** the host's path of a file in the home */
  path(name: string): string;
  /** The same instance as another server process has it. */
  another(options?: DigestOptions): Promise<DigestProcess>;
}

/** A home whose files' contents are watched, without a server. Gone after the test. */
export async function digestInstance(options: DigestOptions = {}): Promise<DigestInstance> {
  const root = mkdtempSync(join(tmpdir(), "moorage-digests-"));
  mkdirSync(join(root, "homes"), { mode: 0o700 });
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const first = await start(root, options);
  return {
    ...first,
    path: (name) => join(homeOf(root, first.account.name), name),
    another: (changed = options) => start(root, changed),
  };
}

async function start(root: string, options: DigestOptions): Promise<DigestProcess> {
  const store = await openStore(root, "server", "test");
  const quotaBytes = options.quotaBytes ?? null;
  const known = await store.users.byName("ada");
  const user = { name: "ada", role: "user" as const, passwordHash: null };
  const account = known ?? (await store.users.add({ ...user, quotaBytes, quotaFiles: null }));
  const defaults = loadConfig({ root, env: {} }).digests;
  const onUpload = ["md5", "sha256"] as const;
  const config = { ...defaults, onUpload, ...options.config };
  const now = (): number => Date.now() + (options.ahead ?? 0);
  const service = new DigestService({ config, store: store.digests, now });
  const ledger = new Ledger(store, new Evidence(store.ledger));
  const home = await openHome({ root, account, books: ledger, contents: service });
  onTestFinished(async () => {
    await home.close();
    await service.close();
    await store.close();
  });
  return { service, digests: service.forUser(account.id), home, account };
}
