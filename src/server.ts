import { Authenticator } from "./auth/authenticator.ts";
import { Passwords } from "./auth/passwords.ts";
import { ControlError } from "./control/errors.ts";
import type { ControlHost, ServerCounts } from "./control/host.ts";
import { LocalControl } from "./control/local.ts";
import { LoopDelayMeter } from "./control/loop-delay.ts";
import type { Control, ReloadResult } from "./control/protocol.ts";
import { ControlService } from "./control/service.ts";
import { ControlSocket } from "./control/socket.ts";
import { graceIn, STOP_GRACE_MS } from "./control/stop-order.ts";
import { DigestService } from "./digests/service.ts";
import { errorName } from "./errors.ts";
import { ProcessMemory } from "./memory/process-memory.ts";
import { recover } from "./quota/recover.ts";
import { rescan } from "./quota/rescan.ts";
import { AdminScreens } from "./screens/screens.ts";
import type { AdminServices } from "./screens/services.ts";
import { Chores } from "./server/chores.ts";
import { type CommandParts, commandServices, newPassword } from "./server/command-services.ts";
import { type Door, makeDoor } from "./server/door.ts";
import { lookAfter, prune, settleIn } from "./server/housekeeping.ts";
import { makeParts, type Parts, type PartsOptions } from "./server/parts.ts";
import type { Serving } from "./server/serving.ts";
import { keepTouch } from "./server/touch.ts";
import { openBare, openTree } from "./server/trees.ts";
import { Admission } from "./session/admission.ts";
import { Commands } from "./session/commands.ts";
import { Sessions, STOPPING } from "./session/registry.ts";
import { makeRouter } from "./session/routes.ts";
import { ChangeWatcher, pollMs } from "./session/watcher.ts";
import { warmUp } from "./ssh/ml-kem.ts";
import { HAS_NATIVE_CIPHERS } from "./ssh/native-ciphers.ts";
import { checkSsh2 } from "./ssh/self-check.ts";
import type { Account, Change } from "./store/types.ts";
import { Connections } from "./transport/connections.ts";
import { FailedLogins } from "./transport/failed-logins.ts";
import type { HostKey } from "./transport/host-keys.ts";
import { type Address, addressText, Listener } from "./transport/listener.ts";
import type { UserFileSystem } from "./vfs/types.ts";
import type { SupervisorLine } from "./workers/line.ts";
import {
  inWholeMilliseconds,
  longestDelay,
  NO_COUNTS,
  NO_DELAY,
  sumOfCounts,
} from "./workers/messages.ts";

const NO_WORKERS =
  "the server has no workers that could be replaced: use `moorage restart`, or set server.workers";

/** A thread has to be started from JavaScript. */
const ADMIN_PROGRAM = new URL("../admin/over-ssh.js", import.meta.url);

/** The store stays the caller's: close it after `stop`. */
export interface ServerOptions extends PartsOptions {
  /** draws admin screens over SSH, in threads; without it the one of the built program */
  readonly adminProgram?: URL;
}

export interface RunningServer extends Serving {
  /** the sessions of this process */
  sessions(): ReturnType<Sessions["list"]>;
  /** what all sessions of this process may hold in memory, and hold, in bytes */
  readonly memory: Sessions["memory"];
  /** Ends a session of this process; false when there is none of that number. */
  kick(id: number, text: string): boolean;
}

