import { createHash, randomBytes } from "node:crypto";
import { createReadStream, existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { expect, vi } from "vitest";
import { onDisk } from "../../support/instance.ts";
import {
  type ConfigChange,
  startTestServer,
  TEST_PASSWORD,
  type TestInstance,
} from "../../support/server.ts";
import { makeKey } from "../../support/ssh-client.ts";
import type { Client, Login, Op, Outcome, Running, RunOptions } from "./client.ts";

/** For a busy machine. */
export const PATIENCE = { timeout: 60_000, interval: 20 };

export const MIB = 1024 * 1024;

/** A server, and a desk with files and a key to use it from. */
export interface Place {
  readonly instance: TestInstance;
  readonly port: number;
  readonly fingerprints: readonly string[];
  readonly desk: Desk;
}

export class Desk {
  readonly directory = mkdtempSync(join(tmpdir(), "moorage-desk-"));
  readonly key = makeKey("ed25519");

  async open(): Promise<this> {
    await writeFile(join(this.directory, "id"), this.key.private, { mode: 0o600 });
    await writeFile(join(this.directory, "id.pub"), `${this.key.public}\n`);
    return this;
  }

  close(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** A server in this process with an instance of its own. */
export async function openPlace(
  client: Client,
  config: ConfigChange = {},
): Promise<Place & { close(): Promise<void> }> {
  const desk = await new Desk().open();
  const server = await startTestServer({ config });
  const close = async (): Promise<void> => {
    await server.stop();
    desk.close();
  };
  try {
    await client.prepare?.({ desk: desk.directory });
  } catch (error) {
    await close();
    throw error;
  }
  return {
    instance: server,
    port: server.port,
    fingerprints: server.server.fingerprints.map(({ sha256 }) => sha256),
    desk,
    close,
  };
}

/** What one step has: a user and a directory of its own, and the client under test. */
export class Bench {
  readonly client: Client;
  readonly user: string;
  readonly #place: Place;
  readonly #directory: string;
  readonly #running: Running[] = [];

  private constructor(client: Client, place: Place, user: string) {
    this.client = client;
    this.user = user;
    this.#place = place;
    this.#directory = mkdtempSync(join(place.desk.directory, "step-"));
  }

  static async open(
    client: Client,
    place: Place,
    user: string,
    quotaBytes: number | null = null,
  ): Promise<Bench> {
    const keys = [place.desk.key.public];
    await place.instance.addUser({ name: user, password: TEST_PASSWORD, keys, quotaBytes });
    return new Bench(client, place, user);
  }

  get place(): Place {
    return this.#place;
  }

  /** The host's path of something in the home. */
  there(...names: string[]): string {
    return join(this.#place.instance.home(this.user), ...names);
  }

  /** A path at the client's side. */
  here(...names: string[]): string {
    return join(this.#directory, ...names);
  }

  /** A file at the client's side. */
  async make(name: string, content: number | string | Buffer): Promise<string> {
    return this.#write(this.here(name), content);
  }

  /** A file that is in the home already. */
  async stock(name: string, content: number | string | Buffer): Promise<string> {
    const path = await this.#write(this.there(name), content);
    await this.#place.instance.control.rescan(this.user);
    return path;
  }

  start(ops: readonly Op[], options: RunOptions & Partial<Login> = {}): Running {
    const { goOn = false, ...login } = options;
    const { desk, port, fingerprints } = this.#place;
    const key = { openssh: join(desk.directory, "id"), putty: join(desk.directory, "id.ppk") };
    const all = { port, user: this.user, key, fingerprints, desk: desk.directory, ...login };
    const running = this.client.start(all, ops, { goOn });
    this.#running.push(running);
    return running;
  }

  run(ops: readonly Op[], options?: RunOptions & Partial<Login>): Promise<Outcome> {
    return this.start(ops, options).result;
  }

  /** Runs what has to succeed. */
  async done(ops: readonly Op[], options?: RunOptions & Partial<Login>): Promise<Outcome> {
    const outcome = await this.run(ops, options);
    expect(outcome.code, outcome.text).toBe(0);
    return outcome;
  }

  /** Runs what has to fail, saying so. */
  async refused(
    ops: readonly Op[],
    says: RegExp,
    options?: RunOptions & Partial<Login>,
  ): Promise<Outcome> {
    const outcome = await this.run(ops, options);
    expect(outcome.code, outcome.text).not.toBe(0);
    expect(outcome.text).toMatch(says);
    return outcome;
  }

  /** Names in a directory of the home, as latin1. */
  names(...path: string[]): string[] {
    return readdirSync(this.there(...path), "latin1").sort();
  }

  /** Names that the client listed, without . and .., as latin1. */
  async listed(path: string): Promise<string[]> {
    const outcome = await this.done([{ do: "list", path }]);
    const names = (this.client.names as NonNullable<Client["names"]>)(outcome);
    const texts = names.map((name) => name.toString("latin1"));
    return texts.filter((name) => name !== "." && name !== "..").sort();
  }

  /** How often the user logged in. */
  async logins(): Promise<number> {
    const { audit } = this.#place.instance.store;
    let count = 0;
    await vi.waitFor(async () => {
      count = (await audit.query({ user: this.user, kind: "login" })).length;
      expect(count).toBeGreaterThan(0);
    }, PATIENCE);
    return count;
  }

  /** Waits until nothing of the user is open, then compares the books with the disk. */
  async settled(): Promise<void> {
    const { store } = this.#place.instance;
    const { id } = (await store.users.byName(this.user)) as { id: number };
    await vi.waitFor(async () => {
      const sessions = await store.sessions.list();
      expect(sessions.filter((session) => session.user === this.user)).toEqual([]);
      const { usedBytes, usedFiles } = await store.ledger.usage(id);
      expect({ bytes: usedBytes, files: usedFiles }).toEqual(onDisk(this.there()));
    }, PATIENCE);
  }

  /** Ends what a failed step left running. */
  async close(): Promise<void> {
    for (const { child, result } of this.#running) {
      if (child.exitCode === null) child.kill("SIGKILL");
      await result.catch(() => {});
    }
  }

  async #write(path: string, content: number | string | Buffer): Promise<string> {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, typeof content === "number" ? randomBytes(content) : content);
    return path;
  }
}

export async function sha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path, { highWaterMark: MIB }), hash);
  return `${statSync(path).size} ${hash.digest("hex")}`;
}

/** The two files are the same, byte by byte. */
export async function expectSame(path: string, other: string): Promise<void> {
  expect(await sha256(path)).toBe(await sha256(other));
}

export function sizeOf(path: string): number {
  return existsSync(path) ? statSync(path).size : 0;
}
