import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Cluster, startCluster } from "./postgres.ts";
import { PROGRAM, type SpawnedServer, spawnServer } from "./server.ts";

export interface NodeSetOptions {
  /** for people; as many servers are started */
  readonly names: readonly string[];
  /** in the same order; default: free ones */
  readonly ports?: readonly number[];
  /** processes that serve, of each */
  readonly workers?: number;
  /** more lines of moorage.toml */
  readonly settings?: string;
  /** PostgreSQL's, as "name=value" */
  readonly database?: readonly string[];
  /** the port by which the servers reach PostgreSQL's; default: its own */
  readonly way?: (port: number) => Promise<number>;
  /** where the instance's directory is made; default: the system's for temporary files */
  readonly parent?: string;
}

/** A server of the set. */
export interface SetNode extends SpawnedServer {
  readonly name: string;
  /** of the server. When it is killed all of its machine's processes are gone. */
  readonly pid: number;
}

/**
 * Servers of one instance with its books in PostgreSQL, each as if it were on a machine of its own:
 * they share a directory and a database, and have a space of process numbers each, so that they can't
 * see each other in /proc.
 */
export class NodeSet {
  readonly root: string;
  readonly cluster: Cluster;
  readonly url: string;
  readonly nodes: SetNode[] = [];
  readonly #options: NodeSetOptions;

  private constructor(root: string, cluster: Cluster, url: string, options: NodeSetOptions) {
    this.root = root;
    this.cluster = cluster;
    this.#options = options;
    this.url = url;
    const { settings = "" } = options;
    writeFileSync(join(root, "moorage.toml"), `[store]\nurl = "${this.url}"\n${settings}`, {
      mode: 0o600,
    });
  }

  /** @param prepare is called before the servers start, such as to make users */
  static async start(
    options: NodeSetOptions,
    prepare: (set: NodeSet) => Promise<unknown> = async () => {},
  ): Promise<NodeSet> {
    const root = mkdtempSync(join(options.parent ?? tmpdir(), "moorage-set-"));
    let set: NodeSet | undefined;
    try {
      const cluster = await startCluster(options.database);
      const port = (await options.way?.(cluster.port)) ?? cluster.port;
      const url = cluster.createDatabase().replace(`:${cluster.port}/`, `:${port}/`);
      set = new NodeSet(root, cluster, url, options);
      await prepare(set);
      for (const name of options.names) await set.startNode(name);
      return set;
    } catch (thrown) {
      await set?.stop();
      rmSync(root, { recursive: true, force: true });
      throw thrown;
    }
  }

  /** Starts one that is not there, or not any more. */
  async startNode(name: string): Promise<SetNode> {
    const { names, ports = [], workers = 1 } = this.#options;
    const at = names.indexOf(name);
    const port = ports[at];
    const flags = port === undefined ? [] : ["--port", `${port}`];
    const server = await spawnServer(this.root, flags, { workers, within: APART });
    const node = { ...server, name, pid: childOf(server.child.pid ?? 0) };
    this.nodes[at] = node;
    return node;
  }

  /**
   * Runs a command on the instance, as on one more machine.
   * @param input of its standard input
   * Rejects when it fails, with what it wrote.
   */
  async moorage(args: readonly string[], input = ""): Promise<string> {
    const child = spawn(process.execPath, [PROGRAM, "--root", this.root, ...args], {
      stdio: ["pipe", "pipe", "pipe"],
    });
    let [out, errors] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
    const [code] = (await once(child, "close")) as [number | null];
    if (code !== 0) throw new Error(`moorage ${args.join(" ")} failed (${code}): ${errors}`);
    return out;
  }

  /** Ends all of it; nothing is left. */
  async stop(): Promise<void> {
    await Promise.all(this.nodes.map(end));
    await this.cluster.remove();
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Others than root may do that in a name space of users. */
const APART: readonly string[] = [
  "unshare",
  ...(process.getuid?.() === 0 ? [] : ["--user", "--map-current-user"]),
  ...["--pid", "--fork", "--mount-proc", "--kill-child"],
];

function childOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim());
}

/** As a service manager would. */
async function end({ child, pid, exited }: SetNode): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
  process.kill(pid, "SIGTERM");
  await exited;
  clearTimeout(timer);
}
