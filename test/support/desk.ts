import { randomBytes } from "node:crypto";
import {
  chmodSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type CommandResult,
  type KeyPair,
  makeKey,
  type OpenSshOptions,
  type RunningCommand,
  scp,
  sftp,
  startSftp,
  type Target,
} from "./ssh-client.ts";

/** A command of a client that did all and said nothing of it. */
export const DONE = { code: 0, stderr: "" };

/** The side of a person at OpenSSH's clients: files, and a key that `key.public` lets in. */
export class Desk {
  readonly directory: string;
  readonly key: KeyPair;
  readonly keyFile: string;
  target: Target | undefined;

  constructor() {
    this.directory = mkdtempSync(join(tmpdir(), "moorage-desk-"));
    this.key = makeKey("ed25519");
    this.keyFile = this.addKey("id", this.key);
  }

  /** @returns the file of a private key */
  addKey(name: string, key: KeyPair): string {
    const file = this.path(name);
    writeFileSync(file, key.private, { mode: 0o600 });
    return file;
  }

  path(...names: string[]): string {
    return join(this.directory, ...names);
  }

  /** Makes a file of these bytes, or of so many random ones. */
  file(name: string, content: Buffer | string | number, mode = 0o644): string {
    const path = this.path(name);
    writeFileSync(path, typeof content === "number" ? randomBytes(content) : content);
    chmodSync(path, mode);
    return path;
  }

  read(...names: string[]): Buffer {
    return readFileSync(this.path(...names));
  }

  sftp(
    commands: readonly (string | Buffer)[],
    options: OpenSshOptions = {},
  ): Promise<CommandResult> {
    return sftp(this.#server(), commands, { key: this.keyFile, ...options });
  }

  startSftp(commands: readonly (string | Buffer)[], options: OpenSshOptions = {}): RunningCommand {
    return startSftp(this.#server(), commands, { key: this.keyFile, ...options });
  }

  /** `remote:` in a path stands for the server. */
  scp(paths: readonly string[], options: OpenSshOptions = {}): Promise<CommandResult> {
    return scp(this.#server(), paths, { key: this.keyFile, ...options });
  }

  /** Removes all files. */
  clear(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  #server(): Target {
    if (this.target === undefined) throw new Error("no server to talk to");
    return this.target;
  }
}

/** What a directory holds, by path (bytes as latin1): what each thing is, with its content. */
export function tree(directory: string): Map<string, string> {
  const found = new Map<string, string>();
  const visit = (at: Buffer, name: string): void => {
    for (const entry of readdirSync(at, { encoding: "buffer" })) {
      const path = Buffer.concat([at, Buffer.from("/"), entry]);
      const stat = lstatSync(path);
      const key = `${name}${entry.toString("latin1")}`;
      if (stat.isDirectory()) {
        found.set(key, "directory");
        visit(path, `${key}/`);
      } else if (stat.isSymbolicLink()) {
        found.set(key, `link to ${readlinkSync(path, "latin1")}`);
      } else {
        found.set(key, `file of ${readFileSync(path).toString("base64")}`);
      }
    }
  };
  visit(Buffer.from(directory), "");
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}
