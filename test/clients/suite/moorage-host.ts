import { expect } from "vitest";
import { booksEqualDisk } from "../../support/books.ts";
import {
  openInstance,
  type SpawnedServer,
  spawnServer,
  startTestServer,
  TEST_PASSWORD,
  type TestInstance,
} from "../../support/server.ts";
import type { Desk } from "./bench.ts";
import type { Host, HostOptions, RestartableHost, Venue } from "./host.ts";

/** What every host of ours does with its instance. */
abstract class MoorageHost implements Host {
  abstract readonly port: number;
  abstract readonly fingerprints: readonly string[];
  readonly #instance: TestInstance;
  readonly #desk: Desk;

  constructor(instance: TestInstance, desk: Desk) {
    this.#instance = instance;
    this.#desk = desk;
  }

  abstract close(): Promise<void>;

  async addUser(name: string): Promise<void> {
    const keys = [this.#desk.key.public];
    await this.#instance.addUser({ name, password: TEST_PASSWORD, keys });
  }

  loginName(user: string): string {
    return user;
  }

  home(user: string): string {
    return this.#instance.home(user);
  }

  prefix(): string {
    return "";
  }

  async noticed(user: string): Promise<void> {
    await this.#instance.control.rescan(user);
  }

  async setQuota(user: string, quotaBytes: number): Promise<void> {
    await this.#instance.control.set(user, { quotaBytes });
  }

  async logins(user: string): Promise<string[]> {
    const records = await this.#instance.store.audit.query({ user, kind: "login" });
    return records.map(({ detail }) => detail ?? "");
  }

  async failedLogins(user: string): Promise<number> {
    return (await this.#instance.store.audit.query({ user, kind: "login-failed" })).length;
  }

  async settled(user: string): Promise<void> {
    const { store } = this.#instance;
    const sessions = await store.sessions.list();
    expect(sessions.filter((session) => session.user === user)).toEqual([]);
    await booksEqualDisk(this.#instance, user);
  }
}

/** In this process. */
class InnerHost extends MoorageHost {
  readonly port: number;
  readonly fingerprints: readonly string[];
  readonly close: () => Promise<void>;

  static async open(desk: Desk, options: HostOptions = {}): Promise<InnerHost> {
    const { rekeyBytes, maxSessions } = options;
    const transport = rekeyBytes === undefined ? {} : { rekeyBytes };
    const limits = maxSessions === undefined ? {} : { maxSessions, queueTimeout: 0 };
    return new InnerHost(await startTestServer({ config: { transport, limits } }), desk);
  }

  private constructor(server: Awaited<ReturnType<typeof startTestServer>>, desk: Desk) {
    super(server, desk);
    this.port = server.port;
    this.fingerprints = server.server.fingerprints.map(({ sha256 }) => sha256);
    this.close = () => server.stop();
  }
}

/** The built program. */
class SpawnedHost extends MoorageHost implements RestartableHost {
  readonly #root: string;
  readonly #remove: () => Promise<void>;
  #server: SpawnedServer;

  static async open(desk: Desk): Promise<SpawnedHost> {
    const instance = await openInstance([]);
    return new SpawnedHost(instance, desk, await spawnServer(instance.root));
  }

  private constructor(
    instance: Awaited<ReturnType<typeof openInstance>>,
    desk: Desk,
    server: SpawnedServer,
  ) {
    super(instance, desk);
    this.#root = instance.root;
    this.#remove = () => instance.close();
    this.#server = server;
  }

  get port(): number {
    return this.#server.port;
  }

  get fingerprints(): readonly string[] {
    return [...this.#server.output().matchAll(/SHA256:\S+/g)].map(([text]) => text);
  }

  async restart(): Promise<number> {
    await this.#server.kill();
    this.#server = await spawnServer(this.#root);
    return this.port;
  }

  async close(): Promise<void> {
    await this.#server.kill();
    await this.#remove();
  }
}

/** Where what is tested is tested. */
export const moorage: Venue = {
  open: (desk, options) => InnerHost.open(desk, options),
  openRestartable: (desk) => SpawnedHost.open(desk),
};
