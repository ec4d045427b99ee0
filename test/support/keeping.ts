import { existsSync, readdirSync, readFileSync } from "node:fs";
import { expect } from "vitest";
import { Access, type Rule } from "../../src/access/access.ts";
import { measure } from "../../src/quota/rescan.ts";
import type { Account } from "../../src/store/types.ts";
import { openHome } from "../../src/vfs/home.ts";
import { fromText } from "../../src/vfs/path.ts";
import type { PlannedFolder } from "../../src/vfs/plan.ts";
import { TRASH } from "../../src/vfs/trash-names.ts";
import type { TrashedFile, UserFileSystem } from "../../src/vfs/types.ts";
import { PUT, TestInstance } from "./instance.ts";

/** An instance whose homes keep what is removed. */
export class KeepingDesk {
  readonly instance: TestInstance;
  /** what the settings say, in milliseconds */
  keep = 86_400_000;
  readonly #accounts = new Map<string, Account>();
  readonly #opened: UserFileSystem[] = [];

  constructor(instance: TestInstance) {
    this.instance = instance;
  }

  static async create(holding: { readonly holds: boolean } = { holds: true }) {
    return new KeepingDesk(await TestInstance.create(holding));
  }

  async account(
    name: string,
    {
      quotaBytes = null,
      quotaFiles = null,
    }: { quotaBytes?: number | null; quotaFiles?: number | null } = {},
  ): Promise<Account> {
    const known = this.#accounts.get(name);
    if (known !== undefined) return known;
    const added = (await this.instance.addUser(name, quotaBytes, quotaFiles)) as Account;
    this.#accounts.set(name, added);
    return added;
  }

  /** @param by the process that opens it */
  async home(
    name: string,
    quota?: { quotaBytes?: number | null; quotaFiles?: number | null },
    by = this.instance,
    plan?: { rules?: readonly Rule[]; folders?: readonly PlannedFolder[] },
  ): Promise<UserFileSystem> {
    const opened = await openHome({
      root: this.instance.root,
      account: await this.account(name, quota),
      books: by.ledger,
      keep: () => this.keep,
      plan: async () => ({ folders: plan?.folders ?? [], access: new Access(plan?.rules ?? []) }),
    });
    this.#opened.push(opened);
    return opened;
  }

  async write(home: UserFileSystem, path: string, text: string): Promise<void> {
    const file = await home.open(fromText(path), PUT);
    try {
      const data = Buffer.from(text);
      await file.write([data], data.length, 0);
    } finally {
      await file.close();
    }
  }

  path(...rest: string[]): string {
    return this.instance.path("ann", ...rest);
  }

  read(path: string, name = "ann"): string {
    return readFileSync(this.instance.path(name, path), "utf8");
  }

  async all(home: UserFileSystem): Promise<TrashedFile[]> {
    const files: TrashedFile[] = [];
    for await (const file of home.trash?.list() ?? []) files.push(file);
    return files;
  }

  /** "PATH SIZE", the oldest first */
  async trash(home: UserFileSystem): Promise<string[]> {
    return (await this.all(home)).map(({ path, size }) => `${path} ${size}`);
  }

  async restoreAll(home: UserFileSystem): Promise<void> {
    for (const { id } of await this.all(home)) await home.trash?.restore(id);
  }

  /** All names that are there. */
  inTrash(name = "ann"): string[] {
    const directory = this.instance.path(name, TRASH);
    return existsSync(directory) ? readdirSync(directory).sort() : [];
  }

  /** The books are what is on the disk. */
  async expectExact(
    wanted?: { readonly bytes: number; readonly files: number },
    name = "ann",
  ): Promise<void> {
    const { ledger, store, root } = this.instance;
    const { id } = await this.account(name);
    const { usedBytes, usedFiles } = await ledger.exactUsage(id);
    const held = new Map(await ledger.held(id));
    const { bytes, files } = await measure(`${root}/homes/${name}`, held);
    expect({ bytes: usedBytes, files: usedFiles }).toEqual({ bytes, files });
    if (wanted !== undefined) expect({ bytes, files }).toEqual(wanted);
    expect(store).toBeDefined();
  }

  /** @param between is done when all homes are closed */
  async close(between: () => Promise<void> = async () => {}): Promise<void> {
    for (const home of this.#opened) await home.close();
    await between();
    await this.instance.close();
  }
}
