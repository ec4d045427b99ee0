import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { InstanceError } from "../../errors.ts";
import { type AddressOptions, parseAddress } from "./address.ts";
import { Bridge } from "./bridge.ts";
import { PostgresConnection } from "./connection.ts";
import { migrate } from "./migrations.ts";
import type { Limits } from "./protocol.ts";

/** How long this process waits for an answer of the server, in milliseconds. */
const PATIENCE_MS = 2_000;

export interface PostgresOptions extends AddressOptions {
  /** the instance's db/: journals, intents and sockets are in it; made when it is missing */
  readonly directory: string;
  /** db/migrations of the package: PostgreSQL's are in a folder of it */
  readonly migrations: string;
  /** an older schema is not brought up to date: processes of its version are at work */
  readonly asItIs?: boolean;
  /** how long an answer is waited for, with the event loop, in milliseconds; default: 2,000 */
  readonly patienceMs?: number;
}

/**
 * Opens the database at a URL, and makes or migrates what is in it.
 * @throws InstanceError (rejected) when the URL can't be used, or another version of the program has
 * made the database; {@link DatabaseGone} when there is no database
 */
export async function openPostgres(
  url: string,
  options: PostgresOptions,
): Promise<PostgresConnection> {
  const { directory, migrations, asItIs = false, patienceMs = PATIENCE_MS } = options;
  const bridge = new Bridge(parseAddress(url, options), limitsFor(patienceMs), patienceMs);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  try {
    await bridge.open();
    const connection = new PostgresConnection(bridge, directory);
    requireUtf8(connection);
    migrate(connection, join(migrations, "postgres"), asItIs);
    return connection;
  } catch (thrown) {
    bridge.close();
    throw thrown;
  }
}

function requireUtf8(connection: PostgresConnection): void {
  const encoding = connection.prepare<[], string>("SELECT current_setting('server_encoding')");
  if (encoding.pluck().get() === "UTF8") return;
  throw new InstanceError(
    "the database must be in UTF-8: CREATE DATABASE name TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'",
  );
}

/**
 * The server gives up before this process does: that ends a statement, and not the connection. Who
 * hangs in a transaction loses it, and its locks.
 */
function limitsFor(patienceMs: number): Limits {
  return {
    statementMs: Math.ceil(0.8 * patienceMs),
    lockMs: Math.ceil(0.4 * patienceMs),
    idleMs: 5_000,
    connectMs: Math.max(3_000, patienceMs),
  };
}