/** Starts everything. Rejects when it can't listen or a host key can't be used. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  checkSsh2();
  warmUp();
  const parts = makeParts(options);
  const hostKeys = await settleIn(options, parts);
  const server = new Server({ ...options, config: parts.config }, parts);
  const address = await server.start(hostKeys);
  server.say("listening", { ...address });
  const { chores, door, sessions } = server;
  if (options.supervisor === undefined)
    prune(chores, { ...options, ...parts }, door.penalties, (who) => server.controlFor(who));
  lookAfter(chores, parts, () => server.recover());
  return {
    lost: keepTouch({ ...options, ...parts, chores, sessions }),
    address,
    fingerprints: hostKeys.map(({ algorithm, sha256 }) => ({ algorithm, sha256 })),
    nativeCiphers: HAS_NATIVE_CIPHERS,
    stopped: server.stopped,
    sessions: () => sessions.list(),
    memory: sessions.memory,
    kick: (id, text) => sessions.kick(id, text),
    control: (actor) => server.controlFor(actor),
    stop: (graceMs = STOP_GRACE_MS) => server.stop(graceMs),
  };
}

/** A running server. */
class Server {
  readonly sessions: Sessions;
  readonly stopped: Promise<void>;
  readonly #options: ServerOptions;
  readonly #counts = { bytesIn: 0, bytesOut: 0, logins: 0, refusals: 0 };
  readonly #passwords: Passwords;
  readonly #authenticator: Authenticator;
  readonly #failedLogins: FailedLogins;
  readonly door: Door;
  readonly chores: Chores;
  readonly #digests: DigestService;
  readonly #watcher: ChangeWatcher;
  readonly #commandParts: CommandParts;
  readonly #commands: Commands;
  readonly #screens: AdminScreens;
  readonly #parts: Parts;
  readonly #loopDelay = new LoopDelayMeter();
  #listener: Listener | undefined;
  #connections: Connections | undefined;
  #control: ControlService | undefined;
  #controlSocket: ControlSocket | undefined;
  #stopping: Promise<boolean> | undefined;
  #onStopped: () => void = () => {};

