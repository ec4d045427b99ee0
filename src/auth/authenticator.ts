import { timingSafeEqual } from "node:crypto";
import { errorName } from "../errors.ts";
import type { Store } from "../store/store.ts";
import type { Account } from "../store/types.ts";
import { Authorities } from "./authorities.ts";
import { isCertificateName } from "./certificate.ts";
import { fingerprint } from "./key-blob.ts";
import { grantOfKey, KEY_REFUSED, type KeyGrant, objectionTo, type Regrant } from "./key-grant.ts";
import { type LimitReached, mayLogIn, REFUSED } from "./login-limits.ts";
import { isUserName } from "./names.ts";
import type { Asker, Passwords } from "./passwords.ts";

/** Where a failed rehash is told; a pino logger fits. */
export interface AuthLog {
  warn(fields: object, text: string): void;
}

/**
 * Who may come in; without `account` nobody may. `limit` is why a right password or a user's key is of
 * no use: for logs only, since the client must not be able to tell it from a wrong one.
 */
export type LoginDecision =
  | { readonly account: Account }
  | { readonly account?: undefined; readonly limit?: LimitReached };

/** The same of a key or certificate; the reason for logs is in words. */
export type KeyDecision =
  | { readonly account: Account; readonly grant: KeyGrant }
  | { readonly account?: undefined; readonly reason?: string };

const WRONG: { readonly account?: undefined } = {};

/** Whether limits let an account in that has proven itself. */
type Limits = (account: Account) => "yes" | LimitReached;

/** No user has this id: looked up where there is no account, so that the work is the same. */
const NOBODY = 0;

/** RFC 8332 section 3: the signature algorithms of a key whose own type is ssh-rsa. */
function keyType(algorithm: string): string {
  return algorithm === "rsa-sha2-256" || algorithm === "rsa-sha2-512" ? "ssh-rsa" : algorithm;
}

/** Decides who a client is. Unknown, disabled and wrong cost the same and get the same answer. */
export class Authenticator {
  readonly #store: Pick<Store, "users" | "keys" | "authorities">;
  readonly #authorities: Authorities;
  readonly #passwords: Passwords;
  readonly #log: AuthLog | undefined;
  readonly #now: () => number;
  readonly #rehashing = new Map<number, Promise<void>>();

  /** @param now milliseconds since the epoch */
  constructor(
    store: Pick<Store, "users" | "keys" | "authorities">,
    passwords: Passwords,
    log?: AuthLog,
    now: () => number = Date.now,
  ) {
    this.#store = store;
    this.#authorities = new Authorities(store.authorities);
    this.#passwords = passwords;
    this.#log = log;
    this.#now = now;
  }

