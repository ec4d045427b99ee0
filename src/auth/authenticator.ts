import { timingSafeEqual } from "node:crypto";
import { errorName } from "../errors.ts";
import type { Store } from "../store/store.ts";
import type { Account } from "../store/types.ts";
import { fingerprint } from "./keys.ts";
import { isUserName } from "./names.ts";
import type { Asker, Passwords } from "./passwords.ts";

/** Where a failed rehash is told; a pino logger fits. */
export interface AuthLog {
  warn(fields: object, text: string): void;
}

/** No user has this id: looked up where there is no account, so that the work is the same. */
const NOBODY = 0;

/** RFC 8332 section 3: the signature algorithms of a key whose own type is ssh-rsa. */
function keyType(algorithm: string): string {
  return algorithm === "rsa-sha2-256" || algorithm === "rsa-sha2-512" ? "ssh-rsa" : algorithm;
}

/** Decides who a client is. Unknown, disabled and wrong cost the same and get the same answer. */
export class Authenticator {
  readonly #store: Pick<Store, "users" | "keys">;
  readonly #passwords: Passwords;
  readonly #log: AuthLog | undefined;
  readonly #rehashing = new Map<number, Promise<void>>();

  constructor(store: Pick<Store, "users" | "keys">, passwords: Passwords, log?: AuthLog) {
    this.#store = store;
    this.#passwords = passwords;
    this.#log = log;
  }

  /**
   * The account when the password is right. Rejects with HashQueueFull when too many logins are
   * under way: that says nothing about the password. Rejects with NotWanted when the asker said so.
   */
  async verifyPassword(
    name: string,
    password: string,
    asker?: Asker,
  ): Promise<Account | undefined> {
    const account = await this.#enabled(name);
    const hash = account?.passwordHash ?? null;
    const right = await this.#passwords.verify(hash, password, asker);
    if (!right || account === undefined || hash === null) return undefined;
    // Hashing takes long: the account may have been disabled or changed meanwhile.
    const now = await this.#store.users.byId(account.id);
    if (now === undefined || !now.enabled) return undefined;
    // Another login of the user may have hashed the same password anew.
    if (now.passwordHash !== hash) return this.#verifyAgain(now, password, asker);
    if (this.#passwords.needsRehash(hash)) this.#rehash(now, hash, password);
    return now;
  }

  /** Once only: who is changed again and again meanwhile is refused. */
  async #verifyAgain(
    account: Account,
    password: string,
    asker: Asker | undefined,
  ): Promise<Account | undefined> {
    const { id, passwordHash } = account;
    if (!(await this.#passwords.verify(passwordHash, password, asker))) return undefined;
    const now = await this.#store.users.byId(id);
    return now?.enabled && now.passwordHash === passwordHash ? now : undefined;
  }

  /**
   * The account that may log in with this key; the caller verifies the signature.
   * @param algorithm the key's type or a signature algorithm of it
   * @param blob the public key in the encoding of RFC 4253 section 6.6
   */
  async findKey(name: string, algorithm: string, blob: Buffer): Promise<Account | undefined> {
    const account = await this.#enabled(name);
    const key = await this.#store.keys.find(account?.id ?? NOBODY, fingerprint(blob));
    if (account === undefined || key === undefined) return undefined;
    if (key.algorithm !== keyType(algorithm) || key.blob.length !== blob.length) return undefined;
    return timingSafeEqual(key.blob, blob) ? account : undefined;
  }

  /** Notes the time of a completed login. */
  async loggedIn(account: Account): Promise<void> {
    await this.#store.users.loggedIn(account.id, Date.now());
  }

  /** Resolves when no rehash is under way any more: before the store is closed. */
  async settled(): Promise<void> {
    while (this.#rehashing.size > 0) await Promise.all(this.#rehashing.values());
  }

  async #enabled(name: string): Promise<Account | undefined> {
    const account = await this.#store.users.byName(isUserName(name) ? name : "");
    return account?.enabled ? account : undefined;
  }

  /** Stores the password under the parameters set now, behind the login's back. */
  #rehash(account: Account, from: string, password: string): void {
    if (this.#rehashing.has(account.id)) return;
    const work = async (): Promise<void> => {
      try {
        const to = await this.#passwords.hash(password);
        await this.#store.users.replaceHash(account.id, from, to);
      } catch (error) {
        const fields = { user: account.name, reason: errorName(error) };
        this.#log?.warn(fields, "password not rehashed");
      } finally {
        this.#rehashing.delete(account.id);
      }
    };
    this.#rehashing.set(account.id, work());
  }
}
