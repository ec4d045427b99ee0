import { parseAuthorities, parseRevokedKey } from "../auth/authority-keys.ts";
import { PublicKeyError } from "../auth/keys.ts";
import type { Authority, Revocation, StoredRevocation } from "../store/authorities.ts";
import type { Store } from "../store/store.ts";
import type { AuditKind } from "../store/types.ts";
import { isSafe, oneLine } from "../text/safe.ts";
import type { RevocationRequest } from "./ca-protocol.ts";
import { ControlError, EXIT } from "./errors.ts";
import { quoted } from "./quotas.ts";

const MAX_AUTHORITIES = 100;
/** A table in a database that all logins by key look into; more are better served by short-lived certificates. */
const MAX_REVOCATIONS = 10_000;
/** In characters. */
const MAX_REASON = 200;
const MAX_ID = 1_000;
const LAST_SERIAL = 2n ** 64n - 1n;

export interface AuthorityControlOptions {
  readonly store: Pick<Store, "authorities" | "changes" | "audit">;
  /** who acts, for the audit trail: "cli:root" */
  readonly actor: string;
  /** called after each change that running servers have to apply */
  announced?(): Promise<void>;
}

/**
 * The certificate authorities of users, and what is revoked. Rejects with ControlError for what a person
 * can put right. What ends a right ends the sessions that stand on it, in all processes.
 */
export class AuthorityControl {
  readonly #options: AuthorityControlOptions;

  constructor(options: AuthorityControlOptions) {
    this.#options = options;
  }

  list(): Promise<Authority[]> {
    return this.#options.store.authorities.list();
  }

  /** @returns those that were not there before */
  async add(text: string): Promise<Authority[]> {
    const added: Authority[] = [];
    for (const authority of checked(() => parseAuthorities(text))) {
      const outcome = await this.#options.store.authorities.add(authority, MAX_AUTHORITIES);
      if (outcome === "full") {
        throw new ControlError(`there are ${MAX_AUTHORITIES} certificate authorities already`);
      }
      if (outcome === "there") continue;
      this.#record("ca-add", authority.fingerprint);
      added.push(authority);
    }
    return added;
  }

  /** What was revoked of it stays so. @param given fingerprint; "SHA256:" may be left out */
  async remove(given: string): Promise<Authority> {
    const { authorities } = this.#options.store;
    const authority = await this.#named(given);
    if (!(await authorities.remove(authority.fingerprint))) throw noAuthority(given);
    await this.#announce();
    this.#record("ca-remove", authority.fingerprint);
    return authority;
  }

  /** The oldest first. */
  revoked(): Promise<StoredRevocation[]> {
    return this.#options.store.authorities.revocations();
  }

  async revoke(request: RevocationRequest): Promise<StoredRevocation> {
    const { authorities } = this.#options.store;
    const { reason = "" } = request;
    if (reason.length > MAX_REASON) {
      throw new ControlError(`a reason has ${MAX_REASON} characters at most`, EXIT.usage);
    }
    const what = await this.#whatIsMeant(request);
    const by = { reason: oneLine(reason), actor: this.#options.actor, createdAt: Date.now() };
    const outcome = await authorities.revoke({ ...what, ...by }, MAX_REVOCATIONS);
    if (outcome === "full") {
      throw new ControlError(`${MAX_REVOCATIONS} are revoked already: take old ones back`);
    }
    if (outcome === "added") {
      await this.#announce();
      this.#record("ca-revoke", `${subjectText(what)}${by.reason && `: ${by.reason}`}`);
    }
    return this.#stored(what);
  }

  /** Takes back the revocation of that number. Sessions that it ended stay so. */
  async unrevoke(number: number): Promise<StoredRevocation> {
    const revocation = await this.#options.store.authorities.unrevoke(number);
    if (revocation === undefined) {
      throw new ControlError(`no revocation ${number}: \`moorage ca revoked\` shows all`);
    }
    this.#record("ca-unrevoke", subjectText(revocation));
    return revocation;
  }

  async #stored({ kind, authority, subject }: Subject): Promise<StoredRevocation> {
    const all = await this.revoked();
    const found = all.find(
      (one) => one.kind === kind && one.authority === authority && one.subject === subject,
    );
    if (found === undefined) throw new ControlError("it was taken back meanwhile");
    return found;
  }

  async #whatIsMeant({ serial, id, key, authority }: RevocationRequest): Promise<Subject> {
    if ([serial, id, key].filter((one) => one !== undefined).length !== 1) {
      throw new ControlError("give one of a serial number, a key ID and a key", EXIT.usage);
    }
    if (key !== undefined) {
      if (authority !== undefined) {
        throw new ControlError("a key is revoked whoever certified it: name no CA", EXIT.usage);
      }
      return { kind: "key", authority: "", subject: checked(() => parseRevokedKey(key)) };
    }
    if (serial !== undefined) {
      return { kind: "serial", authority: await this.#one(authority), subject: serialIn(serial) };
    }
    const of = authority === undefined ? "" : await this.#fingerprint(authority);
    return { kind: "id", authority: of, subject: idIn(id ?? "") };
  }

  /** Serial numbers are each authority's own. */
  async #one(given: string | undefined): Promise<string> {
    if (given !== undefined) return this.#fingerprint(given);
    const [only, ...more] = await this.list();
    if (only !== undefined && more.length === 0) return only.fingerprint;
    const what = only === undefined ? "there is no certificate authority" : "there are several";
    throw new ControlError(`${what}: say whose serial number it is with --ca`, EXIT.usage);
  }

  async #fingerprint(given: string): Promise<string> {
    return (await this.#named(given)).fingerprint;
  }

  async #named(given: string): Promise<Authority> {
    const full = given.startsWith("SHA256:") ? given : `SHA256:${given}`;
    const found = await this.#options.store.authorities.find(full);
    if (found === undefined) throw noAuthority(given);
    return found;
  }

  async #announce(): Promise<void> {
    await this.#options.store.changes.add("keys", 0);
    await this.#options.announced?.();
  }

  #record(kind: AuditKind, detail: string): void {
    const { store, actor } = this.#options;
    store.audit.record({ kind, actor, detail });
  }
}

type Subject = Pick<Revocation, "kind" | "authority" | "subject">;

function noAuthority(given: string): ControlError {
  return new ControlError(
    `no certificate authority ${quoted(given)}: \`moorage ca list\` shows all`,
  );
}

function checked<T>(parse: () => T): T {
  try {
    return parse();
  } catch (thrown) {
    throw thrown instanceof PublicKeyError ? new ControlError(thrown.message) : thrown;
  }
}

function serialIn(text: string): string {
  const serial = /^\d{1,20}$/.test(text.trim()) ? BigInt(text.trim()) : -1n;
  if (serial > 0n && serial <= LAST_SERIAL) return `${serial}`;
  if (serial === 0n) {
    throw new ControlError("serial number 0 is that of certificates without one", EXIT.usage);
  }
  throw new ControlError(`${quoted(text)} is no serial number: give one from 1`, EXIT.usage);
}

function idIn(text: string): string {
  if (text !== "" && text.length <= MAX_ID && isSafe(text)) return text;
  throw new ControlError(`a key ID has 1 to ${MAX_ID} characters, all printable`, EXIT.usage);
}

/** For people: "serial 5 of SHA256:…". */
export function subjectText({ kind, authority, subject }: Subject): string {
  const of = authority === "" ? "" : ` of ${authority}`;
  return kind === "id" ? `key ID ${quoted(subject)}${of}` : `${kind} ${subject}${of}`;
}
