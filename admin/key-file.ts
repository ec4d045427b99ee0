import { open } from "node:fs/promises";
import { homedir } from "node:os";
import { resolve } from "node:path";

const MAX_BYTES = 16_384;

/** Named so that the screen shows its message. */
class KeyFileError extends Error {
  override readonly name = "ControlError";
}

/**
 * The text of a public key's file on this machine; `~` is the home directory.
 * @throws an error with one clear line
 */
export async function readKeyFile(name: string): Promise<string> {
  const path = resolve(name.replace(/^~(?=\/|$)/, homedir()));
  let bytes: Buffer;
  try {
    bytes = await readStart(path);
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    throw new KeyFileError(`${path} can't be read (${code ?? "unknown"})`);
  }
  if (bytes.length > MAX_BYTES) throw new KeyFileError(`${path} is too large for public keys`);
  const text = bytes.toString("utf8");
  if (text.includes("PRIVATE KEY")) {
    throw new KeyFileError(`${path} is a private key: give the .pub file beside it`);
  }
  return text;
}

async function readStart(path: string): Promise<Buffer> {
  const file = await open(path, "r");
  try {
    if (!(await file.stat()).isFile()) throw Object.assign(new Error(), { code: "not a file" });
    const { bytesRead, buffer } = await file.read(Buffer.alloc(MAX_BYTES + 1), 0, MAX_BYTES + 1, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
