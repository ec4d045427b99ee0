import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { batch, CIPHER, compare, measured, SAME_KEX, type Sample, visit } from "../client.ts";
import type { Peer } from "../peers.ts";
import { percentile } from "../report.ts";
import type { Workspace } from "../workspace.ts";
import { type Bulk, beside } from "./bulk.ts";
import type { CrowdPlan, Kind } from "./plan.ts";
import type { Figure } from "./report.ts";
import {
  closeSession,
  getFile,
  openSession,
  type Session,
  statFile,
  timeExchanges,
} from "./session.ts";

/** The small file of the measured user. */
export const TINY = { name: "tiny", bytes: 1024 } as const;
/** Logins that are under way at once, those of the idle sessions as well. */
const AT_ONCE = 8;
/** How long a server with idle sessions may still tidy up before its memory is read. */
const REST_MS = 1_000;
const MIB = 2 ** 20;

/** One of the two servers, with its users. */
export interface Side {
  readonly name: "moorage" | "openssh";
  readonly plan: CrowdPlan;
  readonly workspace: Workspace;
  /** whose requests are timed */
  readonly user: Peer;
  /** who moves large files meanwhile */
  readonly bulk: Peer;
  /** who do the same at once */
  readonly crowd: readonly Peer[];
  /** such a server on which nothing has happened, with room for so many sessions of its user */
  startFresh(sessions: number): Promise<Peer>;
}

/** What is run on one server and then on the other. */
export interface Step {
  readonly name: string;
  run(side: Side): Promise<Figure[]>;
}

const STEPS: Readonly<Record<Kind, readonly Step[]>> = {
  latency: [
    { name: "get alone", run: (side) => latency(side, "get alone") },
    besides("get beside 1", { direction: "get", streams: 1 }),
    besides("get beside 4", { direction: "get", streams: 4 }),
    besides("get beside 4 put", { direction: "put", streams: 4 }),
  ],
  stat: [{ name: "stat", run: stat }],
  files: [
    { name: "files", run: files },
    { name: "files of two", run: filesOfTwo },
  ],
  streams: [{ name: "streams", run: streams }],
  logins: [{ name: "logins", run: logins }],
  idle: [{ name: "idle", run: idle }],
};

export function stepsOf({ kinds }: CrowdPlan): Step[] {
  return kinds.flatMap((kind) => STEPS[kind]);
}

function besides(name: string, bulk: Bulk): Step {
  const run = (side: Side) => beside(side.bulk, side.workspace, bulk, () => latency(side, name));
  return { name, run };
}

async function latency({ user, workspace, plan }: Side, name: string): Promise<Figure[]> {
  const times = await timeExchanges(user, workspace, plan.gets, (session) =>
    getFile(session, TINY.name, TINY.bytes),
  );
  return [50, 99].map((percent) => {
    return { name: `${name} p${percent}`, unit: "ms", value: percentile(times, percent) };
  });
}

async function stat({ user, workspace, plan }: Side): Promise<Figure[]> {
  const times = await timeExchanges(user, workspace, 4 * plan.gets, (session) =>
    statFile(session, TINY.name, TINY.bytes),
  );
  return [{ name: "stat p50", unit: "µs", value: 1_000 * percentile(times, 50) }];
}

function perSecond(
  name: string,
  unit: Figure["unit"],
  amount: number,
  { seconds, cpu }: Sample,
): Figure {
  return { name, unit, value: amount / seconds, cpu };
}

/** Runs stock sftp with these commands. */
function sftp(peer: Peer, workspace: Workspace, ...commands: string[]): Promise<void> {
  return batch(peer, workspace, CIPHER, commands, SAME_KEX);
}

