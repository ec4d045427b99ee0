import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { InstanceError } from "../errors.ts";
import { MARK } from "../store/belongings.ts";
import { bookStored } from "../store/snapshot.ts";
import { syncPath } from "../store/synced.ts";
import { ArchiveReader } from "./archive-reader.ts";
import { damaged } from "./errors.ts";
import { begin, finish, requireEmpty } from "./ground.ts";
import {
  FORMAT,
  MANIFEST,
  MAX_MANIFEST_BYTES,
  type Manifest,
  parseManifest,
  parseTrailer,
  TRAILER,
  type Trailer,
} from "./manifest.ts";
import { partsOf } from "./names.ts";
import type { Entry } from "./tar.ts";
import { TreePlace, writeFile } from "./tree-place.ts";

const DATABASE = "db/moorage.sqlite";
const SETTINGS = "moorage.toml";

export interface RestoreOptions {
  /** the directory that becomes the instance */
  readonly root: string;
  /** the newest schema of a database that this program can use */
  readonly schema: number;
  /** told now and then of what was read so far, before compression */
  readonly onRead?: (entries: number, bytes: number) => void;
}

export interface Restored {
  readonly manifest: Manifest;
  readonly trailer: Trailer;
}

/**
 * Makes an instance of a backup. Until all of it was read and compared the directory says that it is
 * not whole, and no instance starts there.
 * @param source the backup, as it was written
 * Rejects with InstanceError when the directory or the backup is not as it should be, and with the
 * system's errors.
 */
export async function restore(source: Readable, options: RestoreOptions): Promise<Restored> {
  requireEmpty(options.root);
  const gunzip = createGunzip({ chunkSize: 256 * 1024 });
  source.on("error", (error) => gunzip.destroy(error));
  const reader = new ArchiveReader(source.pipe(gunzip));
  try {
    const manifest = await readManifest(reader, options.schema);
    begin(options.root);
    const trailer = await new Restoring(options, manifest, reader).run();
    finish(options.root);
    return { manifest, trailer };
  } catch (thrown) {
    throw isCompression(thrown) ? damaged("it can't be unpacked") : thrown;
  } finally {
    source.destroy();
    gunzip.destroy();
  }
}

function isCompression(thrown: unknown): boolean {
  const { code } = thrown as { code?: string };
  return code !== undefined && /^Z_/.test(code);
}

async function readManifest(reader: ArchiveReader, schema: number): Promise<Manifest> {
  const first = await reader.next().catch((thrown: unknown) => {
    if (thrown instanceof InstanceError || isCompression(thrown)) throw notOurs();
    throw thrown;
  });
  if (first?.name !== MANIFEST || first.type !== "file") throw notOurs();
  const manifest = parseManifest(await reader.text(MAX_MANIFEST_BYTES));
  if (manifest.format <= FORMAT && manifest.schema <= schema) return manifest;
  throw new InstanceError(
    "the backup was made by a newer version of moorage: restore it with that version",
  );
}

function notOurs(): InstanceError {
  return new InstanceError("this is no backup of moorage, or its beginning is damaged");
}

class Restoring {
  readonly #root: string;
  readonly #options: RestoreOptions;
  readonly #manifest: Manifest;
  readonly #reader: ArchiveReader;
  readonly #homes: TreePlace;
  readonly #keys: TreePlace;
  /** database and settings, as far as they were there */
  readonly #singles = new Set<string>();

  constructor(options: RestoreOptions, manifest: Manifest, reader: ArchiveReader) {
    this.#options = options;
    this.#root = options.root;
    this.#manifest = manifest;
    this.#reader = reader;
    this.#homes = new TreePlace(join(options.root, "homes"), { homes: true });
    try {
      this.#keys = new TreePlace(join(options.root, "keys"), { homes: false });
    } catch (thrown) {
      this.#homes.close();
      throw thrown;
    }
  }

  async run(): Promise<Trailer> {
    try {
      const trailer = await this.#entries();
      this.#homes.finish();
      this.#keys.finish();
      this.#complete();
      return trailer;
    } finally {
      this.#homes.close();
      this.#keys.close();
    }
  }

  async #entries(): Promise<Trailer> {
    for (;;) {
      const entry = await this.#reader.next();
      if (entry === undefined) throw damaged("its end is missing");
      if (entry.name === TRAILER) return this.#end();
      await this.#place(entry);
      this.#options.onRead?.(this.#reader.entries, this.#reader.bytes);
    }
  }

  async #end(): Promise<Trailer> {
    const { digest, entries } = this.#reader;
    const trailer = parseTrailer(await this.#reader.text(MAX_MANIFEST_BYTES));
    if (trailer.sha256 !== digest || trailer.entries !== entries - 1) {
      throw damaged("it is not what was written");
    }
    if ((await this.#reader.next()) !== undefined) throw damaged("it goes on behind its end");
    return trailer;
  }

  async #place(entry: Entry): Promise<void> {
    const [top, ...rest] = partsOf(entry.name);
    if (top === "homes" && rest.length > 0 && this.#manifest.homes) {
      if (rest[0]?.startsWith(".")) throw damaged("a path in it is none of an instance");
      await this.#homes.place(rest, entry, this.#reader.content());
    } else if (top === "keys") await this.#key(rest, entry);
    else await this.#single(entry);
  }

  async #key(path: ReturnType<typeof partsOf>, entry: Entry): Promise<void> {
    const { type } = entry;
    if (type !== "file" && type !== "directory") throw damaged("keys/ has a link");
    if (path.length === 0 && type === "directory") return;
    if (path.length === 0) throw damaged("keys/ is no directory");
    const mode = type === "file" ? 0o600 : 0o700;
    await this.#keys.place(path, { ...entry, mode }, this.#reader.content());
  }

  async #single(entry: Entry): Promise<void> {
    const isKnown = entry.name === DATABASE || entry.name === SETTINGS;
    if (!isKnown || entry.type !== "file") throw damaged("a path in it is none of an instance");
    if (this.#singles.has(entry.name)) throw damaged(`it has ${entry.name} twice`);
    this.#singles.add(entry.name);
    const isDatabase = entry.name === DATABASE;
    const path = join(this.#root, isDatabase ? `${DATABASE}.partial` : SETTINGS);
    await writeFile(path, { ...entry, mode: 0o600 }, this.#reader.content());
  }

  /** The books are those of what was restored; then the database gets its name. */
  #complete(): void {
    const { schema, instance, homes } = this.#manifest;
    const partial = join(this.#root, `${DATABASE}.partial`);
    if (!this.#singles.has(DATABASE)) throw damaged("it has no database");
    const stored = homes ? this.#homes.stored : undefined;
    if (!booked(partial, { schema, instance }, stored)) throw damaged("its database is not whole");
    // Without it homes are not taken for those of this database, which have to be put there first.
    if (homes) writeFileSync(join(this.#root, "homes", MARK), `${instance}\n`, { mode: 0o600 });
    renameSync(partial, join(this.#root, DATABASE));
    for (const name of ["db", "keys", "homes", "."]) syncPath(join(this.#root, name));
  }
}

function booked(...args: Parameters<typeof bookStored>): boolean {
  try {
    return bookStored(...args);
  } catch (thrown) {
    const { code } = thrown as { code?: string };
    if (code?.startsWith("SQLITE_FULL")) throw thrown;
    // What SQLite can't read is no database of ours.
    if (code?.startsWith("SQLITE_")) return false;
    throw thrown;
  }
}
