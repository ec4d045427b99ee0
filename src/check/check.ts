import type { Config } from "../config/types.ts";
import { instanceStatus } from "../control/nodes.ts";
import { errorName } from "../errors.ts";
import { isElsewhere } from "../store/belongings.ts";
import type { Inspection } from "../store/inspection.ts";
import { type Store, schemaHere } from "../store/store.ts";
import { count } from "../text/figures.ts";
import { VERSION } from "../version.ts";
import { checkBooks } from "./books.ts";
import { checkEvents } from "./events.ts";
import { type Finding, Findings } from "./finding.ts";
import { checkDatabase, checkHomes, checkKeys, checkSecrets, checkSettings } from "./instance.ts";
import { checkClock, checkDescriptors, checkDisks, checkNode, checkServer } from "./machine.ts";

export interface CheckOptions {
  /** the instance's directory */
  readonly root: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** whether each home is counted */
  readonly homes: boolean;
  readonly onCounted?: (done: number, of: number) => void;
  /** opens the store, wherever its database is */
  readonly open: (options: { readonly withoutHomes: boolean }) => Promise<Store>;
  /** settles what killed servers left, before homes are counted */
  readonly settle: (store: Store) => Promise<void>;
}

/**
 * Looks at all of an instance, as far as it can be looked at, also while servers run. What it finds
 * it leaves as it is.
 */
export async function check(options: CheckOptions): Promise<Finding[]> {
  const { root, env } = options;
  const all: Finding[] = [];
  const look = async <T>(area: string, at: (findings: Findings) => T | Promise<T>) => {
    const findings = new Findings(area);
    try {
      return await at(findings);
    } catch (thrown) {
      const todo = "run this as the instance's owner; set MOORAGE_LOG_LEVEL=debug to see more";
      findings.error(`can't be looked at: ${errorName(thrown)}`, todo);
      return undefined;
    } finally {
      all.push(...findings.all);
    }
  };
  const config = await look("settings", (to) => checkSettings(to, root, env));
  const database = await look("database", (to) =>
    isElsewhere(root) ? postgres(to, options) : checkDatabase(to, root, schemaHere()),
  );
  await look("keys", (to) => checkKeys(to, options, database?.instance.keyed ?? true));
  await look("secrets", (to) => checkSecrets(to, root, config));
  if (database !== undefined) await look("homes", (to) => checkHomes(to, root, database));
  await look("disk", (to) => checkDisks(to, root, config));
  const whole = database?.damage.length === 0;
  const status = whole ? await look("server", (to) => server(to, options)) : undefined;
  if (whole) await look("events", (to) => events(to, options, config));
  if (whole && options.homes) await look("books", (to) => books(to, options, database.homes));
  await look("descriptors", (to) => checkDescriptors(to, config, status?.pid ?? null));
  await look("node", (to) => checkNode(to));
  await look("clock", (to) => checkClock(to, database?.newestAt ?? 0));
  return all;
}

/** PostgreSQL looks after its own files. */
async function postgres(findings: Findings, options: CheckOptions): Promise<Inspection> {
  const found = await withStore(options, async (store) => store.inspect(), true);
  findings.ok(
    `PostgreSQL, ${count(found.homes.length, "home")}; its files are for its own tools (pg_amcheck, pg_dump)`,
  );
  return found;
}

async function server(findings: Findings, options: CheckOptions) {
  const { root } = options;
  const status = await withStore(options, (store) => instanceStatus(store, VERSION, root), true);
  checkServer(findings, status, VERSION);
  return status;
}

async function events(
  findings: Findings,
  options: CheckOptions,
  config: Config | undefined,
): Promise<void> {
  const { root, env } = options;
  const states = await withStore(options, (store) => store.events.list(), true);
  await checkEvents(findings, config, { root, env }, states);
}

async function books(
  findings: Findings,
  options: CheckOptions,
  homes: readonly { readonly id: number; readonly name: string }[],
): Promise<void> {
  const { settle, onCounted = () => {} } = options;
  await withStore(options, async (store) => {
    await settle(store);
    await checkBooks(findings, store, homes, (done) => onCounted(done, homes.length));
  });
}

async function withStore<T>(
  { open }: CheckOptions,
  use: (store: Store) => Promise<T>,
  withoutHomes = false,
): Promise<T> {
  const store = await open({ withoutHomes });
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}
