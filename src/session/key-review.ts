import { KEY_ENDED, type KeyGrant, type Regrant } from "../auth/key-grant.ts";
import { hasExpired } from "../auth/login-limits.ts";
import type { Entry } from "./entry.ts";

export interface KeyReviewOptions {
  readonly entries: ReadonlySet<Entry>;
  readonly regrant: (
    userId: number,
    grant: KeyGrant,
    address: string | undefined,
  ) => Promise<Regrant>;
  /** Ends a session, or a login that waits, with a text for its user. */
  readonly end: (entry: Entry, text: string) => void;
  readonly onError: (error: unknown) => void;
}

/** Holds sessions against their keys and certificates as they are by now. */
export class KeyReview {
  readonly #options: KeyReviewOptions;
  /** entries that are still to be held against a change */
  readonly #due = new Set<Entry>();

  constructor(options: KeyReviewOptions) {
    this.#options = options;
  }

  /** Keys, authorities or revocations are others: all sessions that began with a key are looked at. */
  changed(): Promise<void> {
    for (const entry of this.#options.entries) {
      if (entry.grant !== undefined) this.#due.add(entry);
    }
    return this.run();
  }

  /** Never rejects: what can't be looked up is looked up again at the next call. */
  async run(): Promise<void> {
    for (const entry of [...this.#due]) {
      try {
        const text = await this.refresh(entry);
        this.#due.delete(entry);
        if (text !== undefined) this.#options.end(entry, text);
      } catch (error) {
        this.#options.onError(error);
      }
    }
  }

  /** @returns what is to be said to its user when it may not go on */
  async refresh(entry: Entry): Promise<string | undefined> {
    const { login, grant, peer } = entry;
    if (grant === undefined) return undefined;
    const by = await this.#options.regrant(login.account.id, grant, peer.address);
    if (by.grant === undefined) return KEY_ENDED[by.objection];
    entry.grant = by.grant;
    if (entry.session !== undefined) entry.session.terminals = by.grant.pty;
    return undefined;
  }

  /** Ends what has gone on to the end of its key or certificate. @param now ms since the epoch */
  endExpired(now: number): void {
    for (const entry of [...this.#options.entries]) {
      if (entry.grant !== undefined && hasExpired(entry.grant, now)) {
        this.#options.end(entry, KEY_ENDED.expired);
      }
    }
  }
}
