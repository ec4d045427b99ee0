import type { Connection, Statement } from "./connection.ts";
import type { Writes } from "./writes.ts";

/** Whose certificates let users in. */
export interface Authority {
  /** "SHA256:…" of its key */
  readonly fingerprint: string;
  readonly algorithm: string;
  /** the public key in the encoding of RFC 4253 section 6.6 */
  readonly blob: Buffer;
  readonly comment: string;
  /** milliseconds since the epoch */
  readonly createdAt: number;
}

/** What is revoked: a certificate by its number or its name, or whatever has a key. */
export type RevocationKind = "serial" | "id" | "key";

export interface Revocation {
  readonly kind: RevocationKind;
  /** fingerprint; empty: of any authority */
  readonly authority: string;
  /** the serial number in decimal, the key ID, or the key's fingerprint */
  readonly subject: string;
  /** empty: none was given */
  readonly reason: string;
  /** who did it: "cli:root" */
  readonly actor: string;
  /** milliseconds since the epoch */
  readonly createdAt: number;
}

export interface StoredRevocation extends Revocation {
  readonly number: number;
}

interface AuthorityRow extends Omit<Authority, "createdAt"> {
  readonly created_at: number;
}

interface RevocationRow extends Omit<StoredRevocation, "createdAt"> {
  readonly created_at: number;
}

const COLUMNS = "fingerprint, algorithm, blob, comment, created_at";

/** What of a certificate can be revoked. */
export interface Revocable {
  readonly authority: string;
  readonly serial: bigint;
  readonly id: string;
}

function toAuthority({ created_at: createdAt, ...row }: AuthorityRow): Authority {
  return { ...row, createdAt };
}

function toRevocation({ created_at: createdAt, ...row }: RevocationRow): StoredRevocation {
  return { ...row, createdAt };
}

/** The certificate authorities of users, and what is revoked. */
export class AuthorityStore {
  readonly #writes: Writes;
  readonly #insert: Statement;
  readonly #all: Statement<[], AuthorityRow>;
  readonly #one: Statement<[string], AuthorityRow>;
  readonly #remove: Statement;
  readonly #revoke: Statement;
  readonly #revocations: Statement<[], RevocationRow>;
  readonly #unrevoke: Statement<[number], RevocationRow>;
  readonly #isRevoked: Statement<[object], number>;
  readonly #counts: Readonly<Record<"authorities" | "revocations", Statement<[], number>>>;

  constructor(connection: Connection, writes: Writes) {
    this.#writes = writes;
    this.#insert = connection.prepare(
      `INSERT INTO authorities (fingerprint, algorithm, blob, comment, created_at)
       VALUES (?, ?, ?, ?, ?) ON CONFLICT (fingerprint) DO NOTHING`,
    );
    this.#all = connection.prepare(`SELECT ${COLUMNS} FROM authorities ORDER BY created_at, rowid`);
    this.#one = connection.prepare(`SELECT ${COLUMNS} FROM authorities WHERE fingerprint = ?`);
    this.#remove = connection.prepare("DELETE FROM authorities WHERE fingerprint = ?");
    this.#revoke = connection.prepare(
      `INSERT INTO revocations (kind, authority, subject, reason, actor, created_at)
       VALUES (@kind, @authority, @subject, @reason, @actor, @createdAt)
       ON CONFLICT (kind, authority, subject) DO NOTHING`,
    );
    this.#revocations = connection.prepare("SELECT * FROM revocations ORDER BY number");
    this.#unrevoke = connection.prepare("DELETE FROM revocations WHERE number = ? RETURNING *");
    this.#isRevoked = connection
      .prepare<[object], number>(
        `SELECT EXISTS (
           SELECT 1 FROM revocations
           WHERE (kind = 'key' AND authority = '' AND subject IN (@key, @authority))
              OR (kind = 'serial' AND authority = @authority AND subject = @serial)
              OR (kind = 'id' AND authority IN ('', @authority) AND subject = @id))`,
      )
      .pluck();
    const count = (table: string) =>
      connection.prepare<[], number>(`SELECT count(*) FROM ${table}`).pluck();
    this.#counts = { authorities: count("authorities"), revocations: count("revocations") };
  }

  /** @param most so many there may be; "full": it was not added */
  async add(authority: Authority, most: number): Promise<"added" | "there" | "full"> {
    const { fingerprint, algorithm, blob, comment, createdAt } = authority;
    return this.#writes.run(() => {
      if (this.#one.get(fingerprint) !== undefined) return "there";
      if ((this.#counts.authorities.get() ?? 0) >= most) return "full";
      this.#insert.run(fingerprint, algorithm, blob, comment, createdAt);
      return "added";
    });
  }

  /** In the order in which they were added. */
  async list(): Promise<Authority[]> {
    return this.#all.all().map(toAuthority);
  }

  async find(fingerprint: string): Promise<Authority | undefined> {
    const row = this.#one.get(fingerprint);
    return row && toAuthority(row);
  }

  /** False when there is none. What was revoked of it stays so. */
  async remove(fingerprint: string): Promise<boolean> {
    return this.#writes.run(() => this.#remove.run(fingerprint).changes > 0);
  }

  /** @param most so many there may be; "full": it was not revoked */
  async revoke(revocation: Revocation, most: number): Promise<"added" | "there" | "full"> {
    return this.#writes.run(() => {
      if ((this.#counts.revocations.get() ?? 0) >= most) return "full";
      return this.#revoke.run(revocation).changes > 0 ? "added" : "there";
    });
  }

  /** The oldest first. */
  async revocations(): Promise<StoredRevocation[]> {
    return this.#revocations.all().map(toRevocation);
  }

  /** Takes back the revocation of that number; undefined when there is none. */
  async unrevoke(number: number): Promise<StoredRevocation | undefined> {
    const row = await this.#writes.run(() => this.#unrevoke.get(number));
    return row && toRevocation(row);
  }

  /**
   * Whether a key may not be used, or not with this certificate.
   * @param key fingerprint
   */
  async isRevoked(key: string, certificate?: Revocable): Promise<boolean> {
    const { authority = "", id = "" } = certificate ?? {};
    const serial = certificate === undefined ? "" : `${certificate.serial}`;
    // Without a certificate nothing matches but the key: no row has an empty subject.
    return this.#isRevoked.get({ key, authority, serial, id }) === 1;
  }
}
