import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { InstanceError } from "../errors.ts";
import type { Connection } from "./connection.ts";
import type { Writes } from "./writes.ts";

/** In homes/: names of users begin with a letter or digit. */
export const MARK = ".moorage";

/** What a file system has at its top by itself. */
const OF_THE_DISK = "lost+found";

/** In an instance's directory while it is restored, and when that was cut. */
export const UNFINISHED = "RESTORE-UNFINISHED";

const HOST_KEY = /^ssh_host_\w+_key$/;

const SHOWN = 3;

function homesOf(root: string): string {
  return join(root, "homes");
}

/**
 * While a server runs, too: homes/ may be a disk of its own, and be gone.
 * @throws InstanceError when the homes are not where they were
 */
export function requireHomes(root: string): void {
  if (statSync(join(homesOf(root), MARK), { throwIfNoEntry: false }) !== undefined) return;
  throw new InstanceError(
    `homes/ is not the one of this instance (homes/${MARK} is missing): mount or restore it`,
  );
}

/** @throws InstanceError when not all of a backup is there */
export function refuseUnfinished(root: string): void {
  if (statSync(join(root, UNFINISHED), { throwIfNoEntry: false }) === undefined) return;
  throw new InstanceError(
    `a restore of a backup did not finish here (${UNFINISHED}): delete what is in this directory, then run \`moorage restore\` again`,
  );
}

/** What becomes of SQLite's file when it was copied into PostgreSQL. */
export const COPIED = "db/moorage.sqlite.copied";

/** In db/ of an instance whose database is PostgreSQL. */
const ELSEWHERE = "postgres";

/** Whether the instance's database is PostgreSQL, and several machines may use what is in db/. */
export function isElsewhere(root: string): boolean {
  return statSync(join(root, "db", ELSEWHERE), { throwIfNoEntry: false }) !== undefined;
}

/** @throws InstanceError when this instance's books are in PostgreSQL */
export function refuseElsewhere(root: string): void {
  if (!isElsewhere(root)) return;
  throw new InstanceError(
    `the database of this instance is PostgreSQL (db/${ELSEWHERE} says so): set store.url in moorage.toml, or MOORAGE_STORE_URL`,
  );
}

/** @throws InstanceError when the books are still in SQLite's file, and not in the other database */
export function refuseUncopied(root: string): void {
  const file = statSync(join(root, "db", "moorage.sqlite"), { throwIfNoEntry: false });
  if (file === undefined || isElsewhere(root)) return;
  throw new InstanceError(
    "the books of this instance are in db/moorage.sqlite: take store.url out of the settings, or move them there first (moorage store copy --to URL)",
  );
}

/** From now on nobody takes it for one with a database of its own. */
export function markElsewhere(root: string): void {
  if (isElsewhere(root)) return;
  const text = "The database of this instance is the one that store.url names.\n";
  writeFileSync(join(root, "db", ELSEWHERE), text, { mode: 0o600 });
}

/** @throws InstanceError when there are homes already, but no database that knows them */
export function refuseOrphans(root: string): void {
  // In this order: who makes an instance makes its database first.
  const orphans = homesIn(root);
  const isMarked = markIn(root) !== undefined;
  if (orphans.length === 0 && !isMarked) return;
  const file = statSync(join(root, "db", "moorage.sqlite"), { throwIfNoEntry: false });
  if (file !== undefined && file.size > 0) return;
  throw withoutBooks(orphans, "is missing or empty");
}

function withoutBooks(homes: readonly string[], how: string): InstanceError {
  const more = homes.length > SHOWN ? ", …" : "";
  const names = homes.length === 0 ? "" : ` (${homes.slice(0, SHOWN).join(", ")}${more})`;
  return new InstanceError(
    `homes/ holds an instance's homes${names}, but db/moorage.sqlite ${how}: mount or restore db/; to begin anew, move homes/ away first`,
  );
}

