import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A PostgreSQL server of a test: its own cluster in a temporary directory. */
export class Cluster {
  readonly port: number;
  readonly directory: string;
  readonly #bin: string;
  #server: ChildProcess | undefined;
  #databases = 0;

  constructor(bin: string, directory: string, port: number) {
    this.#bin = bin;
    this.directory = directory;
    this.port = port;
  }

  /** The server's process id. */
  get pid(): number {
    return this.#server?.pid ?? Number.NaN;
  }

  /** Of a fresh database, over TCP on the loopback. */
  createDatabase(): string {
    this.#databases += 1;
    const name = `test_${this.#databases}`;
    this.sql("postgres", `CREATE DATABASE ${name}`);
    return `postgres://moorage@127.0.0.1:${this.port}/${name}`;
  }

  /** What psql prints of a statement, in a connection of its own. */
  sql(database: string, text: string): string {
    const [psql, args] = this.#psql(database, [text]);
    return execFileSync(psql, args, { encoding: "utf8" }).trim();
  }

  /** Statements, or psql's commands, in a process of its own, which goes on while this one waits. */
  psql(database: string, ...texts: readonly string[]): ChildProcess {
    const [psql, args] = this.#psql(database, texts);
    return spawn(psql, args, { stdio: ["ignore", "ignore", "inherit"] });
  }

  #psql(database: string, texts: readonly string[]): [program: string, args: string[]] {
    const login = ["-h", this.directory, "-p", String(this.port), "-U", "moorage", "-d", database];
    const commands = texts.flatMap((text) => ["-c", text]);
    return [join(this.#bin, "psql"), [...login, "-XqAt", "-v", "ON_ERROR_STOP=1", ...commands]];
  }

  /** @param settings as "name=value" */
  async start(settings: readonly string[] = []): Promise<void> {
    const fixed = [
      `port=${this.port}`,
      "listen_addresses=127.0.0.1",
      `unix_socket_directories=${this.directory}`,
      "fsync=off",
      "shared_buffers=16MB",
      "max_connections=50",
    ];
    const options = [...fixed, ...settings].flatMap((setting) => ["-c", setting]);
    const args = ["-D", join(this.directory, "data"), ...options];
    const server = spawn(join(this.#bin, "postgres"), args, {
      ...OWNER,
      cwd: this.directory,
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#server = server;
    let log = "";
    await new Promise<void>((resolve, reject) => {
      server.stderr.on("data", (data: Buffer) => {
        log += data;
        if (log.includes("ready to accept connections")) resolve();
      });
      server.once("exit", () => reject(new Error(`PostgreSQL did not start: ${log}`)));
    });
  }

  /** A file that only the server's user can read. @param path within the cluster's directory */
  give(path: string, text: string): string {
    const file = join(this.directory, path);
    writeFileSync(file, text, { mode: 0o600 });
    if (OWNER.uid !== undefined) chownSync(file, OWNER.uid, OWNER.gid ?? 0);
    return file;
  }

  /** Lines of pg_hba.conf that go before the others. */
  admit(...lines: readonly string[]): void {
    const file = join("data", "pg_hba.conf");
    const others = readFileSync(join(this.directory, file), "utf8");
    this.give(file, `${lines.join("\n")}\n${others}`);
    this.sql("postgres", "SELECT pg_reload_conf()");
  }

  /** Its processes stop where they are: none answers. */
  pause(): void {
    for (const pid of this.#processes()) process.kill(pid, "SIGSTOP");
  }

  resume(): void {
    for (const pid of this.#processes()) process.kill(pid, "SIGCONT");
  }

  /** Ends it at once, as a crash would, and makes it whole again with the next start. */
  async kill(): Promise<void> {
    await this.#end("SIGQUIT");
  }

  async stop(): Promise<void> {
    await this.#end("SIGINT");
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined || server.exitCode !== null) return;
    const exited = once(server, "exit");
    server.kill(signal);
    server.kill("SIGCONT");
    await exited;
  }

  /** The server's, and those it started. */
  #processes(): number[] {
    const { stdout } = spawnSync("ps", ["-o", "pid=", "--ppid", String(this.pid)], {
      encoding: "utf8",
    });
    return [this.pid, ...stdout.split("\n").filter(Boolean).map(Number)];
  }
}

/** PostgreSQL does not run as root. */
const OWNER = ownerOf();

function ownerOf(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const id = (flag: string): number =>
    Number(spawnSync("id", [flag, "postgres"], { encoding: "utf8" }).stdout || Number.NaN);
  const [uid, gid] = [id("-u"), id("-g")];
  if (Number.isNaN(uid)) throw new Error("PostgreSQL is missing: there is no user postgres");
  return { uid, gid };
}

/** Debian keeps the server's programs out of the path, in a directory of their version. */
function programs(): string {
  const root = "/usr/lib/postgresql";
  const versions = spawnSync("ls", [root], { encoding: "utf8" }).stdout.split("\n").filter(Boolean);
  const newest = versions.map(Number).sort((a, b) => b - a)[0];
  if (newest !== undefined) return join(root, String(newest), "bin");
  const { stdout } = spawnSync("sh", ["-c", "command -v postgres"], { encoding: "utf8" });
  if (stdout === "") throw new Error("PostgreSQL is missing: install the package postgresql");
  return join(stdout.trim(), "..");
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

/**
 * A cluster that runs; its user moorage may do anything and needs no password.
 * @param settings as "name=value"
 */
export async function startCluster(settings: readonly string[] = []): Promise<Cluster> {
  const bin = programs();
  const directory = mkdtempSync(join(tmpdir(), "moorage-pg-"));
  if (OWNER.uid !== undefined) chownSync(directory, OWNER.uid, OWNER.gid ?? 0);
  const data = join(directory, "data");
  const flags = ["--locale=C", "--encoding=UTF8", "--auth=trust", "-U", "moorage", "--no-sync"];
  execFileSync(join(bin, "initdb"), ["-D", data, ...flags], {
    ...OWNER,
    cwd: directory,
    stdio: ["ignore", "ignore", "inherit"],
  });
  const cluster = new Cluster(bin, directory, await freePort());
  await cluster.start(settings);
  return cluster;
}
