import { createHmac } from "node:crypto";
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import type { Receiver } from "./types.ts";

/** Longest file, in bytes. */
const MAX_FILE = 4_096;
const MIN_BYTES = 16;
const MAX_SECRETS = 4;
/** As the libraries for Standard Webhooks write it before a secret. */
const PREFIX = /^whsec_/;

/** A secret can't be had. The message never has any of it. */
export class SecretError extends Error {
  override readonly name = "SecretError";
}

export interface SecretSource {
  /** the instance's directory */
  readonly root: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A path of the settings, as a path of the machine. */
export function placeOf(file: string, root: string): string {
  return isAbsolute(file) ? file : join(root, file);
}

/**
 * The secrets that sign for a receiver; several while one is being replaced by another.
 * @throws SecretError
 */
export async function secretsOf(
  { secretFile, secretEnv }: Pick<Receiver, "secretFile" | "secretEnv">,
  { root, env }: SecretSource,
): Promise<Buffer[]> {
  if (secretFile !== "") return parse(await readBounded(placeOf(secretFile, root)), secretFile);
  const text = env[secretEnv];
  if (text === undefined) throw new SecretError(`variable ${secretEnv} is not set`);
  return parse(text, `variable ${secretEnv}`);
}

async function readBounded(file: string): Promise<string> {
  try {
    return (await readFile(file, MAX_FILE)).toString("utf8");
  } catch (thrown) {
    if (thrown instanceof SecretError) throw thrown;
    throw new SecretError(`${file} can't be read (${(thrown as { code?: string }).code})`);
  }
}

/** A small file. @throws SecretError when it is longer than `most` bytes, or no file */
export async function readFile(file: string, most: number): Promise<Buffer> {
  // A pipe that nobody writes to would hold a thread for good.
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw new SecretError(`${file} is no file`);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(most + 1), 0, most + 1, 0);
    if (bytesRead > most) throw new SecretError(`${file} is longer than ${most} bytes`);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

function parse(text: string, place: string): Buffer[] {
  const lines = text.split(/\s+/).filter((line) => line !== "");
  const secrets = lines.map((line) => Buffer.from(line.replace(PREFIX, ""), "base64"));
  const isBase64 = lines.every((line) => /^[A-Za-z0-9+/]+={0,2}$/.test(line.replace(PREFIX, "")));
  const isLong = secrets.every(({ length }) => length >= MIN_BYTES);
  if (lines.length > 0 && lines.length <= MAX_SECRETS && isBase64 && isLong) return secrets;
  throw new SecretError(
    `${place} must have 1 to ${MAX_SECRETS} lines, each at least ${MIN_BYTES} bytes in base64: make one with \`openssl rand -base64 32\``,
  );
}

/**
 * What headers say of a message, as Standard Webhooks has it: libraries of many languages verify that.
 * @param at seconds since the epoch
 */
export function signatureHeaders(
  id: string,
  at: number,
  body: string,
  secrets: readonly Buffer[],
): Record<string, string> {
  const signed = `${id}.${at}.${body}`;
  const signatures = secrets.map(
    (secret) => `v1,${createHmac("sha256", secret).update(signed).digest("base64")}`,
  );
  return {
    "webhook-id": id,
    "webhook-timestamp": `${at}`,
    "webhook-signature": signatures.join(" "),
  };
}
