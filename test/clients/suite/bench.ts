import { createHash, randomBytes } from "node:crypto";
import { createReadStream, existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { expect, vi } from "vitest";
import { makeKey } from "../../support/ssh-client.ts";
import type { Client, KeyKind, Login, Op, Outcome, Running, RunOptions } from "./client.ts";
import type { Host, Venue } from "./host.ts";

/** For a busy machine. */
export const PATIENCE = { timeout: 60_000, interval: 20 };

export const MIB = 1024 * 1024;

/** A server, and a desk with files and a key to use it from. */
export interface Place {
  readonly venue: Venue;
  readonly host: Host;
  readonly desk: Desk;
}

export class Desk {
  readonly directory = mkdtempSync(join(tmpdir(), "moorage-desk-"));
  readonly key: ReturnType<typeof makeKey>;

  constructor(kind: KeyKind = "ed25519") {
    this.key = makeKey(kind);
  }

  async open(): Promise<this> {
    await writeFile(join(this.directory, "id"), this.key.private, { mode: 0o600 });
    await writeFile(join(this.directory, "id.pub"), `${this.key.public}\n`);
    return this;
  }

  close(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** A host with nobody on it, and a desk where the client has all it needs. */
export async function openPlace(
  client: Client,
  venue: Venue,
): Promise<Place & { close(): Promise<void> }> {
  const desk = await new Desk(client.key).open();
  try {
    await client.prepare?.({ desk: desk.directory });
    const host = await venue.open(desk);
    const close = async (): Promise<void> => {
      await host.close();
      desk.close();
    };
    return { venue, host, desk, close };
  } catch (error) {
    desk.close();
    throw error;
  }
}

/** Where operations name paths of the home. */
const THERE: ReadonlySet<string> = new Set(["there", "path", "from", "to"]);

/** What one step has: a user and a directory of its own, and the client under test. */
export class Bench {
  readonly client: Client;
  readonly user: string;
  readonly #place: Place;
  readonly #directory: string;
  readonly #running: Running[] = [];
  readonly #others: Bench[] = [];

  private constructor(client: Client, place: Place, user: string) {
    this.client = client;
    this.user = user;
    this.#place = place;
    this.#directory = mkdtempSync(join(place.desk.directory, "step-"));
  }

  static async open(client: Client, place: Place, user: string): Promise<Bench> {
    await place.host.addUser(user);
    return new Bench(client, place, user);
  }

  /** A bench for the same client at another host, which ends with this one. */
  async at(host: Host, user: string): Promise<Bench> {
    const other = await Bench.open(this.client, { ...this.#place, host }, user);
    this.#others.push(other);
    return other;
  }

  get place(): Place {
    return this.#place;
  }

  get host(): Host {
    return this.#place.host;
  }

  /** The host's path of something in the home. */
  there(...names: string[]): string {
    return join(this.host.home(this.user), ...names);
  }

  /** A path of the home as the client names it. */
  remote(path: string): string {
    return `${this.host.prefix(this.user)}${path}`;
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
    await this.noticed();
    return path;
  }

  /** The server learns of what was put into the home by hand. */
  async noticed(): Promise<void> {
    await this.host.noticed(this.user);
  }

  start(ops: readonly Op[], options: RunOptions & Partial<Login> = {}): Running {
    const { goOn = false, ...login } = options;
    const { directory } = this.#place.desk;
    const { port, fingerprints } = this.host;
    const user = this.host.loginName(this.user);
    const key = { openssh: join(directory, "id"), putty: join(directory, "id.ppk") };
    const prefix = this.host.prefix(this.user);
    const all = { port, user, key, fingerprints, desk: directory, prefix, ...login };
    const placed = this.client.mounts === true ? ops : ops.map((op) => this.#placed(op));
    const running = this.client.start(all, placed, { goOn });
    this.#running.push(running);
    return running;
  }

  run(ops: readonly Op[], options?: RunOptions & Partial<Login>): Promise<Outcome> {
    return this.start(ops, options).result;
  }

  /** Runs what has to succeed. */
  async done(ops: readonly Op[], options?: RunOptions & Partial<Login>): Promise<Outcome> {
    const outcome = await this.run(ops, options);
    if (outcome.code !== 0) throw wrong(`ended with ${outcome.code}`, outcome);
    return outcome;
  }

  /** Runs what has to fail, saying so. */
  async refused(
    ops: readonly Op[],
    says: RegExp,
    options?: RunOptions & Partial<Login>,
  ): Promise<Outcome> {
    const outcome = await this.run(ops, options);
    if (outcome.code === 0) throw wrong("ended with 0 though it was refused", outcome);
    if (!says.test(outcome.text)) throw wrong(`doesn't say ${says}`, outcome);
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

  /** How the user logged in, each time. */
  async logins(): Promise<string[]> {
    let logins: string[] = [];
    await vi.waitFor(async () => {
      logins = await this.host.logins(this.user);
      expect(logins.length).toBeGreaterThan(0);
    }, PATIENCE);
    return logins;
  }

  /** Waits until nothing of the user is open and the books say what the disk does. */
  async settled(): Promise<void> {
    await vi.waitFor(() => this.host.settled(this.user), PATIENCE);
  }

  /** Ends what a failed step left running. */
  async close(): Promise<void> {
    for (const { child, result } of this.#running) {
      if (child.exitCode === null) child.kill("SIGKILL");
      await result.catch(() => {});
    }
    for (const other of this.#others) await other.close();
  }

  /** An operation whose paths are where this host has the home. */
  #placed(op: Op): Op {
    const placed = Object.entries(op).map(([field, value]) =>
      THERE.has(field) ? [field, this.remote(String(value))] : [field, value],
    );
    return Object.fromEntries(placed) as Op;
  }

  async #write(path: string, content: number | string | Buffer): Promise<string> {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, typeof content === "number" ? randomBytes(content) : content);
    return path;
  }
}

/** The first line is for a table, the rest for who looks into it. */
export function wrong(what: string, { text }: Outcome): Error {
  const said = text.trim();
  const last = said.split(/\s*\n\s*/).slice(-2);
  return new Error(`${what}: ${last.join(" / ")}\nAll it said:\n${said}`);
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
