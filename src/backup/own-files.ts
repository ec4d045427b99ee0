import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ArchiveWriter } from "./archive-writer.ts";
import type { Toll } from "./toll.ts";

/** Keys and settings are small; what is larger is no such thing. */
const LARGEST = 16 * 1024 * 1024;

/**
 * Copies moorage.toml and keys/ into an archive. They are the administrator's: where one is a link to
 * a file, the file is what counts.
 */
export async function copyOwnFiles(root: string, writer: ArchiveWriter, toll: Toll): Promise<void> {
  const settings = statSync(join(root, "moorage.toml"), { throwIfNoEntry: false });
  if (settings !== undefined) await copyFile(root, "moorage.toml", writer, toll);
  if (statSync(join(root, "keys"), { throwIfNoEntry: false })?.isDirectory()) {
    await copyDirectory(root, "keys", writer, toll);
  }
}

async function copyDirectory(root: string, name: string, writer: ArchiveWriter, toll: Toll) {
  await writer.add({ type: "directory", name: inBytes(name), mode: 0o700 });
  for (const entry of readdirSync(join(root, name), { withFileTypes: true })) {
    const path = `${name}/${entry.name}`;
    if (entry.isDirectory()) await copyDirectory(root, path, writer, toll);
    else await copyFile(root, path, writer, toll);
  }
}

async function copyFile(root: string, name: string, writer: ArchiveWriter, toll: Toll) {
  try {
    const stat = statSync(join(root, name));
    if (!stat.isFile()) return toll.add("skipped", inBytes(name), "no file or directory");
    if (stat.size > LARGEST) return toll.add("unread", inBytes(name), "too large for such a file");
    const data = readFileSync(join(root, name));
    const mtime = stat.mtimeMs / 1000;
    await writer.add({ type: "file", name: inBytes(name), size: data.length, mtime }, [data]);
  } catch (thrown) {
    if ((thrown as { syscall?: string }).syscall === "write") throw thrown;
    toll.failed(inBytes(name), thrown);
  }
}

function inBytes(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}