  /**
   * Decides a login by password. What the user's limits refuse costs what a wrong password costs.
   * Rejects with HashQueueFull when too many logins are under way: that says nothing about the
   * password. Rejects with NotWanted when the asker said so.
   * @param address of the client, without a port
   */
  async logIn(
    name: string,
    password: string,
    address: string | undefined,
    asker?: Asker,
  ): Promise<LoginDecision> {
    const limits: Limits = (account) =>
      mayLogIn(account, { address, method: "password", now: this.#now() });
    return this.#decide(name, password, limits, asker);
  }

  /** The account when the password is right, whatever its limits are. Rejects as {@link logIn}. */
  async verifyPassword(name: string, password: string): Promise<Account | undefined> {
    return (await this.#decide(name, password, () => "yes")).account;
  }

  async #decide(
    name: string,
    password: string,
    limits: Limits,
    asker?: Asker,
  ): Promise<LoginDecision> {
    const account = await this.#enabled(name);
    const hash = account?.passwordHash ?? null;
    const right = await this.#passwords.verify(hash, password, asker);
    // Hashing takes long: the account may have been disabled or changed meanwhile.
    const now = await this.#store.users.byId(account?.id ?? NOBODY);
    // Whether the password is right or not, and before any more hashing: that it is must not be seen
    // in the time of this or a later try.
    const limit = now === undefined ? "yes" : limits(now);
    if (!right || now === undefined || !now.enabled || hash === null) return WRONG;
    if (limit !== "yes") return { limit };
    // Another login of the user may have hashed the same password anew.
    if (now.passwordHash !== hash) return this.#decideAgain(now, password, limits, asker);
    if (this.#passwords.needsRehash(hash)) this.#rehash(now, hash, password);
    return { account: now };
  }

  /** Once only: who is changed again and again meanwhile is refused. */
  async #decideAgain(
    account: Account,
    password: string,
    limits: Limits,
    asker: Asker | undefined,
  ): Promise<LoginDecision> {
    const { id, passwordHash } = account;
    if (!(await this.#passwords.verify(passwordHash, password, asker))) return WRONG;
    const now = await this.#store.users.byId(id);
    if (!now?.enabled || now.passwordHash !== passwordHash) return WRONG;
    const limit = limits(now);
    return limit === "yes" ? { account: now } : { limit };
  }

  /**
   * What was proven a while ago, once more: the account may have been disabled, limited, or given
   * another password meanwhile.
   * @param proof the password, or what the key grants
   */
  async confirm(
    proof: {
      readonly account: Account;
      readonly grant: KeyGrant | undefined;
      readonly password: string | undefined;
    },
    address: string | undefined,
  ): Promise<LoginDecision> {
    const { account, grant, password = "" } = proof;
    const now = await this.#store.users.byId(account.id);
    if (!now?.enabled) return WRONG;
    const method = grant === undefined ? "password" : "key";
    const limit = mayLogIn(now, { address, method, now: this.#now() });
    if (limit !== "yes") return { limit };
    const holds =
      grant === undefined
        ? now.passwordHash === account.passwordHash ||
          (await this.#passwords.verify(now.passwordHash, password))
        : (await this.regrant(now.id, grant, address)).grant !== undefined;
    return holds ? { account: now } : WRONG;
  }

  /**
   * The account that may log in with this key or certificate, and how; the caller verifies the
   * signature, and what the grant wants of it.
   * @param algorithm the key's type or a signature algorithm of it, as the request names it
   * @param blob the public key in the encoding of RFC 4253 section 6.6, or the certificate
   * @param address of the client, without a port
   */
  async findKey(
    name: string,
    algorithm: string,
    blob: Buffer,
    address: string | undefined,
  ): Promise<KeyDecision> {
    const account = await this.#enabled(name);
    const found = isCertificateName(algorithm)
      ? await this.#authorities.judge(name, algorithm, blob, this.#now())
      : await this.#plainKey(account, algorithm, blob);
    if (account === undefined) return WRONG;
    const now = this.#now();
    const limit = mayLogIn(account, { address, method: "key", now });
    const { grant } = found;
    if (grant === undefined) return found.refusal === undefined ? WRONG : { reason: found.refusal };
    if (limit !== "yes") return { reason: REFUSED[limit] };
    const objection = objectionTo(grant, address, now);
    return objection === undefined ? { account, grant } : { reason: KEY_REFUSED[objection] };
  }

  async #plainKey(
    account: Account | undefined,
    algorithm: string,
    blob: Buffer,
  ): Promise<{ readonly grant?: KeyGrant; readonly refusal?: string }> {
    const sha256 = fingerprint(blob);
    const key = await this.#store.keys.find(account?.id ?? NOBODY, sha256);
    const isRevoked = await this.#store.authorities.isRevoked(sha256);
    if (key === undefined || key.algorithm !== keyType(algorithm)) return {};
    if (key.blob.length !== blob.length || !timingSafeEqual(key.blob, blob)) return {};
    if (isRevoked) return { refusal: KEY_REFUSED.revoked };
    return { grant: grantOfKey(blob, key.options) };
  }

  /**
   * What a key that let in lets do by now: options, authorities and revocations may be others. Without
   * a grant it would let in no more.
   * @param userId the account's
   * @param address of the client, without a port
   */
  async regrant(userId: number, grant: KeyGrant, address: string | undefined): Promise<Regrant> {
    const against = await this.#authorities.objection(grant);
    if (against !== undefined) return { objection: against };
    const by = grant.certificate === undefined ? await this.#grantOf(userId, grant.key) : grant;
    if (by === undefined) return { objection: "key" };
    const objection = objectionTo(by, address, this.#now());
    return objection === undefined ? { grant: by } : { objection };
  }

  async #grantOf(userId: number, sha256: string): Promise<KeyGrant | undefined> {
    const key = await this.#store.keys.find(userId, sha256);
    return key && grantOfKey(key.blob, key.options);
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
