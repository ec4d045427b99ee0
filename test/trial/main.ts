import { randomBytes } from "node:crypto";
import { createServer } from "node:net";
import { parseArgs } from "node:util";
import { NodeSet } from "../support/node-set.ts";
import { PROGRAM } from "../support/server.ts";

const USAGE = `usage: sh packaging/two-nodes.sh [--ports 2022,2023] [--workers N]

Starts PostgreSQL and two servers of one instance on this machine, each as if it were a machine of its
own, and makes one user. Ctrl-C ends all of it and leaves nothing.
`;

const NAMES = ["one", "two"];
const USER = "ann";

function plan() {
  const { values } = parseArgs({
    options: {
      ports: { type: "string", default: "2022,2023" },
      workers: { type: "string", default: "2" },
      help: { type: "boolean", default: false },
    },
  });
  const ports = values.ports.split(",").map(Number);
  const workers = Number(values.workers);
  const isPort = (port: number) => Number.isInteger(port) && port > 0 && port < 65_536;
  if (ports.length !== 2 || !ports.every(isPort))
    throw new Error("--ports: two, such as 2022,2023");
  if (!Number.isInteger(workers) || workers < 1 || workers > 64) {
    throw new Error("--workers: a number from 1 to 64");
  }
  return { ports, workers, help: values.help };
}

/** @throws Error when something listens there */
async function requireFree(port: number): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", () => reject(new Error(`port ${port} is taken: give others by --ports`)));
    server.listen(port, "127.0.0.1", resolve);
  });
  await new Promise((resolve) => server.close(resolve));
}

function told(set: NodeSet, password: string): string {
  const rows = set.nodes.map(({ name, port, pid }) => `  ${name}  port ${port}, pid ${pid}`);
  const [first, second] = set.nodes;
  const moorage = `node ${PROGRAM} --root ${set.root}`;
  return `
Two nodes of one instance; its directory is ${set.root},
its database ${set.url}

${rows.join("\n")}

The user ${USER} has the password ${password}. Try, in another terminal:

  sftp -P ${first?.port} ${USER}@127.0.0.1       # put a file
  sftp -P ${second?.port} ${USER}@127.0.0.1       # it is there, and counts
  ${moorage} nodes
  ${moorage} check --homes
  kill -9 ${first?.pid}                             # the first machine is gone: go on with the second

Ctrl-C ends all of it and removes the directory and the database.
`;
}

function stopAsked(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.on(signal, () => resolve());
    }
  });
}

async function main(): Promise<void> {
  const { ports, workers, help } = plan();
  if (help) {
    process.stdout.write(USAGE);
    return;
  }
  for (const port of ports) await requireFree(port);
  const asked = stopAsked();
  const password = randomBytes(9).toString("base64url");
  const set = await NodeSet.start({ names: NAMES, ports, workers }, (made) =>
    made.moorage(["user", "add", USER, "--password-stdin"], `${password}\n`),
  );
  try {
    process.stdout.write(told(set, password));
    await asked;
    process.stdout.write("\nending …\n");
  } finally {
    await set.stop();
  }
}

// A terminal that is closed sends a signal, and can't be written to any more.
process.stdout.on("error", () => {});
process.stderr.on("error", () => {});
try {
  await main();
} catch (error) {
  process.stderr.write(`two-nodes: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
