import { Passwords } from "../auth/passwords.ts";
import { ControlError } from "../control/errors.ts";
import type { ControlHost, ServerCounts } from "../control/host.ts";
import { LocalControl } from "../control/local.ts";
import type { Control, LoopDelay, ReloadResult } from "../control/protocol.ts";
import { ControlService } from "../control/service.ts";
import { ControlSocket } from "../control/socket.ts";
import { graceIn, STOP_GRACE_MS } from "../control/stop-order.ts";
import { errorName } from "../errors.ts";
import { residentBytes } from "../processes.ts";
import { Ledger } from "../quota/ledger.ts";
import { recover } from "../quota/recover.ts";
import { rescan } from "../quota/rescan.ts";
import { ShareKeeper } from "../rates/share-keeper.ts";
import { ChangeWatcher } from "../session/watcher.ts";
import { HAS_NATIVE_CIPHERS } from "../ssh/native-ciphers.ts";
import { checkSsh2 } from "../ssh/self-check.ts";
import type { Change } from "../store/types.ts";
import type { HostKey } from "../transport/host-keys.ts";
import { type Address, addressText, Listener } from "../transport/listener.ts";
import { Crew, type CrewHandlers } from "../workers/crew.ts";
import { Handover } from "../workers/handover.ts";
import { longestDelay, NO_COUNTS, type ServerFacts, sumOfCounts } from "../workers/messages.ts";
import { type WorkerEnd, WorkerProcess, type WorkerProgram } from "../workers/worker-process.ts";
import { Chores } from "./chores.ts";
import { type Door, makeDoor } from "./door.ts";
import { lookAfter, prune, settleIn } from "./housekeeping.ts";
import { makeParts, type Parts, type PartsOptions } from "./parts.ts";
import type { Serving } from "./serving.ts";
import { rejoinWhenLost } from "./touch.ts";
import { openBare } from "./trees.ts";

/** How often workers hear what the others moved, in milliseconds, while something is. */
const TELL_MS = 100;

/** The store stays the caller's: close it after `stop`. */
export interface SupervisorOptions extends Omit<PartsOptions, "workers"> {
  readonly workers: number;
  readonly program: WorkerProgram;
}

/** Starts workers that serve together. Rejects when it can't listen, or a worker can't start. */
export async function startSupervisor(options: SupervisorOptions): Promise<Serving> {
  checkSsh2();
  // The supervisor itself has the whole; the workers share it.
  const parts = makeParts({ ...options, workers: 1 });
  const { config } = parts;
  const hostKeys = await settleIn(options, parts);
  const supervisor = new Supervisor({ ...options, config }, parts, hostKeys);
  const address = await supervisor.start();
  options.log.info({ ...address, workers: options.workers }, "listening");
  const control = (actor: string) => supervisor.controlFor(actor);
  const own = { ...options, ...parts, ledger: supervisor.books };
  prune(supervisor.chores, own, supervisor.door.penalties, control);
  lookAfter(supervisor.chores, parts, () => supervisor.recover());
  rejoinWhenLost(supervisor.chores, options, parts.evidence);
  return {
    address,
    fingerprints: hostKeys.map(({ algorithm, sha256 }) => ({ algorithm, sha256 })),
    nativeCiphers: HAS_NATIVE_CIPHERS,
    stopped: supervisor.stopped,
    control: (actor) => supervisor.controlFor(actor),
    stop: (graceMs = STOP_GRACE_MS) => supervisor.stop(graceMs),
  };
}

