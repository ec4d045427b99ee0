import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { tally } from "../tally.ts";
import { AccessStore } from "./access.ts";
import { AuditStore } from "./audit.ts";
import { AuditOutputs } from "./audit-outputs.ts";
import { AuthorityStore } from "./authorities.ts";
import { BanStore } from "./bans.ts";
import {
  Belongings,
  markElsewhere,
  refuseElsewhere,
  refuseOrphans,
  refuseUncopied,
  refuseUnfinished,
} from "./belongings.ts";
import { CallStore } from "./calls.ts";
import { ChangeStore } from "./changes.ts";
import type { Connection } from "./connection.ts";
import { newestSchema, openDatabase } from "./database.ts";
import { DigestStore } from "./digests.ts";
import { EventStore } from "./events.ts";
import { FactorStore } from "./factors.ts";
import { FigureStore } from "./figures.ts";
import { FolderStore } from "./folders.ts";
import { GroupStore } from "./groups.ts";
import { HomeUses } from "./home-uses.ts";
import { type Inspection, inspect } from "./inspection.ts";
import { KeyStore } from "./keys.ts";
import { LeaseStore } from "./leases.ts";
import { LedgerStore } from "./ledger.ts";
import { Life, type MachineOptions } from "./life.ts";
import { LostHomes } from "./lost-homes.ts";
import { type NodeKind, NodeStore } from "./nodes.ts";
import { PenaltyStore } from "./penalties.ts";
import type { AddressOptions } from "./postgres/address.ts";
import { QuotaMarkStore } from "./quota-marks.ts";
import { Reserve } from "./reserve.ts";
import { SessionStore } from "./sessions.ts";
import { SqliteConnection } from "./sqlite-connection.ts";
import { TrashStore } from "./trash.ts";
import { UserPageStore } from "./user-page.ts";
import { UserStore } from "./users.ts";
import { isDiskFull, Writes } from "./writes.ts";

/**
 * Everything that must be exact over all processes of an instance. All methods of the parts are
 * async, whatever the database; each is one atomic transaction.
 */
export class Store {
  /** this process's own row in `nodes` */
  readonly nodeId: string = randomUUID();
  readonly users: UserStore;
  readonly groups: GroupStore;
  readonly userPages: UserPageStore;
  readonly keys: KeyStore;
  readonly authorities: AuthorityStore;
  readonly folders: FolderStore;
  readonly access: AccessStore;
  readonly nodes: NodeStore;
  readonly sessions: SessionStore;
  readonly calls: CallStore;
  readonly changes: ChangeStore;
  readonly audit: AuditStore;
  readonly events: EventStore;
  readonly auditOutputs: AuditOutputs;
  readonly ledger: LedgerStore;
  readonly leases: LeaseStore;
  readonly uses: HomeUses;
  readonly lostHomes: LostHomes;
  readonly digests: DigestStore;
  readonly penalties: PenaltyStore;
  readonly bans: BanStore;
  readonly quotaMarks: QuotaMarkStore;
  readonly factors: FactorStore;
  readonly figures: FigureStore;
  readonly trash: TrashStore;
  readonly belongings: Belongings;
  /** whether this process may still write */
  readonly life: Life;
  /** room that is kept for the database */
  readonly reserve: Reserve;
  readonly #connection: Connection;
  #closing: Promise<void> | undefined;

  constructor(connection: Connection, reserve: Reserve, life: Life) {
    // PostgreSQL's disk is another one.
    const writes = new Writes(connection, connection.engine === "sqlite" ? reserve : undefined);
    const { nodeId } = this;
    this.#connection = connection;
    this.reserve = reserve;
    this.life = life;
    this.nodes = new NodeStore(connection, writes, nodeId, life);
    this.calls = new CallStore(connection, writes, nodeId);
    this.changes = new ChangeStore(connection, writes);
    this.leases = new LeaseStore(connection, writes, this, reserve, nodeId);
    this.uses = new HomeUses(connection, writes, life, nodeId);
    this.lostHomes = new LostHomes(connection, writes, this.leases);
    this.users = new UserStore(connection, writes, this.leases);
    this.groups = new GroupStore(connection, writes, this.leases, this.users);
    this.keys = new KeyStore(connection, writes);
    this.authorities = new AuthorityStore(connection, writes);
    this.folders = new FolderStore(connection, writes, this.leases);
    this.access = new AccessStore(connection, writes);
    this.userPages = new UserPageStore(connection, this.nodes);
    this.sessions = new SessionStore(connection, writes, this.nodes, nodeId);
    this.audit = new AuditStore(connection, writes, nodeId);
    this.auditOutputs = new AuditOutputs(connection, writes, nodeId);
    this.events = new EventStore(connection, writes, this.nodes, nodeId);
    this.ledger = new LedgerStore(connection, writes, this, nodeId);
    this.digests = new DigestStore(connection, writes, nodeId);
    this.penalties = new PenaltyStore(connection, writes);
    this.bans = new BanStore(connection, writes);
    this.quotaMarks = new QuotaMarkStore(connection, writes);
    this.factors = new FactorStore(connection, writes);
    this.figures = new FigureStore(connection, writes);
    this.trash = new TrashStore(connection);
    this.belongings = new Belongings(connection, writes, this.ledger.root);
  }

