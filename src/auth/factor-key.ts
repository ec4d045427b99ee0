import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { mkdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { InstanceError } from "../errors.ts";
import type { FactorStore } from "../store/factors.ts";
import { exists, makeSecret } from "./secret-file.ts";

const NAME = "keys/factor.key";
const CIPHER = "aes-256-gcm";
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** The file's one line: base64 of 32 bytes. */
const LINE = /^[A-Za-z0-9+/]{43}=\n?$/;

/**
 * Encrypts second factors with a key that is not in the database: whoever has only that can make no
 * codes. The user's id is bound in, so that a row moved to another user is of no use.
 */
export class FactorKey {
  readonly #file: string;
  readonly #store: Pick<FactorStore, "any">;

  /** @param root the instance's directory */
  constructor(root: string, store: Pick<FactorStore, "any">) {
    this.#file = join(root, NAME);
    this.#store = store;
  }

  /**
   * Rejects with InstanceError when there are secrets, but not the key they were encrypted with:
   * another one made in its place would hide that until somebody can't log in.
   */
  async check(): Promise<void> {
    if (await this.#store.any()) await this.#read();
  }

  /** Makes the key at first need. Rejects with InstanceError as {@link check}. */
  async encrypt(secret: Buffer, userId: number): Promise<Buffer> {
    const key = await this.#readOrMake();
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, key, nonce).setAAD(bound(userId));
    const text = Buffer.concat([cipher.update(secret), cipher.final()]);
    return Buffer.concat([nonce, text, cipher.getAuthTag()]);
  }

  /** Rejects with InstanceError when the key is missing or another one. */
  async decrypt(stored: Buffer, userId: number): Promise<Buffer> {
    const key = await this.#read();
    try {
      const nonce = stored.subarray(0, NONCE_BYTES);
      const options = { authTagLength: TAG_BYTES };
      const decipher = createDecipheriv(CIPHER, key, nonce, options).setAAD(bound(userId));
      decipher.setAuthTag(stored.subarray(-TAG_BYTES));
      const text = decipher.update(stored.subarray(NONCE_BYTES, -TAG_BYTES));
      return Buffer.concat([text, decipher.final()]);
    } catch {
      throw new InstanceError(
        `${NAME} is not the key that this instance's second factors were encrypted with: restore it`,
      );
    }
  }

  async #readOrMake(): Promise<Buffer> {
    if (!(await exists(this.#file)) && !(await this.#store.any())) await this.#make();
    return this.#read();
  }

  async #read(): Promise<Buffer> {
    if (!(await exists(this.#file))) {
      throw new InstanceError(
        `${NAME} is missing, and users' second factors are encrypted with it: mount or restore keys/; without it, each has to be removed (moorage user totp NAME remove) and enrolled anew`,
      );
    }
    const { mode } = await stat(this.#file);
    if ((mode & 0o077) !== 0) {
      throw new InstanceError(`${NAME} can be read by others: run chmod 600 on it`);
    }
    const line = await readFile(this.#file, "latin1");
    if (!LINE.test(line)) throw new InstanceError(`${NAME} is no key of this program: restore it`);
    return Buffer.from(line, "base64");
  }

  async #make(): Promise<void> {
    await mkdir(dirname(this.#file), { recursive: true, mode: 0o700 });
    await makeSecret(this.#file, `${randomBytes(KEY_BYTES).toString("base64")}\n`);
  }
}

function bound(userId: number): Buffer {
  return Buffer.from(`moorage totp ${userId}`);
}
