import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { onTestFinished } from "vitest";
import { ArchiveWriter, type EntryGiven } from "../../src/backup/archive-writer.ts";
import { FORMAT, MANIFEST, TRAILER } from "../../src/backup/manifest.ts";
import { type Restored, restore } from "../../src/backup/restore.ts";
import { settleSnapshot, takeSnapshot } from "../../src/store/snapshot.ts";
import { openStore, schemaHere } from "../../src/store/store.ts";

/** A directory of the test's own, removed after it. */
export function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), "moorage-backup-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export interface Database {
  readonly content: Buffer;
  readonly instance: string;
}

/** The database of an instance with the users ann and bob, as a backup has it. */
export async function someDatabase(): Promise<Database> {
  const root = mkdtempSync(join(tmpdir(), "moorage-backup-"));
  mkdirSync(join(root, "homes"));
  const store = await openStore(root, "command", "test");
  try {
    for (const name of ["ann", "bob"]) {
      const limits = { quotaBytes: null, quotaFiles: null };
      await store.users.add({ name, role: "user", passwordHash: null, ...limits });
    }
    const copy = join(root, "copy.sqlite");
    takeSnapshot(root, copy);
    const { instance } = settleSnapshot(copy, () => ({ size: 0, linked: false }));
    return { content: readFileSync(copy), instance };
  } finally {
    await store.close();
    rmSync(root, { recursive: true });
  }
}

export type Content = readonly (EntryGiven & { readonly content?: Buffer })[];

/** An archive's bytes before compression, with these entries besides its manifest and end. */
export async function archiveOf(
  { content, instance }: Database,
  entries: Content,
  change: Record<string, unknown> = {},
): Promise<Buffer> {
  const pieces: Buffer[] = [];
  const writer = new ArchiveWriter({
    write: async (data) => void pieces.push(data),
    change: async () => {},
    end: async () => {},
  });
  const manifest = { format: FORMAT, program: "test", schema: schemaHere(), homes: true };
  const given = { ...manifest, createdAt: 1, instance, ...change };
  await writer.text(MANIFEST, JSON.stringify(given));
  const all: Content = [{ type: "file", name: "db/moorage.sqlite", content }, ...entries];
  for (const { content: data = Buffer.alloc(0), ...entry } of all) {
    await writer.add({ size: data.length, ...entry }, [data]);
  }
  const counts = { bytes: 0, files: 0, unread: 0, vanished: 0 };
  const trailer = { entries: writer.entries, ...counts, sha256: writer.digest() };
  await writer.text(TRAILER, JSON.stringify(trailer));
  await writer.end();
  return Buffer.concat(pieces);
}

/** @param packed a backup, compressed */
export function restored(packed: Buffer, root: string): Promise<Restored> {
  return restore(Readable.from([packed]), { root, schema: schemaHere() });
}

/** The same of what is to be compressed still. */
export function restoredTar(tar: Buffer, root: string): Promise<Restored> {
  return restored(gzipSync(tar, { level: 1 }), root);
}