async function files(side: Side): Promise<Figure[]> {
  const { user, workspace, plan } = side;
  const got = join(workspace.down, "small");
  const timed = (...commands: string[]) => measured(user, () => sftp(user, workspace, ...commands));
  const put = await timed(`put -r ${workspace.small} small`);
  const get = await timed(`get -r small ${got}`);
  compare(workspace.small, got);
  rmSync(got, { recursive: true });
  const rm = await timed("cd small", "rm *");
  await sftp(user, workspace, "rmdir small");
  return [
    perSecond("put -r", "files/s", plan.files, put),
    perSecond("get -r", "files/s", plan.files, get),
    perSecond("rm", "files/s", plan.files, rm),
  ];
}

async function filesOfTwo({ user, crowd, workspace, plan }: Side): Promise<Figure[]> {
  const jobs = crowd.slice(0, 2).map((peer, i) => ({ peer, name: `small-${i + 1}` }));
  const put = await measured(user, () =>
    Promise.all(
      jobs.map(({ peer, name }) => sftp(peer, workspace, `put -r ${workspace.small} ${name}`)),
    ),
  );
  for (const { peer, name } of jobs) {
    await sftp(peer, workspace, `cd ${name}`, "rm *", "cd ..", `rmdir ${name}`);
  }
  return [perSecond("put -r of two", "files/s", jobs.length * plan.files, put)];
}

async function streams({ user, crowd, workspace, plan }: Side): Promise<Figure[]> {
  const jobs = crowd.slice(0, plan.streams).map((peer, i) => {
    const name = `stream-${i + 1}`;
    return { peer, name, stored: join(peer.home, name), got: join(workspace.down, name) };
  });
  const all = (line: (job: (typeof jobs)[number]) => string) =>
    Promise.all(jobs.map((job) => sftp(job.peer, workspace, line(job))));
  const put = await measured(user, () => all(({ name }) => `put ${workspace.payload} ${name}`));
  const get = await measured(user, () => all(({ name, got }) => `get ${name} ${got}`));
  for (const { stored, got } of jobs) {
    for (const file of [stored, got]) {
      if (statSync(file).size !== plan.size) throw new Error(`${file}: wrong size`);
    }
    rmSync(got);
  }
  await all(({ name }) => `rm ${name}`);
  const megabytes = (jobs.length * plan.size) / 1e6;
  return [
    perSecond(`put, ${jobs.length} at once`, "MB/s", megabytes, put),
    perSecond(`get, ${jobs.length} at once`, "MB/s", megabytes, get),
  ];
}

/** Acts `count` times, on several lanes at once. */
async function pool(count: number, act: (lane: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const lanes = Array.from({ length: Math.min(AT_ONCE, count) }, async (_, lane) => {
    while (next < count) {
      next += 1;
      await act(lane).catch((error: Error) => {
        next = count;
        throw error;
      });
    }
  });
  // All have ended before this fails: what they made can be taken away.
  const ends = await Promise.allSettled(lanes);
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}

// By stock ssh, whose own work on the same processors is part of the time on both sides.
async function logins({ user, crowd, workspace, plan }: Side): Promise<Figure[]> {
  const sample = await measured(user, () =>
    pool(plan.logins, (lane) => visit(crowd[lane % crowd.length] ?? user, workspace)),
  );
  return [perSecond(`logins, ${AT_ONCE} at once`, "per s", plan.logins, sample)];
}

async function idle({ workspace, plan, startFresh }: Side): Promise<Figure[]> {
  const peer = await startFresh(plan.idle);
  const sessions: Session[] = [];
  try {
    await pool(plan.idle, async () => sessions.push(await openSession(peer, workspace)));
    await sleep(REST_MS);
    const { rss, pss } = peer.memory();
    await Promise.all(sessions.map(closeSession));
    return [
      { name: `${plan.idle} idle, RSS`, unit: "MiB", value: rss / MIB },
      { name: `${plan.idle} idle, PSS`, unit: "MiB", value: pss / MIB },
    ];
  } finally {
    for (const { client } of sessions) client.destroy();
    await peer.stop();
  }
}
