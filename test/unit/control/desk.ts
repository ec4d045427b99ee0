import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { openBareHome } from "../../../src/cli/bare-home.ts";
import { loadConfig, readSettings } from "../../../src/config/load.ts";
import type { ControlHost, LiveSession } from "../../../src/control/host.ts";
import { prepareInstance } from "../../../src/control/instance.ts";
import { LocalControl } from "../../../src/control/local.ts";
import type { Penalty } from "../../../src/control/protocol.ts";
import { ControlService } from "../../../src/control/service.ts";
import { LiveSettings } from "../../../src/control/settings.ts";
import { rescan } from "../../../src/quota/rescan.ts";
import type { MachineOptions } from "../../../src/store/life.ts";
import { openStore, type Store } from "../../../src/store/store.ts";

/** Control of a server process that has no SSH: what it is told to do is noted. */
export class ControlDesk {
  readonly root: string;
  readonly store: Store;
  readonly host: ControlHost;
  readonly service: ControlService;
  readonly told: string[] = [];
  readonly counts = { bytesIn: 0, bytesOut: 0, logins: 0, failedLogins: 0, refusals: 0 };
  readonly settings: LiveSettings;
  /** flags of the server */
  flags: Record<string, string> = {};
  live: LiveSession[] = [];
  penalties: Penalty[] = [];
  stopping = false;
  readonly #owns: boolean;

  private constructor(root: string, store: Store, owns: boolean) {
    this.root = root;
    this.store = store;
    this.#owns = owns;
    this.settings = new LiveSettings(loadConfig({ root, env: {} }), (file) =>
      readSettings({ root, env: {}, flags: this.flags, file }),
    );
    this.host = this.#makeHost();
    this.service = new ControlService(this.host);
  }

  /**
   * @param root an instance that is there already; without it a new one is made
   * @param machine of which the process is; without it all are of one
   */
  static async open(root?: string, machine?: MachineOptions): Promise<ControlDesk> {
    const place = root ?? mkdtempSync(join(tmpdir(), "moorage-control-"));
    prepareInstance(place);
    const store = await openStore(place, "server", "1.0.0", { machine });
    return new ControlDesk(place, store, root === undefined);
  }

  as(actor = "cli:tester"): LocalControl {
    return new LocalControl(this.service, actor);
  }

  async addUser(name: string): Promise<number> {
    const limits = {
      role: "user",
      passwordHash: null,
      quotaBytes: 1000,
      quotaFiles: null,
    } as const;
    return (await this.store.users.add({ name, ...limits })).id;
  }

  /** A session in the store, and in this process if it has transfers. */
  async enter(userId: number): Promise<number> {
    const limits = { maxSessions: 100, maxSessionsPerUser: 100, queue: 0 };
    const request = { userId, remote: "192.0.2.1:5", client: "SSH-2.0-t" };
    const admission = await this.store.sessions.enter(request, limits);
    if (admission.outcome !== "active") throw new Error(admission.outcome);
    return admission.id;
  }

  async audited(): Promise<string[]> {
    const all = await this.store.audit.query({ afterId: 0 });
    return all.map(({ kind, user, actor, detail }) =>
      [kind, user, actor, detail].filter((part) => part !== undefined).join(" "),
    );
  }

  async changes(): Promise<string[]> {
    const all = await this.store.changes.since(0);
    return all.map(({ kind, detail }) => `${kind} ${detail}`.trim());
  }

  async close(): Promise<void> {
    await this.service.close();
    await this.store.close();
    if (this.#owns) rmSync(this.root, { recursive: true, force: true });
  }

  #makeHost(): ControlHost {
    const { root, store, told } = this;
    return {
      root,
      store,
      log: pino({ level: "silent" }),
      config: this.settings.config,
      listen: "127.0.0.1:2222",
      pid: process.pid,
      openBare: (home) =>
        openBareHome({ store, root, config: loadConfig({ root, env: {} }) }, home),
      memory: () => 1,
      loopDelay: () => ({ p50Ms: 0, p99Ms: 1, maxMs: 2 }),
      startedAt: 1,
      hostKeys: [{ algorithm: "ssh-ed25519", sha256: "SHA256:x" }],
      penalties: {
        list: async () => this.penalties,
        failures: async () => [],
        lift: async (address) => {
          const before = this.penalties.length;
          this.penalties = this.penalties.filter((one) => one.address !== address);
          return this.penalties.length < before;
        },
      },
      isDiskFull: () => false,
      counts: () => this.counts,
      sessions: async () => this.live,
      kick: (id, text) => {
        if (!this.live.some((session) => session.id === id)) return false;
        told.push(`kick ${id}: ${text}`);
        this.live = this.live.filter((session) => session.id !== id);
        void store.sessions.leave(id);
        return true;
      },
      endTransfer: (session, transfer) => {
        told.push(`end ${session} ${transfer}`);
        const found = this.live.find((one) => one.id === session);
        return found?.transfers.some((one) => one.id === transfer) ?? false;
      },
      hash: async (password) => `hash of ${password.length}`,
      rescan: (account, onProgress) => rescan(store, root, account, onProgress),
      applyChanges: async () => {
        told.push("changes");
      },
      settings: this.settings,
      reload: () => this.settings.reload(),
      renew: async (drainMs) => void told.push(`renew ${drainMs}`),
      stop: (graceMs) => {
        told.push(`stop ${graceMs}`);
        this.stopping = true;
      },
      stopping: () => ({ stopping: this.stopping, sessions: this.live.length, transfers: 0 }),
    };
  }
}
