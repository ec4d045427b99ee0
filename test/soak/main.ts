import { readdirSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { onDisk } from "../support/instance.ts";
import { MixedLoad } from "../support/mixed-load.ts";
import { moorage, openInstance, type SpawnedServer, spawnServer } from "../support/server.ts";
import { makeKey, tcp } from "../support/ssh-client.ts";

const USAGE = `usage: npm run test:soak -- [--minutes N]

Lets users work on a server for so long (60), in rounds of a minute with new sessions each. After
each round nobody works for as long as the server takes to tidy up. It prints what memory its processes
have at work and at rest, and their descriptors. The exit code is 1 when the last third needs more at
rest than the one before, or when usage and disk differ.
`;

const USERS = ["ann", "bob", "zoe"];
const QUOTA = 120 * 1024 * 1024;
const ROUND_MS = 60_000;
/** In two looks of the server at itself it sees that it rests, and gives back what it can. */
const REST_MS = 25_000;
/** The last third may have so much more than the one before. */
const MAY_GROW = 1.1;

const EVERYTHING = [
  ...["--trash-keep", "1h", "--audit-files", "audit", "--metrics-listen", "db/metrics.sock"],
];
const RECEIVERS = JSON.stringify([{ name: "all", kinds: ["logins"], command: ["/bin/true"] }]);

interface Sample {
  /** of all processes together, in bytes: at the end of the work, and when it was over for a while */
  readonly working: number;
  readonly resting: number;
  readonly descriptors: number;
}

const { values } = parseArgs({ options: { minutes: { type: "string", default: "60" } } });
const minutes = Number(values.minutes);
if (!(minutes > 0)) {
  process.stderr.write(USAGE);
  process.exit(2);
}

/** The server and its workers, which share what programs have in common. */
function processes(server: SpawnedServer): number[] {
  const { pid = 0 } = server.child;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  // Commands that are told of events are children, too, and soon gone.
  return [pid, ...children.split(" ").filter(Boolean).map(Number).filter(isWorker)];
}

function isWorker(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("--worker");
  } catch {
    return false;
  }
}

/** In bytes, of all together. */
function memoryOf(server: SpawnedServer): number {
  const each = processes(server).map((pid) => {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
    return Number(/^Pss: +(\d+)/m.exec(rollup)?.[1] ?? 0) * 1024;
  });
  return each.reduce((a, b) => a + b, 0);
}

function descriptorsOf(server: SpawnedServer): number {
  return processes(server).reduce((sum, pid) => sum + readdirSync(`/proc/${pid}/fd`).length, 0);
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A minute of work by all, with people who come and go, and then a rest. */
async function round(server: SpawnedServer, root: string, seed: number): Promise<Sample> {
  const loads = await Promise.all(
    USERS.map((user, at) => MixedLoad.start(server, user, key, seed + at)),
  );
  const end = Date.now() + ROUND_MS;
  while (Date.now() < end) {
    const { socket } = await tcp(server);
    socket.destroy();
    await moorage(root, "status", "--json");
    await moorage(root, "logs", "--group", "transfers", "-n", "50", "--json");
    await wait(1_000);
  }
  const working = memoryOf(server);
  await Promise.all(loads.map((load) => load.end()));
  await wait(REST_MS);
  return { working, resting: memoryOf(server), descriptors: descriptorsOf(server) };
}

async function differences(root: string, home: (name: string) => string): Promise<string[]> {
  const found: string[] = [];
  for (const user of USERS) {
    const { stdout } = await moorage(root, "usage", user, "--json");
    const { usedBytes: bytes, files } = JSON.parse(stdout) as Record<string, number>;
    const disk = onDisk(home(user));
    if (bytes !== disk.bytes || files !== disk.files)
      found.push(
        `${user}: ${JSON.stringify({ bytes, files })}, on the disk ${JSON.stringify(disk)}`,
      );
  }
  return found;
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

function grew(samples: readonly Sample[], of: keyof Sample): boolean {
  const third = Math.floor(samples.length / 3);
  if (third === 0) return false;
  const all = samples.map((one) => one[of]);
  return median(all.slice(-third)) > MAY_GROW * median(all.slice(-2 * third, -third));
}

const key = makeKey();
const instance = await openInstance(
  USERS.map((name) => ({ name, keys: [key.public], quotaBytes: QUOTA })),
);
const server = await spawnServer(instance.root, EVERYTHING, {
  workers: 2,
  env: { MOORAGE_EVENTS: RECEIVERS },
});
const samples: Sample[] = [];
try {
  const until = Date.now() + minutes * 60_000;
  for (let seed = 1; Date.now() < until; seed += USERS.length) {
    const one = await round(server, instance.root, seed);
    samples.push(one);
    const [working, resting] = [one.working, one.resting].map((bytes) => (bytes / 1e6).toFixed(0));
    console.log(
      `round ${samples.length}: ${working} MB at work, ${resting} MB at rest, ${one.descriptors} descriptors`,
    );
  }
  const wrong = await differences(instance.root, instance.home);
  for (const line of wrong) console.log(line);
  for (const of of ["resting", "descriptors"] as const) {
    if (grew(samples, of)) console.log(`${of} went on growing`);
    if (grew(samples, of)) process.exitCode = 1;
  }
  if (wrong.length > 0) process.exitCode = 1;
} finally {
  await server.kill();
  await instance.close();
}
