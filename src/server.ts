import { hostname } from "node:os";
import { join } from "node:path";
import type { Logger } from "pino";
import { Authenticator } from "./auth/authenticator.ts";
import { HashQueueFull, Passwords } from "./auth/passwords.ts";
import type { Config } from "./config/types.ts";
import { ControlError } from "./control/errors.ts";
import { UserControl } from "./control/users.ts";
import { DigestService } from "./digests/service.ts";
import { errorName } from "./errors.ts";
import { Ledger } from "./quota/ledger.ts";
import { recover } from "./quota/recover.ts";
import { rescan } from "./quota/rescan.ts";
import { Admission } from "./session/admission.ts";
import { type CommandServices, WRONG_PASSWORD } from "./session/commands.ts";
import { Sessions, STOPPING } from "./session/registry.ts";
import type { SessionView } from "./session/session.ts";
import { ChangeWatcher } from "./session/watcher.ts";
import type { Store } from "./store/store.ts";
import type { Change } from "./store/types.ts";
import { FailedLogins } from "./transport/failed-logins.ts";
import { type Fingerprint, type HostKey, loadHostKeys } from "./transport/host-keys.ts";
import { type Address, Listener } from "./transport/listener.ts";
import { openHome } from "./vfs/home.ts";

/** How often the journals of processes that died are looked for, in milliseconds. */
const RECOVER_MS = 5_000;
/** Soon enough that a client that makes events as fast as it can doesn't fill the disk. */
const PRUNE_MS = 60 * 1_000;

/** How long transfers may go on after a stop: less than the 10 s after which container runtimes kill. */
const STOP_GRACE_MS = 8_000;

export interface ServerOptions {
  /** the instance's directory */
  readonly root: string;
  readonly config: Config;
  /** stays the caller's: close it after `stop` */
  readonly store: Store;
  readonly log: Logger;
}

export interface RunningServer {
  readonly address: Address;
  readonly fingerprints: readonly Fingerprint[];
  /** resolves when the server has stopped, whoever asked for it */
  readonly stopped: Promise<void>;
  /** the sessions of this process */
  sessions(): Promise<SessionView[]>;
  /** Ends a session of this process; false when there is none of that number. */
  kick(id: number, text: string): boolean;
  /**
   * Accepts nobody any more, lets transfers end for `graceMs` milliseconds, ends all sessions and
   * closes their files. Again: the same promise.
   */
  stop(graceMs?: number): Promise<void>;
}

/** Starts everything. Rejects when it can't listen or a host key can't be used. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { root, config, store, log } = options;
  const hostKeys = await loadHostKeys(join(root, "keys"));
  // Tried again every few seconds: what can't be settled must not keep the server down.
  await recover(store, root).catch((error: unknown) => {
    log.error({ error: errorName(error) }, "journals not recovered");
  });
  const server = new Server(options, new Ledger(store.ledger, () => recover(store, root)));
  const address = await server.start(hostKeys);
  log.info({ host: address.host, port: address.port }, "listening");
  const { maxRecords, keep } = config.audit;
  const prune = (): Promise<unknown> => store.audit.prune(keep, maxRecords);
  server.every(PRUNE_MS, "audit not pruned", prune);
  server.every(RECOVER_MS, "journals not recovered", () => server.recover());
  return {
    address,
    fingerprints: hostKeys.map(({ algorithm, sha256 }) => ({ algorithm, sha256 })),
    stopped: server.stopped,
    sessions: () => server.sessions.list(),
    kick: (id, text) => server.sessions.kick(id, text),
    stop: (graceMs = STOP_GRACE_MS) => server.stop(graceMs),
  };
}

/** The parts of a running server. */
class Server {
  readonly sessions: Sessions;
  readonly stopped: Promise<void>;
  readonly #options: ServerOptions;
  readonly #ledger: Ledger;
  readonly #passwords: Passwords;
  readonly #authenticator: Authenticator;
  readonly #failedLogins: FailedLogins;
  readonly #digests: DigestService;
  readonly #watcher: ChangeWatcher;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #chores = new Set<Promise<void>>();
  #listener: Listener | undefined;
  #stopping: Promise<void> | undefined;
  #onStopped: () => void = () => {};

