import type { AuditQuery, AuditStore } from "../store/audit.ts";
import { fitting as fittingFilter } from "../store/audit-filter.ts";
import type { AuditRecord } from "../store/types.ts";
import { toFilter } from "./audit-methods.ts";
import type { LogFollowing, LogQuery } from "./protocol.ts";

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

/** A test for records: whether they are what is followed; its limit doesn't matter here. */
function fitting({ kind, afterId, limit: _, ...filter }: LogFollowing): Fits {
  const fits = fittingFilter(toFilter(filter));
  return (record) =>
    (kind === undefined || record.kind === kind) &&
    (afterId === undefined || record.id > afterId) &&
    fits(record);
}

type Fits = (record: AuditRecord) => boolean;

interface Follower {
  readonly fits: Fits;
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

  /**
   * Tells the newest records that fit, then each new one. @returns ends that
   * @throws ControlError when what is given as an address is none
   */
  follow(query: LogFollowing, listener: Follower["listener"]): () => void {
    const follower = { fits: fitting(query), listener };
    let left = false;
    const begin = async (): Promise<void> => {
      if (this.#followers.size > 0) await this.#read();
      else this.#last = (await this.#audit.query({ limit: 1 }))[0]?.id ?? 0;
      const records = await queryLog(this.#audit, query);
      if (left) return;
      // Newer ones come with the next reading.
      listener(records.filter((record) => record.id <= this.#last && follower.fits(record)));
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
      for (const { fits, listener } of [...this.#followers]) {
        const found = records.filter(fits);
        if (found.length > 0) listener(found);
      }
    } while (records.length === CHUNK && this.#followers.size > 0);
  }
}
