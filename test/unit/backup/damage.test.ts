import { existsSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { beforeAll, describe, expect, it } from "vitest";
import { InstanceError } from "../../../src/errors.ts";
import {
  archiveOf,
  type Database,
  restored,
  restoredTar,
  someDatabase,
  temporary,
} from "../../support/archive.ts";
import { chances } from "../../support/mixed-load.ts";

/** More for a long run. */
const RUNS = Number(process.env.FUZZ_RUNS ?? 60);
const random = chances(7);

let database: Database;
let tar: Buffer;
let packed: Buffer;

beforeAll(async () => {
  database = await someDatabase();
  const home = { type: "directory", name: "homes/ann", mode: 0o700 } as const;
  tar = await archiveOf(database, [
    home,
    { type: "directory", name: "homes/ann/d", mode: 0o500 },
    { type: "file", name: "homes/ann/d/a", content: Buffer.alloc(3000, 5) },
    { type: "link", name: "homes/ann/d/b", target: "homes/ann/d/a" },
    { type: "symlink", name: "homes/ann/d/c", target: "a" },
    { type: "file", name: `homes/ann/d/${"n".repeat(200)}`, content: Buffer.from("x") },
  ]);
  packed = gzipSync(tar);
});

function somewhere(length: number): number {
  return Math.floor(random() * length);
}

/** One to three bits, most where the headers of the small entries are. */
function flipped(whole: Buffer, end: number): Buffer {
  const copy = Buffer.from(whole);
  for (let left = 1 + somewhere(3); left > 0; left -= 1) {
    const at = random() < 0.5 ? somewhere(end) : end - 1 - somewhere(Math.min(end, 9000));
    copy[at] = (copy[at] as number) ^ (1 << somewhere(8));
  }
  return copy;
}

async function isRefused(attempt: (root: string) => Promise<unknown>): Promise<void> {
  const root = join(temporary(), "root");
  await expect(attempt(root)).rejects.toThrow(InstanceError);
  expect(existsSync(join(root, "db", "moorage.sqlite"))).toBe(false);
  // What was begun says so.
  if (existsSync(root)) expect(existsSync(join(root, "RESTORE-UNFINISHED"))).toBe(true);
}

/** Deflate fills up bytes with bits that mean nothing, wherever the bytes of this schema have them. */
function isSameInside(archive: Buffer): boolean {
  try {
    return gunzipSync(archive).equals(tar);
  } catch {
    return false;
  }
}

describe("a backup is refused, and no instance starts of it,", () => {
  it("with bits of its entries flipped", async () => {
    const end = tar.lastIndexOf("moorage-backup.end.json");
    for (let run = 0; run < RUNS; run += 1) {
      const other = flipped(tar, end);
      if (!other.equals(tar)) await isRefused((root) => restoredTar(other, root));
    }
  });

  it("with a bit of the file flipped", async () => {
    for (let run = 0; run < RUNS; run += 1) {
      // The first ten bytes have a time and a system, which mean nothing.
      const other = Buffer.from(packed);
      const at = 10 + somewhere(packed.length - 10);
      other[at] = (other[at] as number) ^ (1 << somewhere(8));
      if (!isSameInside(other)) await isRefused((root) => restored(other, root));
    }
  });

  it("when it is cut anywhere", async () => {
    for (let run = 0; run < RUNS; run += 1) {
      await isRefused((root) => restoredTar(tar.subarray(0, somewhere(tar.length)), root));
      await isRefused((root) => restored(packed.subarray(0, somewhere(packed.length)), root));
    }
  });

  it("with something behind its end", async () => {
    for (const more of [Buffer.alloc(512), Buffer.alloc(1, 1), tar]) {
      await isRefused((root) => restoredTar(Buffer.concat([tar, more]), root));
    }
  });

  it("of anything", async () => {
    for (let run = 0; run < RUNS; run += 1) {
      const noise = Buffer.from(Array.from({ length: somewhere(3000) }, () => somewhere(256)));
      await isRefused((root) => restoredTar(noise, root));
    }
  });
});