  constructor(options: ServerOptions, parts: Parts) {
    const { config, store, log } = options;
    this.#options = options;
    this.#parts = parts;
    this.chores = new Chores(log);
    this.#passwords = new Passwords(config.auth);
    this.#authenticator = new Authenticator(store, this.#passwords, log);
    this.#failedLogins = new FailedLogins((event) => store.audit.record(event));
    this.door = makeDoor(options);
    this.#digests = new DigestService({ config: config.digests, store: store.digests });
    this.stopped = new Promise((resolve) => {
      this.#onStopped = resolve;
    });
    this.sessions = new Sessions({
      store,
      log,
      admission: new Admission(store.sessions, config.limits),
      openHome: (account) => this.#openHome(account),
      digestsOf: (account) => this.#digests.forUser(account.id),
      loggedIn: (account) => this.#authenticator.loggedIn(account),
      refuses: (address) => this.door.access.refuses(address),
      regrant: (...key) => this.#authenticator.regrant(...key),
      limits: config.limits,
      memory: new ProcessMemory(config.limits.memory),
      counts: this.#counts,
      rates: parts.rates,
      onChange: () => this.#control?.sessionsChanged(),
    });
    this.#commandParts = {
      ...options,
      ...parts,
      passwords: this.#passwords,
      authenticator: this.#authenticator,
      failedLogins: this.#failedLogins,
      penalties: this.door.penalties,
    };
    this.#commands = new Commands(commandServices(this.#commandParts));
    this.#screens = new AdminScreens(this.#adminServices());
    this.#watcher = new ChangeWatcher(
      store.changes,
      (change) => this.#apply(change),
      (error) => log.error({ error: errorName(error) }, "changes not applied"),
      () => pollMs(parts.ledger.isHolding),
    );
  }

  #openHome(account: Account): Promise<UserFileSystem> {
    return openTree(this.#options, this.#parts, this.#digests, account);
  }

  /** What admin screens over SSH need. */
  #adminServices(): AdminServices {
    const { config, log, store, adminProgram = ADMIN_PROGRAM } = this.#options;
    return {
      overSsh: () => config.admin.overSsh,
      program: adminProgram,
      log,
      control: (actor) => this.controlFor(actor),
      accounts: store.users,
      openHome: (account) => this.#openHome(account),
      follow: (userId, files) => this.sessions.follow(userId, files),
      digestsOf: (account) => this.#digests.forUser(account.id),
      contextOf: (session) => this.#commands.contextOf(session),
      contextFor: (of) => this.#commands.contextFor(of),
      record: (event) => store.audit.record(event),
      traffic: this.#counts,
    };
  }

  async start(hostKeys: readonly HostKey[]): Promise<Address> {
    const { config, store, supervisor } = this.#options;
    await this.#watcher.start();
    this.#connections = new Connections({
      hostKeys,
      ...this.#commandParts,
      newPassword: (...change) => newPassword(this.#commandParts, ...change),
      sessions: this.sessions,
      route: makeRouter({
        limits: config.limits,
        commands: this.#commands,
        adminShell: (...shell) => this.#screens.serve(...shell),
      }),
    });
    try {
      const address = supervisor?.facts.listen ?? (await this.#listen(this.#connections));
      const listen = addressText(address);
      await store.nodes.setListen(listen);
      await this.#openControl(listen, hostKeys);
      if (supervisor === undefined) store.audit.record({ kind: "server-start", detail: listen });
      else this.#takeFrom(supervisor, this.#connections);
      return address;
    } catch (error) {
      await Promise.all([this.#watcher.stop(), this.sessions.close(0)]);
      throw error;
    }
  }

  #listen(connections: Connections): Promise<Address> {
    const { config, log, socket } = this.#options;
    this.#listener = new Listener({
      config,
      log,
      socket,
      ...this.door,
      maxRefused: () => this.#parts.descriptors.maxRefused,
      receive: (...arrived) => connections.receive(...arrived),
    });
    return this.#listener.listen();
  }

  #takeFrom(supervisor: SupervisorLine, connections: Connections): void {
    supervisor.onStop = (graceMs) => this.#stopAsTold(graceMs);
    supervisor.ready(
      (...connection) => connections.receive(...connection),
      () => ({
        counts: this.#ownCounts(),
        sessions: this.sessions.count,
        transfers: this.sessions.transfers,
        loopDelay: inWholeMilliseconds(this.#loopDelay.figures),
      }),
    );
  }

  #ownCounts(): ServerCounts {
    return { ...this.#counts, failedLogins: this.#failedLogins.count };
  }

  /** Of all the server's processes. */
  #totalCounts(): ServerCounts {
    const { supervisor } = this.#options;
    return sumOfCounts([this.#ownCounts(), supervisor?.others.counts ?? NO_COUNTS]);
  }

  /** Without its socket the server runs, and can be stopped by a signal. */
  async #openControl(listen: string, hostKeys: readonly HostKey[]): Promise<void> {
    const { log } = this.#options;
    this.#control = new ControlService(this.#controlHost(listen, hostKeys));
    try {
      this.#controlSocket = await ControlSocket.listen(this.#control);
    } catch (error) {
      log.error({ error: errorName(error) }, "no control socket: see that db/ is the server's own");
    }
  }

  #controlHost(listen: string, hostKeys: readonly HostKey[]): ControlHost {
    const { root, store, log, config, supervisor } = this.#options;
    return {
      root,
      store,
      log,
      config,
      listen,
      pid: supervisor?.facts.pid ?? process.pid,
      startedAt: supervisor?.facts.startedAt ?? Date.now(),
      hostKeys: hostKeys.map(({ algorithm, sha256 }) => ({ algorithm, sha256 })),
      penalties: this.door.penalties,
      isDiskFull: () => this.#parts.disks.isFull,
      counts: () => this.#totalCounts(),
      memory: () => process.memoryUsage.rss() + (supervisor?.others.memory ?? 0),
      loopDelay: () =>
        longestDelay([this.#loopDelay.figures, supervisor?.others.loopDelay ?? NO_DELAY]),
      sessions: () => this.sessions.list(),
      kick: (id, text) => this.sessions.kick(id, text),
      endTransfer: (session, transfer) => this.sessions.endTransfer(session, transfer),
      hash: (password) => this.#passwords.hash(password),
      openBare: (home) => openBare(this.#options, this.#parts, this.#digests, home),
      rescan: (account, onProgress) => rescan(store, root, account, onProgress),
      applyChanges: () => this.#watcher.check(),
      settings: this.#parts.settings,
      reload: () => this.#reload(),
      renew: () => Promise.reject(new ControlError(NO_WORKERS)),
      stop: (graceMs) =>
        supervisor === undefined ? this.#stopAsTold(graceMs) : supervisor.stopServer(graceMs),
      stopping: () => ({
        stopping: this.#stopping !== undefined,
        sessions: this.sessions.count,
        transfers: this.sessions.transfers,
      }),
    };
  }

  /** Control for one who acts; `actor` is for the audit trail. */
  controlFor(actor: string): Control {
    if (this.#control === undefined) throw new Error("the server has not started yet");
    return new LocalControl(this.#control, actor);
  }

  #reload(): ReloadResult {
    const { log, config } = this.#options;
    const result = this.#parts.settings.reload();
    log.level = config.log.level;
    log.info(result, "settings read again");
    this.#parts.descriptors.fit();
    this.#parts.rates.setServer(config.limits);
    this.#screens.review();
    void this.#reviewAddresses();
    return result;
  }

  /** Brings the books in order after others died, or the database could not be written. */
  async recover(): Promise<void> {
    const { store } = this.#options;
    const { evidence, ledger } = this.#parts;
    await recover(store, evidence);
    await ledger.settleLate();
    await store.sessions.leaveLate();
  }

  async #apply(change: Change): Promise<void> {
    // A worker is told by its supervisor.
    const graceMs = graceIn(change, this.#options.store.life);
    if (graceMs !== undefined && this.#options.supervisor === undefined) this.#stopAsTold(graceMs);
    if (change.kind === "reload") this.#reloadToo();
    if (change.kind === "ban") await this.#reviewAddresses();
    await this.sessions.apply(change);
    this.#screens.apply(change);
    await this.#parts.ledger.onChange(change);
  }

  /** Who may connect has changed: what is open from elsewhere ends. */
  async #reviewAddresses(): Promise<void> {
    try {
      await this.sessions.review();
      await this.#connections?.review(this.door.access);
    } catch (error) {
      this.#options.log.error({ error: errorName(error) }, "addresses not looked up");
    }
  }

  /** Another process of the instance was told to. */
  #reloadToo(): void {
    try {
      this.#reload();
    } catch (error) {
      this.#options.log.error({ error: errorName(error) }, "settings not read again");
    }
  }

  /** What a server goes through; of workers it is a detail. */
  say(text: string, fields: object = {}): void {
    const { log, supervisor } = this.#options;
    if (supervisor === undefined) log.info(fields, text);
    else log.debug(fields, text);
  }

  #stopAsTold(graceMs: number): void {
    if (this.#stopping === undefined) this.say("stopping");
    void this.stop(graceMs);
  }

  stop(graceMs: number): Promise<boolean> {
    if (this.#stopping !== undefined) this.sessions.hurry(graceMs);
    const inTime = () => Promise.race([this.#stop(graceMs), this.sessions.overdue()]);
    this.#stopping ??= inTime().finally(() => this.#onStopped());
    return this.#stopping;
  }

  async #stop(graceMs: number): Promise<true> {
    const { store, supervisor } = this.#options;
    this.#listener?.stopAccepting();
    supervisor?.leave();
    await this.sessions.close(graceMs);
    await this.#connections?.close(STOPPING);
    await this.#digests.close();
    const settled = [this.chores.stop(), this.#watcher.stop(), this.#authenticator.settled()];
    await Promise.all(settled);
    this.#failedLogins.flush();
    this.door.refused.flush();
    this.#loopDelay.close();
    await this.#controlSocket?.close();
    await this.#control?.close();
    supervisor?.close(store.nodeId);
    if (supervisor === undefined) store.audit.record({ kind: "server-stop" });
    await store.audit.flush();
    await this.#parts.events.close();
    this.say("stopped");
    return true;
  }
}
