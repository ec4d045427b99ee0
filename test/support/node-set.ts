import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Cluster, startCluster } from "./postgres.ts";
import { PROGRAM, type SpawnedServer, spawnServer } from "./server.ts";

export interface NodeSetOptions {
  /** what each machine is called; as many servers are started */
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

/** A server of the set, with the process group that it and its workers are. */
export interface SetNode extends SpawnedServer {
  readonly name: string;
}

/**
 * Servers of one instance with its books in PostgreSQL, each as if it were on a machine of its own:
 * they share a directory and a database, and don't look for each other in /proc.
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
    const root = mkdtempSync(join(options.parent ?? tmpdir(), "moorage-nodes-"));
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
    const server = await spawnServer(this.root, flags, { workers, env: machine(name) });
    const node = { ...server, name };
    this.nodes[at] = node;
    return node;
  }

  /**
   * Runs a command on the instance, as on the first machine.
   * @param input of its standard input
   * Rejects when it fails, with what it wrote.
   */
  async moorage(args: readonly string[], input = ""): Promise<string> {
    const [name = ""] = this.#options.names;
    const child = spawn(process.execPath, [PROGRAM, "--root", this.root, ...args], {
      env: { ...process.env, ...machine(name) },
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

function machine(name: string): NodeJS.ProcessEnv {
  return { MOORAGE_MACHINE: name };
}

/** As a service manager would. */
async function end({ child, exited }: SetNode): Promise<void> {
  const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
  child.kill("SIGTERM");
  await exited;
  clearTimeout(timer);
}
