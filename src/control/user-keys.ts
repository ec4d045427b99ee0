import type { Store } from "../store/store.ts";
import type { Account, AuditKind, UserKey } from "../store/types.ts";
import { ControlError } from "./errors.ts";
import { quoted } from "./quotas.ts";

export interface UserKeysOptions {
  readonly store: Pick<Store, "keys" | "authorities" | "changes" | "audit">;
  /** who acts, for the audit trail */
  readonly actor: string;
  /** called after each change that running servers have to apply */
  announced?(): Promise<void>;
}

/** The keys of users. Rejects with ControlError for what a person can put right. */
export class UserKeys {
  readonly #options: UserKeysOptions;

  constructor(options: UserKeysOptions) {
    this.#options = options;
  }

  /** Rejects when one of them is revoked: it would let nobody in. */
  async check(keys: readonly UserKey[]): Promise<void> {
    for (const { fingerprint } of keys) {
      if (!(await this.#options.store.authorities.isRevoked(fingerprint))) continue;
      throw new ControlError(
        `the key ${fingerprint} is revoked: \`moorage ca revoked\` shows all that is`,
      );
    }
  }

  /** One that is there gets the options it now comes with. @returns what was added or changed */
  async add(account: Account, keys: readonly UserKey[]): Promise<readonly UserKey[]> {
    const { store } = this.#options;
    await this.check(keys);
    const { added, changed } = await store.keys.put(account.id, keys);
    if (changed.length > 0) await this.#tell("keys", account, "");
    for (const key of [...added, ...changed]) this.#record("key-add", account, keyText(key));
    return [...added, ...changed];
  }

  /** @param given "SHA256:…"; the prefix may be left out */
  async remove(account: Account, given: string): Promise<void> {
    const fingerprint = given.startsWith("SHA256:") ? given : `SHA256:${given}`;
    const { name, id } = account;
    if (!(await this.#options.store.keys.remove(id, fingerprint))) {
      throw new ControlError(
        `${name} has no key ${quoted(given)}: \`moorage user key list ${name}\` shows all`,
      );
    }
    await this.#tell("key-removed", account, fingerprint);
    this.#record("key-remove", account, fingerprint);
  }

  async #tell(kind: "keys" | "key-removed", { id }: Account, detail: string): Promise<void> {
    await this.#options.store.changes.add(kind, id, detail);
    await this.#options.announced?.();
  }

  #record(kind: AuditKind, { name: user }: Account, detail: string): void {
    const { store, actor } = this.#options;
    store.audit.record({ kind, user, actor, detail });
  }
}

function keyText({ fingerprint, options }: UserKey): string {
  return options === undefined ? fingerprint : `${fingerprint} ${options.text}`;
}
