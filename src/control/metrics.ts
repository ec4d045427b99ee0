import { statfs } from "node:fs/promises";
import { join } from "node:path";
import type { LookedUp, Sample } from "../metrics/text.ts";
import { residentBytes } from "../processes.ts";
import type { StoreNode } from "../store/nodes.ts";
import { VERSION } from "../version.ts";
import type { ControlHost } from "./host.ts";
import { askOver, InstanceFigures } from "./instance-figures.ts";
import type { Health } from "./metrics-protocol.ts";

/** Users with series of their own, those with the most bytes. */
const MOST_USERS = 1_000;

/** Who asks again so soon gets the same text, in milliseconds: asking costs all processes something. */
const FRESH_MS = 500;

export interface MetricsText {
  readonly text: string;
  readonly contentType: string;
}

/** The metrics of an instance, put together by one of its processes when it is asked. */
export class Metrics {
  readonly #host: ControlHost;
  readonly #figures: InstanceFigures;
  #latest: Promise<MetricsText> | undefined;

  constructor(host: ControlHost) {
    this.#host = host;
    this.#figures = new InstanceFigures(askOver(host.root));
  }

  /** At most two a second are put together, however many ask. */
  text(): Promise<MetricsText> {
    if (this.#latest !== undefined) return this.#latest;
    const latest = this.#compose();
    this.#latest = latest;
    const forget = (): void => {
      if (this.#latest === latest) this.#latest = undefined;
    };
    latest.then(() => setTimeout(forget, FRESH_MS).unref(), forget);
    return latest;
  }

  async #compose(): Promise<MetricsText> {
    const { store } = this.#host;
    // Loaded here: without metrics nobody has it in memory.
    const { metricsText, CONTENT_TYPE } = await import("../metrics/text.ts");
    const nodes = await store.nodes.list();
    const { totals, levels, unreached } = await this.#figures.collect(store.nodeId, nodes);
    const sessions = await store.sessions.counts();
    const lookedUp = {
      ...this.#ofServer(sessions.active),
      ...ofProcesses(nodes),
      ...(await ofHomes(this.#host)),
      ...(await ofDisks(this.#host)),
      ...(await ofOutcasts(this.#host)),
      ...(await ofUsers(this.#host)),
      unreached: [{ value: unreached }],
    };
    const queued = { ...levels, "queue logins": sessions.waiting };
    const text = await metricsText({ totals, levels: queued, lookedUp });
    return { text, contentType: CONTENT_TYPE };
  }

  #ofServer(active: number): LookedUp {
    const { startedAt, config } = this.#host;
    const { p50Ms, p99Ms, maxMs } = this.#host.loopDelay();
    const delays = { "0.5": p50Ms, "0.99": p99Ms, "1": maxMs };
    return {
      build: [{ labels: { version: VERSION, node: process.version }, value: 1 }],
      startTime: [{ value: startedAt / 1_000 }],
      sessions: [{ value: active }],
      sessionsLimit: [{ value: config.limits.maxSessions }],
      loopDelay: Object.entries(delays).map(([quantile, ms]) => ({
        labels: { quantile },
        value: ms / 1_000,
      })),
    };
  }
}

function ofProcesses(nodes: readonly StoreNode[]): LookedUp {
  const servers = nodes.filter(({ kind, alive, isHere }) => kind === "server" && alive && isHere);
  const supervisors = new Set(servers.map(({ supervisor }) => supervisor));
  const memory = servers.map(({ id, pid }) => ({
    labels: { process: supervisors.has(id) ? "supervisor" : "worker", pid: `${pid}` },
    value: residentBytes(pid),
  }));
  const workers = memory.filter(({ labels }) => labels.process === "worker").length;
  return { memory, workers: [{ value: workers }] };
}

async function ofHomes({ store }: ControlHost): Promise<LookedUp> {
  await store.leases.exact();
  const known = new Map((await store.figures.homes()).map((sums) => [sums.kind, sums]));
  const all = (["user", "folder"] as const).map((kind) => ({ kind, sums: known.get(kind) }));
  const each = (figure: "usedBytes" | "usedFiles" | "quotaBytes"): Sample[] =>
    all.map(({ kind, sums }) => ({ labels: { kind }, value: sums?.[figure] ?? 0 }));
  return {
    users: [{ value: known.get("user")?.count ?? 0 }],
    quotaUsed: each("usedBytes"),
    quotaFiles: each("usedFiles"),
    quotaLimit: each("quotaBytes"),
    quotaPressed: all.flatMap(({ kind, sums }) =>
      (["near", "over"] as const).map((state) => ({
        labels: { kind, state },
        value: sums?.[state] ?? 0,
      })),
    ),
  };
}

async function ofDisks({ root, isDiskFull }: ControlHost): Promise<LookedUp> {
  const diskFree: Sample[] = [];
  const diskSize: Sample[] = [];
  for (const directory of ["homes", "db"]) {
    const { bavail, blocks, bsize } = await statfs(join(root, directory));
    diskFree.push({ labels: { directory }, value: bavail * bsize });
    diskSize.push({ labels: { directory }, value: blocks * bsize });
  }
  return { diskFree, diskSize, diskFull: [{ value: isDiskFull() ? 1 : 0 }] };
}

async function ofOutcasts({ store }: ControlHost): Promise<LookedUp> {
  const { penalties, bans } = await store.figures.outcasts(Date.now());
  return { penalties: [{ value: penalties }], bans: [{ value: bans }] };
}

/** Nothing unless the settings ask for it. */
async function ofUsers({ store, config }: ControlHost): Promise<LookedUp> {
  if (!config.metrics.users) return {};
  const { total, rows } = await store.userPages.page({
    filter: "",
    order: "used",
    descending: true,
    offset: 0,
    limit: MOST_USERS,
  });
  const each = (value: (row: (typeof rows)[number]) => number | null): Sample[] =>
    rows.flatMap((row) => {
      const figure = value(row);
      return figure === null ? [] : [{ labels: { user: row.name }, value: figure }];
    });
  return {
    userUsed: each(({ usedBytes }) => usedBytes),
    userLimit: each(({ quotaBytes }) => quotaBytes),
    userFiles: each(({ usedFiles }) => usedFiles),
    userSessions: each(({ sessions }) => sessions),
    usersLeftOut: [{ value: total - rows.length }],
  };
}

/** Looks, and changes nothing. */
export async function healthOf(host: ControlHost): Promise<Health> {
  return { login: await loginHealth(host), write: await writeHealth(host) };
}

async function loginHealth({ store, stopping, serving }: ControlHost): Promise<Health["login"]> {
  if (stopping().stopping) return "stopping";
  if (serving?.() === 0) return "workers";
  try {
    await store.users.count();
    return "ok";
  } catch {
    return "database";
  }
}

async function writeHealth({ store, isDiskFull }: ControlHost): Promise<Health["write"]> {
  if (isDiskFull()) return "full";
  if (!store.life.mayWrite) return "database";
  try {
    store.ledger.requireHomes();
  } catch {
    return "homes";
  }
  try {
    await store.figures.probe();
    return "ok";
  } catch {
    return "database";
  }
}
