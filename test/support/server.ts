import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pino } from "pino";
import ssh2 from "ssh2";
import { parsePublicKey } from "../../src/auth/keys.ts";
import { Passwords } from "../../src/auth/passwords.ts";
import { loadConfig } from "../../src/config/load.ts";
import type { Config } from "../../src/config/types.ts";
import { UserControl } from "../../src/control/users.ts";
import { type RunningServer, startServer } from "../../src/server.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import type { Account, Role } from "../../src/store/types.ts";
import { type CommandResult, command } from "./ssh-client.ts";

/** Settings that differ from the tests' own; sections and fields left out stay. */
export type ConfigChange = { readonly [S in keyof Config]?: Partial<Config[S]> };

/** A user to add; without a password and keys the password is "secret". */
export interface TestUser {
  readonly name: string;
  readonly password?: string;
  /** lines as in authorized_keys */
  readonly keys?: readonly string[];
  readonly role?: Role;
  /** default: no limit */
  readonly quotaBytes?: number | null;
  readonly quotaFiles?: number | null;
}

export const TEST_PASSWORD = "secret";

/** Hashes that cost next to nothing; everything else as by default, on a free loopback port. */
const TEST_CONFIG: ConfigChange = {
  server: { host: "127.0.0.1", port: 0 },
  auth: {
    argon2Memory: 1024 * 1024,
    argon2Time: 2,
    argon2Parallelism: 1,
    passwordMinLength: 1,
    passwordStrength: 0,
  },
  log: { level: "silent" },
};

export interface TestInstance {
  /** the instance's directory */
  readonly root: string;
  readonly store: Store;
  /** the administration, as the command line uses it, on a connection of its own */
  readonly control: UserControl;
  addUser(user: TestUser): Promise<Account>;
  /** the host's path of a user's home */
  home(name: string): string;
}

export interface TestServer extends TestInstance {
  readonly host: string;
  readonly port: number;
  readonly config: Config;
  readonly server: RunningServer;
  /** Stops the server and removes the instance. */
  stop(): Promise<void>;
}

export interface TestServerOptions {
  readonly users?: readonly TestUser[];
  readonly config?: ConfigChange;
  /** an instance to use that another test server made: it isn't removed */
  readonly root?: string;
  /** draws admin screens over SSH; without it the built one */
  readonly adminProgram?: URL;
}

const ADMIN_PROGRAM = new URL("../../dist/admin/over-ssh.js", import.meta.url);

function testConfig(root: string, change: ConfigChange = {}): Config {
  const base = loadConfig({ root, env: {} });
  const section = <S extends keyof Config>(name: S): Config[S] => ({
    ...base[name],
    ...TEST_CONFIG[name],
    ...change[name],
  });
  return {
    server: section("server"),
    store: section("store"),
    limits: section("limits"),
    quota: section("quota"),
    auth: section("auth"),
    login: section("login"),
    access: section("access"),
    penalties: section("penalties"),
    admin: section("admin"),
    transport: section("transport"),
    log: section("log"),
    digests: section("digests"),
    metrics: section("metrics"),
    trash: section("trash"),
    audit: section("audit"),
    events: section("events"),
  };
}

let hostKeys: Promise<{ name: string; text: string }[]> | undefined;

/** Host keys made once a test process: small RSA keys, since those take longest to make. */
function makeHostKeys(): Promise<{ name: string; text: string }[]> {
  const make = (
    name: string,
    generate: () => { private: string },
  ): { name: string; text: string } => {
    for (;;) {
      const text = generate().private;
      // ssh2 makes a damaged ed25519 key now and then.
      if (!(ssh2.utils.parseKey(text) instanceof Error)) return { name, text };
    }
  };
  hostKeys ??= Promise.resolve([
    make("ssh_host_ed25519_key", () => ssh2.utils.generateKeyPairSync("ed25519")),
    make("ssh_host_ecdsa_key", () => ssh2.utils.generateKeyPairSync("ecdsa", { bits: 256 })),
    make("ssh_host_rsa_key", () => ssh2.utils.generateKeyPairSync("rsa", { bits: 2048 })),
  ]);
  return hostKeys;
}

/** An empty instance directory with host keys. */
export async function makeInstance(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "moorage-test-"));
  for (const name of ["keys", "homes", "db"]) await mkdir(join(root, name), { mode: 0o700 });
  for (const { name, text } of await makeHostKeys()) {
    await writeFile(join(root, "keys", name), text, { mode: 0o600 });
  }
  return root;
}

export interface EmptyInstance extends TestInstance {
  /** Removes the instance, whose servers have ended. */
  close(): Promise<void>;
}