/** The process that listens, and has workers serve. */
class Supervisor {
  readonly chores: Chores;
  readonly door: Door;
  /** it holds no home: workers do */
  readonly books: Ledger;
  readonly stopped: Promise<void>;
  readonly #options: SupervisorOptions;
  readonly #parts: Parts;
  readonly #hostKeys: readonly HostKey[];
  readonly #passwords: Passwords;
  readonly #watcher: ChangeWatcher;
  readonly #listener: Listener;
  readonly #crew: Crew<WorkerProcess>;
  readonly #handover: Handover;
  readonly #rates = new ShareKeeper<WorkerProcess>((worker, shares) => {
    worker.send({ kind: "shares", ...shares });
  });
  readonly #startedAt = Date.now();
  /** of workers that are gone */
  #past: ServerCounts = NO_COUNTS;
  #told = "";
  readonly #silent = new Set<WorkerProcess>();
  #telling: NodeJS.Timeout | undefined;
  #facts: ServerFacts | undefined;
  #control: ControlService | undefined;
  #controlSocket: ControlSocket | undefined;
  #isRenewing = false;
  #stopping: Promise<boolean> | undefined;
  #onStopped: () => void = () => {};

  constructor(options: SupervisorOptions, parts: Parts, hostKeys: readonly HostKey[]) {
    const { config, store, log } = options;
    this.#options = options;
    this.books = new Ledger(options.store, parts.evidence);
    this.#parts = parts;
    this.#hostKeys = hostKeys;
    this.chores = new Chores(log);
    this.#passwords = new Passwords(config.auth);
    this.door = makeDoor(options);
    this.stopped = new Promise((resolve) => {
      this.#onStopped = resolve;
    });
    this.#crew = this.#makeCrew();
    this.#handover = new Handover(() => this.#crew.serving);
    this.#listener = new Listener({
      config,
      log,
      ...this.door,
      maxRefused: () => parts.descriptors.maxRefused,
      paused: true,
      socket: options.socket,
      receive: (...connection) => this.#handover.receive(...connection),
    });
    this.#watcher = new ChangeWatcher(
      store.changes,
      (change) => this.#apply(change),
      (error) => log.error({ error: errorName(error) }, "changes not applied"),
    );
  }

  #makeCrew(): Crew<WorkerProcess> {
    return new Crew({
      size: this.#options.workers,
      log: this.#options.log,
      start: (handlers) => this.#startWorker(handlers),
      onReady: () => this.#handover.assign(),
      onEnd: (worker, end) => this.#ended(worker, end),
    });
  }

  #startWorker(handlers: CrewHandlers<WorkerProcess>): WorkerProcess {
    if (this.#facts === undefined) throw new Error("nobody listens yet");
    return new WorkerProcess(this.#options.program, this.#facts, {
      ...handlers,
      said: (worker, message) => {
        if ("id" in message) this.#handover.heard(worker, message);
        else if (message.kind === "wants") this.#rates.heard(worker, message);
        else if (message.kind === "stop") this.#stopAsTold(message.graceMs);
      },
    });
  }

  #ended(worker: WorkerProcess, { clean }: WorkerEnd): void {
    this.#past = sumOfCounts([this.#past, worker.report.counts]);
    this.#silent.delete(worker);
    this.#handover.lost(worker);
    this.#rates.lost(worker);
    if (clean) return;
    this.recover().catch((error: unknown) => {
      this.#options.log.error({ error: errorName(error) }, "journals not recovered");
    });
  }

  async start(): Promise<Address> {
    const { store, workers } = this.#options;
    await this.#watcher.start();
    try {
      const address = await this.#listener.listen();
      const listen = addressText(address);
      const { pid } = process;
      const startedAt = this.#startedAt;
      this.#facts = { node: store.nodeId, pid, startedAt, listen: address, workers };
      await store.nodes.setListen(listen);
      // Before those of the workers: the oldest socket is the one that is asked.
      await this.#openControl(listen);
      await this.#crew.start();
      this.#telling = setInterval(() => {
        this.#tellOthers();
        this.#lookForSilent();
      }, TELL_MS);
      store.audit.record({ kind: "server-start", detail: listen });
      return address;
    } catch (error) {
      this.#listener.stopAccepting();
      this.#handover.close();
      await this.#watcher.stop();
      await this.#closeControl();
      throw error;
    }
  }

  /** Without its socket the server runs, and can be stopped by a signal. */
  async #openControl(listen: string): Promise<void> {
    this.#control = new ControlService(this.#controlHost(listen));
    try {
      this.#controlSocket = await ControlSocket.listen(this.#control);
    } catch (error) {
      const { log } = this.#options;
      log.error({ error: errorName(error) }, "no control socket: see that db/ is the server's own");
    }
  }

  async #closeControl(): Promise<void> {
    await this.#controlSocket?.close();
    await this.#control?.close();
  }

  /** All sessions are others' here, whom control asks. */
  #controlHost(listen: string): ControlHost {
    const { root, store, log, config } = this.#options;
    return {
      root,
      store,
      log,
      config,
      listen,
      pid: process.pid,
      startedAt: this.#startedAt,
      hostKeys: this.#hostKeys.map(({ algorithm, sha256 }) => ({ algorithm, sha256 })),
      penalties: this.door.penalties,
      isDiskFull: () => this.#parts.disks.isFull,
      counts: () => this.#counts(),
      memory: () => this.#memory(),
      loopDelay: () => this.#loopDelay(),
      serving: () => this.#crew.serving.filter((worker) => worker.answers).length,
      sessions: async () => [],
      kick: () => false,
      endTransfer: () => false,
      hash: (password) => this.#passwords.hash(password),
      openBare: (home) =>
        openBare(this.#options, { ...this.#parts, ledger: this.books }, undefined, home),
      rescan: (account, onProgress) => rescan(store, root, account, onProgress),
      applyChanges: () => this.#watcher.check(),
      settings: this.#parts.settings,
      reload: () => this.#reload(),
      renew: (drainMs) => this.#renew(drainMs),
      stop: (graceMs) => this.#stopAsTold(graceMs),
      stopping: () => ({
        stopping: this.#stopping !== undefined,
        sessions: this.#crew.all.reduce((sum, { report }) => sum + report.sessions, 0),
        transfers: this.#crew.all.reduce((sum, { report }) => sum + report.transfers, 0),
      }),
    };
  }

  controlFor(actor: string): Control {
    if (this.#control === undefined) throw new Error("the server has not started yet");
    return new LocalControl(this.#control, actor);
  }

  #counts(): ServerCounts {
    return sumOfCounts([this.#past, ...this.#crew.all.map(({ report }) => report.counts)]);
  }

  /** Resident, in bytes: what processes share counts for each of them. */
  #memory(): number {
    return [process.pid, ...this.#crew.all.map(({ pid }) => pid)].reduce(
      (sum, pid) => sum + residentBytes(pid),
      0,
    );
  }

  #loopDelay(): LoopDelay {
    return longestDelay(this.#crew.all.map(({ report }) => report.loopDelay));
  }

  /** So that a screen over SSH, which is in a worker, shows the figures of the whole server. */
  #tellOthers(): void {
    const all = this.#counts();
    const loopDelay = this.#loopDelay();
    const told = JSON.stringify([all, loopDelay]);
    if (told === this.#told) return;
    this.#told = told;
    const memory = this.#memory();
    for (const worker of this.#crew.all) {
      const counts = minus(all, worker.report.counts);
      worker.tellOthers({ counts, memory: memory - residentBytes(worker.pid), loopDelay });
    }
  }

  /** Says once of a worker that hangs that it does. */
  #lookForSilent(): void {
    for (const worker of this.#crew.all) {
      const isSilent = !worker.answers;
      if (isSilent === this.#silent.has(worker)) continue;
      const { pid } = worker;
      if (isSilent) {
        this.#silent.add(worker);
        this.#options.log.error({ worker: pid }, "worker hangs: it gets no connections");
      } else {
        this.#silent.delete(worker);
        this.#options.log.info({ worker: pid }, "worker goes on");
      }
    }
  }

  async #renew(drainMs: number): Promise<void> {
    if (this.#stopping !== undefined) throw new ControlError("the server is stopping");
    if (this.#isRenewing) throw new ControlError("new workers are being started already");
    this.#isRenewing = true;
    try {
      await this.#crew.renew(drainMs);
      this.#reloadToo(true);
      this.#options.log.info({ drainMs }, "new workers serve, the old ones drain");
    } catch (thrown) {
      throw new ControlError(`the old workers go on: ${(thrown as Error).message}`);
    } finally {
      this.#isRenewing = false;
    }
  }

  #reload(areRenewed = false): ReloadResult {
    const { log, config } = this.#options;
    const result = this.#parts.settings.reload(areRenewed);
    log.level = config.log.level;
    log.info(result, "settings read again");
    return result;
  }

  /** Brings the books in order after others died, or the database could not be written. */
  async recover(): Promise<void> {
    const { evidence, ledger } = this.#parts;
    await recover(this.#options.store, evidence);
    await ledger.settleLate();
  }

  async #apply(change: Change): Promise<void> {
    const graceMs = graceIn(change, this.#options.store.life);
    if (graceMs !== undefined) this.#stopAsTold(graceMs);
    if (change.kind === "reload") this.#reloadToo();
  }

  /** Another process of the instance was told to, or new workers have read them. */
  #reloadToo(areRenewed = false): void {
    try {
      this.#reload(areRenewed);
    } catch (error) {
      this.#options.log.error({ error: errorName(error) }, "settings not read again");
    }
  }

  #stopAsTold(graceMs: number): void {
    if (this.#stopping === undefined) this.#options.log.info("stopping");
    void this.stop(graceMs);
  }

  stop(graceMs: number): Promise<boolean> {
    if (this.#stopping !== undefined) void this.#crew.stop(graceMs);
    this.#stopping ??= this.#stop(graceMs).finally(() => this.#onStopped());
    return this.#stopping;
  }

  async #stop(graceMs: number): Promise<boolean> {
    const { store, log } = this.#options;
    this.#listener.stopAccepting();
    this.#handover.close();
    const clean = await this.#crew.stop(graceMs);
    clearInterval(this.#telling);
    await Promise.all([this.chores.stop(), this.#watcher.stop()]);
    if (!clean) await this.recover();
    await this.#closeControl();
    this.door.refused.flush();
    store.audit.record({ kind: "server-stop" });
    await store.audit.flush();
    await this.#parts.events.close();
    log.info("stopped");
    return clean;
  }
}

function minus(all: ServerCounts, part: ServerCounts): ServerCounts {
  const negative = Object.fromEntries(Object.entries(part).map(([key, value]) => [key, -value]));
  return sumOfCounts([all, negative as unknown as ServerCounts]);
}