  constructor(options: ServerOptions, ledger: Ledger) {
    const { root, config, store, log } = options;
    this.#options = options;
    this.#ledger = ledger;
    this.#passwords = new Passwords(config.auth);
    this.#authenticator = new Authenticator(store, this.#passwords, log);
    this.#failedLogins = new FailedLogins((event) => store.audit.record(event));
    this.#digests = new DigestService({ config: config.digests, store: store.digests });
    this.stopped = new Promise((resolve) => {
      this.#onStopped = resolve;
    });
    this.sessions = new Sessions({
      store,
      log,
      admission: new Admission(store.sessions, config.limits),
      openHome: (account) => openHome({ root, account, ledger, contents: this.#digests }),
      digestsOf: (account) => this.#digests.forUser(account.id),
      loggedIn: (account) => this.#authenticator.loggedIn(account),
      idleTimeout: config.limits.idleTimeout,
      handlesPerChannel: config.limits.handlesPerChannel,
      commands: this.#commands(),
    });
    this.#watcher = new ChangeWatcher(
      store.changes,
      (change) => this.#apply(change),
      (error) => log.error({ error: errorName(error) }, "changes not applied"),
    );
  }

  /** What commands and shells need besides files. */
  #commands(): CommandServices {
    const { store } = this.#options;
    return {
      host: hostname().split(".")[0] ?? "",
      startedAt: Date.now(),
      usage: (userId) => this.#ledger.exactUsage(userId),
      async sessions(userId) {
        const all = await store.sessions.list();
        return all.filter((one) => one.userId === userId && one.state === "active");
      },
      changePassword: (user, current, next) => this.#changePassword(user, current, next),
      wrongPassword: (user, remote) => this.#failedLogins.add(user, remote, "passwd"),
    };
  }

  /** A user's own change: undefined when done, else why not. */
  async #changePassword(user: string, current: string, next: string): Promise<string | undefined> {
    const { root, store } = this.#options;
    const control = new UserControl({
      store,
      root,
      actor: user,
      hash: (password) => this.#passwords.hash(password),
      rescan: (account) => rescan(store, root, account),
    });
    try {
      if ((await this.#authenticator.verifyPassword(user, current)) === undefined) {
        return WRONG_PASSWORD;
      }
      await control.setPassword(user, next);
      return undefined;
    } catch (error) {
      if (error instanceof ControlError) return error.message;
      if (error instanceof HashQueueFull) return "the server is busy: try again later";
      throw error;
    }
  }

  async start(hostKeys: readonly HostKey[]): Promise<Address> {
    const { config, log, store } = this.#options;
    await this.#watcher.start();
    this.#listener = new Listener({
      config,
      log,
      hostKeys,
      authenticator: this.#authenticator,
      sessions: this.sessions,
      failedLogins: this.#failedLogins,
    });
    try {
      const address = await this.#listener.listen();
      const { host, port } = address;
      const listen = `${host.includes(":") ? `[${host}]` : host}:${port}`;
      await store.nodes.setListen(listen);
      store.audit.record({ kind: "server-start", detail: listen });
      return address;
    } catch (error) {
      await Promise.all([this.#watcher.stop(), this.sessions.close(0)]);
      throw error;
    }
  }

  /** Does something again and again; what fails is logged and tried again the next time. */
  every(milliseconds: number, failure: string, work: () => Promise<unknown>): void {
    let running = false;
    const run = async (): Promise<void> => {
      try {
        await work();
      } catch (error) {
        this.#options.log.error({ error: errorName(error) }, failure);
      }
    };
    const timer = setInterval(() => {
      if (running) return;
      running = true;
      const chore = run().finally(() => {
        running = false;
        this.#chores.delete(chore);
      });
      this.#chores.add(chore);
    }, milliseconds);
    this.#timers.push(timer);
  }

  /** Brings the books in order after others died, or the database could not be written. */
  async recover(): Promise<void> {
    const { root, store } = this.#options;
    await recover(store, root);
    await this.#ledger.settleLate();
  }

  async #apply(change: Change): Promise<void> {
    if (change.kind === "stop") void this.stop(STOP_GRACE_MS);
    this.sessions.apply(change);
    await this.#ledger.onChange(change);
  }

  stop(graceMs: number): Promise<void> {
    this.#stopping ??= this.#stop(graceMs).finally(() => this.#onStopped());
    return this.#stopping;
  }

  async #stop(graceMs: number): Promise<void> {
    const { store, log } = this.#options;
    this.#listener?.stopAccepting();
    await this.sessions.close(graceMs);
    await this.#listener?.close(STOPPING);
    await this.#digests.close();
    for (const timer of this.#timers) clearInterval(timer);
    await Promise.all([...this.#chores, this.#watcher.stop(), this.#authenticator.settled()]);
    this.#failedLogins.flush();
    store.audit.record({ kind: "server-stop" });
    store.audit.flush();
    log.info("stopped");
  }
}