/** An instance with users and no server: for those that {@link spawnServer} starts. */
export async function openInstance(users: readonly TestUser[]): Promise<EmptyInstance> {
  const root = await makeInstance();
  const store = await openStore(root, "command", "test");
  const instance = administer(root, store, testConfig(root));
  for (const user of users) await instance.addUser(user);
  return {
    ...instance,
    async close() {
      await store.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** A server in this process, on a free loopback port, with an instance of its own. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const root = options.root ?? (await makeInstance());
  const { adminProgram = ADMIN_PROGRAM } = options;
  const config = testConfig(root, options.config);
  const store = await openStore(root, "server", "test");
  const commands = await openStore(root, "command", "test");
  const instance = administer(root, commands, config);
  for (const user of options.users ?? []) await instance.addUser(user);
  const log = pino({ level: config.log.level });
  const server = await startServer({ root, config, store, log, adminProgram });
  return {
    ...instance,
    store,
    host: server.address.host,
    port: server.address.port,
    config,
    server,
    async stop() {
      await server.stop(0);
      await store.close();
      await commands.close();
      if (options.root === undefined) await rm(root, { recursive: true, force: true });
    },
  };
}

function administer(root: string, store: Store, config: Config): TestInstance {
  const passwords = new Passwords(config.auth);
  const control = new UserControl({
    store,
    root,
    actor: "test",
    rule: config.auth,
    quota: config.quota,
    hash: (password) => passwords.hash(password),
  });
  return {
    root,
    store,
    control,
    home: (name) => join(root, "homes", name),
    async addUser(user) {
      const account = await control.add({
        name: user.name,
        role: user.role ?? "user",
        quotaBytes: user.quotaBytes ?? null,
        quotaFiles: user.quotaFiles ?? null,
        keys: (user.keys ?? []).map(parsePublicKey),
        ...passwordOf(user),
      });
      return account;
    },
  };
}

function passwordOf(user: TestUser): { password?: string } {
  if (user.password !== undefined) return { password: user.password };
  return user.keys === undefined ? { password: TEST_PASSWORD } : {};
}

export interface SpawnedServer {
  readonly port: number;
  readonly child: ChildProcess;
  /** everything it wrote so far to standard output and error */
  output(): string;
  /** resolves to the exit code; null when a signal ended it */
  readonly exited: Promise<number | null>;
  /** Ends it by SIGKILL, if it still runs; resolves when it is gone. */
  kill(): Promise<void>;
}

/** From the project's directory, where all that uses it is started. */
export const PROGRAM = resolve("dist/src/moorage.cjs");

export interface SpawnOptions {
  /** file descriptors it may have */
  readonly descriptors?: number;
  /** a command in front of its own */
  readonly within?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** processes that serve; default: the program itself */
  readonly workers?: number;
}

/**
 * The built program (`npm run build`) as a child process serving `root` on a free loopback port.
 * @param settings flags such as `["--limits-max-sessions", "10"]`
 * @param env variables besides those of this process
 */
export async function spawnServer(
  root: string,
  settings: readonly string[] = [],
  { descriptors, within = [], env = {}, workers = 1 }: SpawnOptions = {},
): Promise<SpawnedServer> {
  const place = ["--host", "127.0.0.1", "--port", "0", "--server-workers", `${workers}`];
  const serve = ["--root", root, "serve", ...place, ...settings];
  const command = [process.execPath, PROGRAM, ...serve];
  const limited =
    descriptors === undefined
      ? command
      : ["sh", "-c", 'ulimit -n "$0" && exec "$@"', `${descriptors}`, ...command];
  const [program = "", ...args] = [...within, ...limited];
  const child = spawn(program, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, MOORAGE_LOG_LEVEL: "warn", ...env },
  });
  let output = "";
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const port = await new Promise<number>((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      output += chunk.toString();
      const match = /listens on \S+?:(\d+)\n/.exec(output);
      if (match !== null) resolve(Number(match[1]));
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.once("error", reject);
    void exited.then((code) => reject(new Error(`the server ended (${code}): ${output}`)));
  });
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await exited;
  };
  return { port, child, output: () => output, exited, kill };
}

/** Runs the built program on an instance: `moorage(root, "usage", "--json")`. */
export function moorage(root: string, ...args: readonly string[]): Promise<CommandResult> {
  return command(process.execPath, [PROGRAM, "--root", root, ...args]);
}

/** The same behind another command. */
export function moorageWithin(
  within: readonly string[],
  root: string,
  ...args: readonly string[]
): Promise<CommandResult> {
  const [program = "", ...more] = [...within, process.execPath, PROGRAM, "--root", root, ...args];
  return command(program, more);
}
