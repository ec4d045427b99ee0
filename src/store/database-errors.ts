const TEXT = "the database can't be reached";

/**
 * The database is not there: nobody listens, it doesn't answer in time, it stops or starts, it was
 * lost in the middle. Nothing in it names a host, a user or a password.
 */
export class DatabaseGone extends Error {
  override readonly name = "DatabaseGone";
  readonly code = "DATABASE_GONE";

  /** @param reason of the closed list in postgres/faults.ts */
  constructor(reason?: string) {
    super(reason === undefined ? TEXT : `${TEXT}: ${reason}`);
  }
}

/** The database was lost while a transaction was being committed. */
export class CommitInDoubt extends Error {
  override readonly name = "CommitInDoubt";
  /** Whether it was committed, once that is known. Rejects with {@link DatabaseGone} when it never is. */
  readonly outcome: Promise<boolean>;

  constructor(outcome: Promise<boolean>) {
    super("the database was lost during a commit");
    this.outcome = outcome;
  }
}