  /** What a look into the database shows. */
  inspect(): Inspection {
    return inspect(this.#connection, schemaHere());
  }

  /**
   * Makes this process's row anew when others took over what it had.
   * @returns false while they are not done
   */
  async rejoin(): Promise<boolean> {
    this.uses.clear();
    this.leases.journal.close();
    return this.nodes.rejoin(this.ledger.beginAnew());
  }

  /** Writes what is queued and takes back this process's sessions and row. Again: does nothing. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    try {
      await this.audit.flush();
      await this.leases.close();
      await this.ledger.close();
      await this.nodes.unregister();
    } finally {
      this.life.close();
      this.#connection.close();
      this.reserve.refill();
    }
  }
}

/** db/migrations of the package, found from src/ and from dist/src/ alike. */
function migrationsDirectory(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (directory !== dirname(directory)) {
    const found = join(directory, "db", "migrations");
    if (existsSync(found)) return found;
    directory = dirname(directory);
  }
  throw new Error("db/migrations is missing: the installation is not complete");
}

/** The schema of the databases that this program makes. */
export function schemaHere(): number {
  return newestSchema(migrationsDirectory());
}

export interface OpenOptions {
  /** for what has nothing to do with files, and must work when their disk is gone */
  readonly withoutHomes?: boolean;
  /** of a worker: the id of its supervisor's row in `nodes` */
  readonly supervisor?: string;
  /** where several machines use the database */
  readonly machine?: MachineOptions | undefined;
  /** where PostgreSQL is; default: SQLite's file in the instance */
  readonly database?: DatabasePlace | undefined;
}

/** A PostgreSQL database: see `parseAddress`. */
export interface DatabasePlace extends AddressOptions {
  readonly url: string;
  /** how long an answer is waited for, with the event loop, in milliseconds; default: 2,000 */
  readonly patienceMs?: number;
}

/**
 * Opens the store of the instance at `root`, making the database when there is none.
 * @param kind what this process is; `version` is the program's
 * @throws InstanceError (rejected) when database and homes don't belong together, or a newer
 * version of the program has made the database; DatabaseGone when PostgreSQL can't be reached
 */
export async function openStore(
  root: string,
  kind: NodeKind,
  version: string,
  { withoutHomes = false, supervisor, machine, database }: OpenOptions = {},
): Promise<Store> {
  refuseUnfinished(root);
  const isFile = database === undefined;
  if (isFile) refuseElsewhere(root);
  else refuseUncopied(root);
  // Elsewhere the database's own mark says which homes are its own.
  if (isFile && !withoutHomes) refuseOrphans(root);
  const reserve = new Reserve(join(root, "db"));
  const file = join(root, "db", "moorage.sqlite");
  const asItIs = supervisor !== undefined;
  const connection =
    database === undefined
      ? openWithRoom(file, reserve, asItIs)
      : await openPostgresOf(root, database, asItIs);
  const life = new Life(machine);
  try {
    const store = new Store(connection, reserve, life);
    if (database !== undefined) markElsewhere(root);
    if (!withoutHomes) await store.belongings.checkHomes();
    await store.nodes.register(kind, version, supervisor);
    // It may have waited for whoever copied the database.
    if (isFile) refuseElsewhere(root);
    store.nodes.keepAlive(() => tally.count("failedWrites error"));
    if (isFile && kind === "server") reserve.lengthenLog(`${file}-wal`);
    return store;
  } catch (error) {
    life.close();
    connection.close();
    throw error;
  }
}

/**
 * Opens a PostgreSQL database for an instance, without a row in `nodes`.
 * @param patienceMs see `PostgresOptions`
 * @throws (rejected) as {@link openStore} does
 */
export async function openPostgresOf(
  root: string,
  { url, ...options }: DatabasePlace,
  asItIs = false,
  patienceMs?: number,
): Promise<Connection> {
  // Its code is loaded by those who have such a database.
  const { openPostgres } = await import("./postgres/open.ts");
  const directory = join(root, "db");
  const limits = patienceMs === undefined ? {} : { patienceMs };
  return openPostgres(url, {
    ...options,
    ...limits,
    directory,
    migrations: migrationsDirectory(),
    asItIs,
  });
}

/** On a full disk it needs some room for the files that SQLite has beside the database. */
function openWithRoom(file: string, reserve: Reserve, asItIs: boolean): Connection {
  for (;;) {
    try {
      return new SqliteConnection(openDatabase(file, migrationsDirectory(), asItIs));
    } catch (thrown) {
      if (!isDiskFull(thrown) || !reserve.release()) throw thrown;
    }
  }
}
