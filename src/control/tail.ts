import { type AuditQuery, type AuditStore, hasText } from "../store/audit.ts";
import type { AuditRecord } from "../store/types.ts";
import type { LogQuery } from "./protocol.ts";

const POLL_MS = 250;
/** Read at once; when there are more they follow right after. */
const CHUNK = 1_000;
const DEFAULT_LIMIT = 100;

/** The newest records that fit, oldest first. */
export async function queryLog(
  audit: Pick<AuditStore, "query">,
  { limit = DEFAULT_LIMIT, afterId, ...rest }: LogQuery,
): Promise<AuditRecord[]> {
  const query: AuditQuery = { ...rest, limit };
  // With afterId the store gives the oldest so many; what is asked for here are the newest.
  const newest = await audit.query(query);
  return newest.filter(({ id }) => afterId === undefined || id > afterId).reverse();
}

/** True when the record is one that the query asks for; its limit doesn't matter here. */
export function fits(record: AuditRecord, query: LogQuery): boolean {
  const { user, kind, since, until, afterId, text } = query;
  return (
    (user === undefined || record.user === user) &&
    (kind === undefined || record.kind === kind) &&
    (since === undefined || record.at >= since) &&
    (until === undefined || record.at < until) &&
    (afterId === undefined || record.id > afterId) &&
    (text === undefined || hasText(record, text))
  );
}

interface Follower {
  readonly query: LogQuery;
  readonly listener: (records: readonly AuditRecord[]) => void;
}

/** Tells new records of the audit trail, those of other processes too, to all who follow. */
export class AuditTail {
  readonly #audit: Pick<AuditStore, "query">;
  readonly #onError: (error: unknown) => void;
  readonly #followers = new Set<Follower>();
  #timer: NodeJS.Timeout | undefined;
  #work: Promise<void> | undefined;
  #last = 0;

  constructor(audit: Pick<AuditStore, "query">, onError: (error: unknown) => void) {
    this.#audit = audit;
    this.#onError = onError;
  }

  /** Tells the newest records that fit, then each new one. @returns ends that */
  follow(query: LogQuery, listener: Follower["listener"]): () => void {
    const follower = { query, listener };
    let left = false;
    const begin = async (): Promise<void> => {
      if (this.#followers.size > 0) await this.#read();
      else this.#last = (await this.#audit.query({ limit: 1 }))[0]?.id ?? 0;
      const records = await queryLog(this.#audit, query);
      if (left) return;
      // Newer ones come with the next reading.
      listener(records.filter(({ id }) => id <= this.#last));
      this.#followers.add(follower);
      this.#timer ??= setInterval(() => this.#look(), POLL_MS);
    };
    this.#queue(begin);
    return () => {
      left = true;
      this.#followers.delete(follower);
      if (this.#followers.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }

  /** Resolves when nothing is being read any more. */
  async settled(): Promise<void> {
    await this.#work;
  }

  #look(): void {
    if (this.#work === undefined) this.#queue(() => this.#read());
  }

  /** One after the other, so that nobody misses a record or gets one twice. */
  #queue(work: () => Promise<void>): void {
    const before = this.#work ?? Promise.resolve();
    const mine = before
      .then(work)
      .catch(this.#onError)
      .finally(() => {
        if (this.#work === mine) this.#work = undefined;
      });
    this.#work = mine;
  }

  async #read(): Promise<void> {
    let records: AuditRecord[];
    do {
      records = await this.#audit.query({ afterId: this.#last, limit: CHUNK });
      this.#last = records.at(-1)?.id ?? this.#last;
      for (const { query, listener } of [...this.#followers]) {
        const fitting = records.filter((record) => fits(record, query));
        if (fitting.length > 0) listener(fitting);
      }
    } while (records.length === CHUNK && this.#followers.size > 0);
  }
}
