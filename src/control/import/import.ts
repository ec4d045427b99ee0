import { generatePassword } from "../../auth/generate.ts";
import type { PasswordRule } from "../../auth/password-rule.ts";
import { rescan } from "../../quota/rescan.ts";
import type { Store } from "../../store/store.ts";
import type { Account } from "../../store/types.ts";
import type { NewUser } from "../../store/users.ts";
import { checkNewMember } from "../covering.ts";
import { ControlError } from "../errors.ts";
import { dropEmptyHome, makeHome } from "../homes.ts";
import { unknownGroup } from "../names.ts";
import { addingError, type DefaultQuota, describeNew, newQuotas } from "../new-users.ts";
import { checkPassword } from "../users.ts";
import type { Fault } from "./csv.ts";
import { type ImportFile, type ImportRow, readRows } from "./rows.ts";

/** Records of the audit trail that are written at once. */
const RECORDS_AT_ONCE = 400;

/** What an import stands on. */
export interface ImportOptions {
  readonly store: Store;
  /** the instance's directory */
  readonly root: string;
  /** who acts, for the audit trail: "cli:root" */
  readonly actor: string;
  readonly rule: PasswordRule;
  readonly quota: DefaultQuota;
  /** hashes computed at once */
  readonly concurrency: number;
  /** a password to an argon2 PHC string */
  hash(password: string): Promise<string>;
}

export interface Generated {
  readonly name: string;
  readonly password: string;
}

export interface ImportSteps {
  /** Told how many passwords are hashed, of how many. */
  onHashed(done: number, total: number): void;
  /**
   * Keeps the passwords, before anybody has them.
   * @returns undoes it: nothing comes of the import
   */
  keep(passwords: readonly Generated[]): () => void;
}

/**
 * Many users at once: all of them, or none. Rejects with ControlError for what a person can put
 * right.
 */
export class UserImport {
  readonly #options: ImportOptions;
  readonly #store: Store;

  constructor(options: ImportOptions) {
    this.#options = options;
    this.#store = options.store;
  }

  /** The users in the file, and all that is wrong with it here and now. */
  async check(text: string): Promise<ImportFile> {
    const file = readRows(text);
    const groups = new Set((await this.#store.groups.list()).map(({ name }) => name));
    const faults: Fault[] = [...file.faults];
    for (const { line, name, keys, groups: wanted } of file.rows) {
      if ((await this.#store.users.byName(name)) !== undefined) {
        faults.push({ line, text: `user ${name} exists already` });
      }
      for (const group of wanted) {
        if (!groups.has(group)) faults.push({ line, text: unknownGroup(group, groups).message });
      }
      for (const { fingerprint } of keys) {
        const isRevoked = await this.#store.authorities.isRevoked(fingerprint);
        if (isRevoked) faults.push({ line, text: `the key ${fingerprint} is revoked` });
      }
      const covered = await this.#covered(name, wanted);
      if (covered !== undefined) faults.push({ line, text: covered });
    }
    return { rows: file.rows, faults: faults.sort((a, b) => (a.line ?? 0) - (b.line ?? 0)) };
  }

  /** What a folder of the groups would cover in a home that is there from before. */
  async #covered(name: string, groups: readonly string[]): Promise<string | undefined> {
    try {
      await checkNewMember(this.#store, name, groups);
      return undefined;
    } catch (thrown) {
      if (thrown instanceof ControlError) return thrown.message;
      throw thrown;
    }
  }

  /** @param rows as {@link check} found them, without a fault */
  async add(rows: readonly ImportRow[], steps: ImportSteps): Promise<void> {
    this.#store.ledger.requireHomes();
    const passwords = await this.#passwords(rows);
    const hashes = await this.#hashed(passwords, steps);
    const made: string[] = [];
    const taken: string[] = [];
    let forget = (): void => {};
    try {
      for (const { name } of rows) {
        const isOld = await makeHome(this.#options.root, name);
        (isOld ? taken : made).push(name);
      }
      forget = steps.keep(passwords);
      await this.#store.users.addAll(rows.map((row) => this.#newUser(row, hashes, taken)));
    } catch (thrown) {
      forget();
      await this.#dropHomes(made);
      throw addingError(thrown);
    }
    await this.#record(rows);
    await this.#takeOver(taken);
  }

  /** Not of a user whom somebody else has added meanwhile. */
  async #dropHomes(names: readonly string[]): Promise<void> {
    for (const name of names) {
      if ((await this.#store.users.byName(name)) !== undefined) continue;
      await dropEmptyHome(this.#options.root, name);
    }
  }

  async #passwords(rows: readonly ImportRow[]): Promise<Generated[]> {
    const without = rows.filter(({ keys }) => keys.length === 0);
    const passwords = without.map(({ name }) => ({ name, password: generatePassword() }));
    // All are equally long and strong: one shows whether the settings ask for more than that.
    const [first] = passwords;
    if (first !== undefined) await checkPassword(first.name, first.password, this.#options.rule);
    return passwords;
  }

  /** As many at once as threads are for. */
  async #hashed(
    passwords: readonly Generated[],
    { onHashed }: ImportSteps,
  ): Promise<ReadonlyMap<string, string>> {
    const hashes = new Map<string, string>();
    const left = passwords.values();
    const work = async (): Promise<void> => {
      for (const { name, password } of left) {
        hashes.set(name, await this.#options.hash(password));
        onHashed(hashes.size, passwords.length);
      }
    };
    await Promise.all(Array.from({ length: this.#options.concurrency }, work));
    return hashes;
  }

  #newUser(
    { name, role, quotaBytes, groups, keys }: ImportRow,
    hashes: ReadonlyMap<string, string>,
    taken: readonly string[],
  ): NewUser {
    const quotas = newQuotas(quotaBytes === undefined ? {} : { quotaBytes }, this.#options.quota);
    const passwordHash = hashes.get(name) ?? null;
    // Nobody may log in before the old files are counted.
    const enabled = !taken.includes(name);
    return { name, role, passwordHash, groups, keys, enabled, ...quotas };
  }

  async #record(rows: readonly ImportRow[]): Promise<void> {
    const { audit } = this.#store;
    for (const [index, row] of rows.entries()) {
      if (index % RECORDS_AT_ONCE === RECORDS_AT_ONCE - 1) await audit.flush();
      const { actor } = this.#options;
      audit.record({ kind: "user-add", user: row.name, actor, detail: describeNew(row) });
    }
  }

  /** Homes that were kept from before: what is in them is counted, and then they are let in. */
  async #takeOver(names: readonly string[]): Promise<void> {
    const failed: string[] = [];
    for (const name of names) {
      const account = await this.#store.users.byName(name);
      if (account !== undefined && !(await this.#count(account))) failed.push(name);
    }
    if (failed.length === 0) return;
    throw new ControlError(
      `all users are added, but the old homes of ${failed.slice(0, 10).join(", ")} could not be counted: \`moorage usage rescan\` and \`moorage user enable\` let them in`,
    );
  }

  async #count(account: Account): Promise<boolean> {
    try {
      await rescan(this.#store, this.#options.root, account);
    } catch {
      return false;
    }
    return this.#store.users.setEnabled(account.id, true);
  }
}
