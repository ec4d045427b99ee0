import { createReadStream, lstatSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { PassThrough, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { settleSnapshot, takeSnapshot } from "../store/snapshot.ts";
import type { BookedFile, FileState } from "../vfs/books.ts";
import { ArchiveWriter } from "./archive-writer.ts";
import { FORMAT, MANIFEST, type Manifest, TRAILER, type Trailer } from "./manifest.ts";
import { copyOwnFiles } from "./own-files.ts";
import { Packer } from "./packer.ts";
import { type Missed, Toll } from "./toll.ts";
import { type OnCopied, TreeCopy } from "./tree-copy.ts";

/** Bytes of the archive that wait for the output. */
const AHEAD = 1024 * 1024;

export interface BackupOptions {
  /** the instance's directory */
  readonly root: string;
  /** the program's, for the manifest */
  readonly version: string;
  /** whether the files of users and folders are in it */
  readonly homes: boolean;
  /** a name for a copy of the database on the way; removed by who gives it */
  readonly aside: string;
  /** what became of a file that was open */
  readonly outcome: (file: BookedFile) => FileState;
  readonly onMissed?: (missed: Missed) => void;
  readonly onCopied?: OnCopied;
  /** told at the end how many bytes the backup has */
  readonly onWritten?: (bytes: number) => void;
  readonly signal: AbortSignal;
}

/** What is in a backup that was made. */
export interface BackedUp {
  readonly manifest: Manifest;
  readonly trailer: Trailer;
  /** files that were written to as they were read, and what no archive holds (sockets, pipes) */
  readonly changed: number;
  readonly skipped: number;
}

/**
 * Writes a backup of an instance, also of one that is in use: database, keys, settings and with
 * `homes` all files. The database is as it was at the beginning; files are as they were when each
 * was read. So the usage in the database is not that of the files: who restores them counts them,
 * and books that.
 */
export async function backUp(options: BackupOptions, out: Writable): Promise<BackedUp> {
  const { root, aside, homes, version, outcome, signal } = options;
  takeSnapshot(root, aside);
  const { schema, instance } = settleSnapshot(aside, outcome);
  const createdAt = Date.now();
  const manifest = { format: FORMAT, program: version, schema, instance, createdAt, homes };
  const packed = new PassThrough({ highWaterMark: AHEAD });
  let size = 0;
  const counted = async function* (pieces: AsyncIterable<Buffer>) {
    for await (const piece of pieces) {
      size += piece.length;
      yield piece;
    }
  };
  const written = pipeline(packed, counted, out, { signal });
  // It is looked at below, when what is written has ended, too.
  written.catch(() => {});
  const toll = new Toll(options.onMissed ?? (() => {}));
  try {
    const trailer = await writeAll(options, manifest, new ArchiveWriter(new Packer(packed)), toll);
    await written;
    options.onWritten?.(size);
    const { changed, skipped } = toll.counts;
    return { manifest, trailer, changed, skipped };
  } catch (thrown) {
    packed.destroy();
    // What the output failed of says more than what that led to.
    throw await written.then(
      () => thrown,
      (cause: unknown) => (isOfOutput(cause) ? cause : thrown),
    );
  }
}

function isOfOutput(thrown: unknown): boolean {
  return (thrown as { code?: string }).code !== "ERR_STREAM_PREMATURE_CLOSE";
}

async function writeAll(
  { root, aside, homes, onCopied = () => {} }: BackupOptions,
  manifest: Manifest,
  writer: ArchiveWriter,
  toll: Toll,
): Promise<Trailer> {
  const stored = { bytes: 0, files: 0 };
  await writer.text(MANIFEST, `${JSON.stringify(manifest)}\n`);
  await copyOwnFiles(root, writer, toll);
  await copyDatabase(aside, writer);
  if (homes) {
    const counted: OnCopied = (files, bytes) => {
      stored.files += files;
      stored.bytes += bytes;
      onCopied(files, bytes);
    };
    await copyHomes(root, writer, toll, counted);
  }
  const { unread, vanished } = toll.counts;
  const { entries } = writer;
  const trailer = { entries, ...stored, unread, vanished, sha256: writer.digest() };
  await writer.text(TRAILER, `${JSON.stringify(trailer)}\n`);
  await writer.end();
  return trailer;
}

async function copyDatabase(file: string, writer: ArchiveWriter): Promise<void> {
  const { size } = statSync(file);
  const entry = {
    type: "file",
    name: "db/moorage.sqlite",
    size,
    mtime: Date.now() / 1000,
  } as const;
  const pieces = createReadStream(file);
  await writer.add(entry, pieces);
}

/** All homes that are there, also those that users who were removed have left. */
async function copyHomes(
  root: string,
  writer: ArchiveWriter,
  toll: Toll,
  onCopied: OnCopied,
): Promise<void> {
  const copy = new TreeCopy(writer, toll, onCopied);
  for (const name of homesIn(root)) {
    const home = Buffer.concat([Buffer.from(`${root}/homes/`), Buffer.from(name, "latin1")]);
    if (lstatSync(home, { throwIfNoEntry: false })?.isDirectory() === false) {
      toll.add("unread", `homes/${name}`, "no directory: what is elsewhere can be mounted there");
    } else await copy.copy(home, `homes/${name}`);
  }
}

/** Bytes as latin1. What begins with a dot is the instance's own, or being deleted. */
function homesIn(root: string): string[] {
  const names = readdirSync(join(root, "homes"), { encoding: "latin1" as BufferEncoding });
  return names.filter((name) => !name.startsWith(".") && name !== "lost+found").sort();
}