/** The homes that are there, also of users that were removed. */
function homesIn(root: string): string[] {
  const names = readOrNothing(() => readdirSync(homesOf(root))) ?? [];
  return names.filter((name) => !name.startsWith(".") && name !== OF_THE_DISK).sort();
}

function markIn(root: string): string | undefined {
  return readOrNothing(() => readFileSync(join(homesOf(root), MARK), "latin1").trim());
}

function readOrNothing<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw thrown;
  }
}

/** Ties a database to what belongs to it on the disk: the homes it keeps the books of, and host keys. */
export class Belongings {
  readonly #root: string;
  readonly #writes: Writes;
  readonly #sql;

  constructor(connection: Connection, writes: Writes, root: string) {
    this.#root = root;
    this.#writes = writes;
    this.#sql = {
      instance: connection.prepare<[], { id: string; marked: number; keyed: number }>(
        "SELECT id, marked, keyed FROM instance",
      ),
      users: connection.prepare<[], string>("SELECT name FROM homes ORDER BY name").pluck(),
      marked: connection.prepare("UPDATE instance SET marked = 1"),
      keyed: connection.prepare("UPDATE instance SET keyed = 1"),
    };
  }

  /**
   * Looks whether homes/ is that of this database; marks it when neither says otherwise yet: it is
   * a new instance, or one of a version that made no marks.
   * @throws InstanceError (rejected)
   */
  async checkHomes(): Promise<void> {
    const instance = this.#instance();
    const found = markIn(this.#root);
    if (found !== undefined && found !== instance.id) throw this.#another();
    if (found === undefined && instance.marked === 1) throw this.#missing(instance.id);
    if (found === undefined) this.#mark(instance.id);
    if (instance.marked === 0) await this.#writes.run(() => this.#sql.marked.run());
  }

  /**
   * Before host keys are made: an instance that had some would become another to every client.
   * @throws InstanceError when there are none any more
   */
  checkKeys(): void {
    const names = readOrNothing(() => readdirSync(join(this.#root, "keys"))) ?? [];
    if (this.#instance().keyed === 0 || names.some((name) => HOST_KEY.test(name))) return;
    throw new InstanceError(
      "the host keys of this instance are not in keys/: mount or restore keys/; for new ones, of which all clients will warn: ssh-keygen -q -t ed25519 -N '' -f keys/ssh_host_ed25519_key",
    );
  }

  /** The host keys are there: from now on they are expected. */
  async keysLoaded(): Promise<void> {
    if (this.#instance().keyed === 0) await this.#writes.run(() => this.#sql.keyed.run());
  }

  #instance(): { readonly id: string; readonly marked: number; readonly keyed: number } {
    const instance = this.#sql.instance.get();
    if (instance === undefined) throw new InstanceError("db/moorage.sqlite is no whole database");
    return instance;
  }

  /** Made whole under another name, so that no crash leaves a mark that is nobody's. */
  #mark(id: string): void {
    const homes = homesIn(this.#root);
    const users = this.#sql.users.all();
    if (users.length === 0 && homes.length > 0) throw withoutBooks(homes, "has no users");
    if (users.length > 0 && !users.some((name) => homes.includes(name))) throw this.#missing(id);
    mkdirSync(homesOf(this.#root), { recursive: true, mode: 0o700 });
    const path = join(homesOf(this.#root), MARK);
    const draft = `${path}.${process.pid}`;
    writeFileSync(draft, `${id}\n`, { mode: 0o600 });
    renameSync(draft, path);
  }

  #another(): InstanceError {
    return new InstanceError(
      `homes/ belongs to another instance than db/ (homes/${MARK} has another id): mount or restore what belongs together`,
    );
  }

  #missing(id: string): InstanceError {
    const path = join(homesOf(this.#root), MARK);
    return new InstanceError(
      `the homes of this instance are not in homes/ (homes/${MARK} is missing): mount or restore homes/; to go on without their files: echo ${id} > ${path}`,
    );
  }
}
