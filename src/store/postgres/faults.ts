import { DatabaseGone } from "../database-errors.ts";
import { DatabaseBusy } from "../writes.ts";

/** What the thread says of an error, of the server or of the way there. */
export interface Fault {
  /** SQLSTATE, or the system's or TLS's code; empty: unknown */
  readonly code: string;
  readonly message: string;
}

/** PostgreSQL refused a statement. The code says what kind, in the words of SQLite where it has one. */
export class PostgresError extends Error {
  override readonly name = "PostgresError";
  readonly code: string;

  constructor({ code, message }: Fault) {
    // What belongs to data has the data in its text.
    super(
      code.startsWith("22") ? `PostgreSQL refused a value (${code})` : `PostgreSQL: ${message}`,
    );
    this.code = ownCode(code);
  }
}

/** Another transaction was in the way, and this one can be tried again: SQLSTATE. */
const BUSY = new Set(["40001", "40P01", "55P03"]);

/** The database, or the way there, is not what it was: SQLSTATE, by its beginning. */
const GONE = /^(08|57P0|25006|25P0[34]|57014)/;

/** After these the connection is of no use, or has ended already. */
const ENDS_LINK = /^(08|57P0|25006|25P0[34])/;

const REASONS: readonly [RegExp, string][] = [
  [/^ECONNREFUSED|^ENOENT/, "nobody listens there"],
  [/^ENOTFOUND|^EAI_/, "its host name can't be looked up"],
  [/^28/, "it refuses the user or the password"],
  [/^SASL/, "it wants a password, and none was given"],
  [/^3D000/, "there is no such database"],
  [/^53300/, "it has too many connections"],
  [/^57P03/, "it is starting or stopping"],
  [/^25006/, "it is a standby, which can't be written"],
  [/^NO_TLS/, "it has no TLS"],
  [/^TOO_OLD/, "it is older than PostgreSQL 13"],
  [/^(CERT|UNABLE|DEPTH|SELF_SIGNED|ERR_TLS|HOSTNAME|INVALID_CA)/, "its certificate isn't trusted"],
  [/^57014|^ETIMEDOUT|^TIMEOUT/, "it doesn't answer in time"],
];

/** What is known of a database that isn't there, in words that hold nothing of its address. */
export function goneBecause({ code }: Fault): DatabaseGone {
  return new DatabaseGone(REASONS.find(([pattern]) => pattern.test(code))?.[1]);
}

export function endsLink(code: string): boolean {
  return ENDS_LINK.test(code);
}

export function toError(fault: Fault): Error {
  if (BUSY.has(fault.code)) return new DatabaseBusy();
  return GONE.test(fault.code) ? goneBecause(fault) : new PostgresError(fault);
}

function ownCode(code: string): string {
  if (code === "53100") return "SQLITE_FULL";
  if (code.startsWith("23")) return "SQLITE_CONSTRAINT";
  return `POSTGRES_${code}`;
}
