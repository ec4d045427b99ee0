import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import ssh2, { type Client, type ClientChannel, type ConnectConfig } from "ssh2";
import { expect, vi } from "vitest";

/** Where a server listens. */
export interface Target {
  readonly port: number;
}

export interface KeyPair {
  readonly private: string;
  readonly public: string;
}

/** A key pair in OpenSSH's formats. */
export function makeKey(type: "ed25519" | "ecdsa" | "rsa" = "ed25519", bits = 2048): KeyPair {
  for (;;) {
    const pair =
      type === "ed25519"
        ? ssh2.utils.generateKeyPairSync("ed25519")
        : type === "ecdsa"
          ? ssh2.utils.generateKeyPairSync("ecdsa", { bits: 256 })
          : ssh2.utils.generateKeyPairSync("rsa", { bits });
    // ssh2 makes a damaged ed25519 key now and then.
    if (!(ssh2.utils.parseKey(pair.private) instanceof Error)) return pair;
  }
}

/** What a client saw of its connection's end. */
export interface Ending {
  /** the texts of errors, the server's DISCONNECT among them */
  readonly errors: string[];
  /** the server's DISCONNECT messages, reason and text: ssh2 keeps those "by application" silent */
  readonly disconnects: string[];
  /** the server's packets about channels in the order they came, as ssh2 prints them */
  readonly channelPackets: string[];
  /** texts the server showed before the login */
  readonly banners: string[];
  readonly closed: Promise<void>;
}

/** Starts to connect; `ready` or the ending tells what came of it. */
export function dial(
  { port }: Target,
  config: ConnectConfig,
): Ending & { client: Client; ready: Promise<void> } {
  const client = new ssh2.Client();
  const errors: string[] = [];
  const banners: string[] = [];
  const disconnects: string[] = [];
  const channelPackets: string[] = [];
  const debug = (line: string): void => {
    const packet = /^Inbound: (CHANNEL_\w+) \(r:\d+(?:, )?(.*)\)$/.exec(line);
    if (packet !== null) channelPackets.push(`${packet[1]} ${packet[2]}`.trim());
    const match = /^Inbound: Received DISCONNECT \((\d+), "(.*)"\)$/.exec(line);
    if (match !== null) disconnects.push(`${match[1]}: ${match[2]}`);
  };
  client.on("banner", (text) => banners.push(text.trim()));
  client.on("error", (error) => errors.push(error.message));
  const closed = new Promise<void>((resolve) => client.once("close", () => resolve()));
  const ready = new Promise<void>((resolve, reject) => {
    client.once("ready", () => resolve());
    void closed.then(() => reject(new Error(`closed: ${errors.join("; ")}`)));
  });
  ready.catch(() => {});
  const defaults = { host: "127.0.0.1", port, username: "ann", readyTimeout: 25_000, debug };
  client.connect({ ...defaults, ...config });
  return { client, errors, banners, disconnects, channelPackets, closed, ready };
}

/** What the tests' packets are like; under ssh2's own name the server expects links its way. */
const LIKE_OPENSSH = "OpenSSH_9.2p1";

/** A client that is logged in. */
export async function login(target: Target, config: ConnectConfig = {}): Promise<Client> {
  const { client, ready } = dial(target, { password: "secret", ident: LIKE_OPENSSH, ...config });
  await ready;
  return client;
}

/** The packet functions of ssh2's client that its public interface lacks. */
export interface ClientProtocol {
  _kex: { sessionID: Buffer };
  _authsQueue: string[];
  channelData(channel: number, data: Buffer): void;
  channelWindowAdjust(channel: number, bytes: number): void;
  channelOpenConfirm(remote: number, local: number, window: number, packet: number): void;
  session(channel: number, window: number, maxPacket: number): void;
  channelClose(channel: number): void;
  ping(): void;
  rekey(): void;
  authPK(
    username: string,
    key: unknown,
    algorithm: string | undefined,
    sign?: (data: Buffer, done: (signature: Buffer) => void) => void,
  ): void;
  authPassword(username: string, password: string): void;
  subsystem(channel: number, name: string, wantReply: boolean): void;
  pty(
    channel: number,
    rows: number,
    columns: number,
    height: number,
    width: number,
    term: string,
    modes: object,
    wantReply: boolean,
  ): void;
  shell(channel: number, wantReply: boolean): void;
  tcpipForward(address: string, port: number, wantReply: boolean): void;
}

export function protocolOf(client: Client): ClientProtocol {
  return (client as unknown as { _protocol: ClientProtocol })._protocol;
}

export function socketOf(client: Client): Socket {
  return (client as unknown as { _sock: Socket })._sock;
}

export function openSubsystem(client: Client, name = "sftp"): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    client.subsys(name, (error, channel) => (error ? reject(error) : resolve(channel)));
  });
}

/** Our number and the server's of a channel. */
export function channelIds(channel: ClientChannel): { ours: number; theirs: number } {
  const ends = channel as unknown as { incoming: { id: number }; outgoing: { id: number } };
  return { ours: ends.incoming.id, theirs: ends.outgoing.id };
}

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Options of OpenSSH's clients that keep them off the machine's own files. */
export const OPENSSH_OPTIONS = [
  "-o StrictHostKeyChecking=no",
  "-o UserKnownHostsFile=/dev/null",
  "-o GlobalKnownHostsFile=/dev/null",
  "-o IdentityAgent=none",
  "-o LogLevel=ERROR",
].flatMap((option) => option.split(" "));

export interface OpenSshOptions {
  readonly user?: string;
  /** answers the password prompts; needs sshpass */
  readonly password?: string;
  /** file of a private key */
  readonly key?: string;
  readonly options?: readonly string[];
}

/** A program under way, for those who want to end it before its time. */
export interface RunningCommand {
  readonly child: ChildProcess;
  readonly result: Promise<CommandResult>;
}

function identity({ key, options = [] }: OpenSshOptions): string[] {
  const keys = key === undefined ? [] : ["-i", key, "-o", "IdentitiesOnly=yes"];
  return [...OPENSSH_OPTIONS, ...keys, ...options];
}

/** Starts OpenSSH's `sftp` with these commands, one a line; buffers for names that are not UTF-8. */
export function startSftp(
  { port }: Target,
  commands: readonly (string | Buffer)[],
  options: OpenSshOptions = {},
): RunningCommand {
  const { user = "ann", password } = options;
  const args = [...identity(options), "-P", String(port), `${user}@127.0.0.1`];
  const input = Buffer.concat(commands.flatMap((line) => [Buffer.from(line), NEWLINE]));
  // With -b sftp would switch password prompts off.
  if (password !== undefined) return start("sshpass", ["-e", "sftp", ...args], input, password);
  return start("sftp", ["-b", "-", ...args], input);
}

const NEWLINE = Buffer.from("\n");

/** Starts OpenSSH's `ssh` without a command, as the connection that others share (`-M -N`). */
export function startMaster({ port }: Target, options: OpenSshOptions = {}): RunningCommand {
  const { user = "ann" } = options;
  const args = [...identity(options), "-p", String(port), "-M", "-N", `${user}@127.0.0.1`];
  return start("ssh", args, "");
}

/** Runs OpenSSH's `sftp` to its end; without a password the first command that fails ends it. */
export function sftp(
  target: Target,
  commands: readonly (string | Buffer)[],
  options: OpenSshOptions = {},
): Promise<CommandResult> {
  return startSftp(target, commands, options).result;
}

/** Runs OpenSSH's `scp` (by the SFTP protocol); `remote:` in a path stands for the server. */
export function scp(
  { port }: Target,
  paths: readonly string[],
  options: OpenSshOptions = {},
): Promise<CommandResult> {
  const { user = "ann", password } = options;
  const places = paths.map((path) => path.replace(/^remote:/, `${user}@127.0.0.1:`));
  const args = [...identity(options), "-P", String(port), ...places];
  if (password !== undefined) return start("sshpass", ["-e", "scp", ...args], "", password).result;
  return start("scp", ["-B", ...args], "").result;
}

/** Runs OpenSSH's `ssh` with a command, or for a shell without one. */
export function ssh(
  { port }: Target,
  command: readonly string[],
  options: OpenSshOptions = {},
): Promise<CommandResult> {
  const { user = "ann", password } = options;
  const args = [...identity(options), "-p", String(port), `${user}@127.0.0.1`, ...command];
  if (password !== undefined) return start("sshpass", ["-e", "ssh", ...args], "", password).result;
  return start("ssh", args, "").result;
}

function start(
  program: string,
  args: readonly string[],
  input: string | Buffer,
  password?: string,
): RunningCommand {
  const env = password === undefined ? process.env : { ...process.env, SSHPASS: password };
  const child = spawn(program, args, { env, stdio: "pipe" });
  const result = new Promise<CommandResult>((resolve, reject) => {
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
    });
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    child.stdin.on("error", () => {});
    child.once("error", (error) => reject(missing(program, error)));
    child.once("close", (code) => resolve({ code, stdout, stderr }));
    child.stdin.end(input);
  });
  return { child, result };
}

/** The Debian package to install when a program the tests use is missing. */
const PACKAGES: Readonly<Record<string, string>> = {
  scp: "openssh-client",
  sftp: "openssh-client",
  ssh: "openssh-client",
  sshpass: "sshpass",
  "ssh-audit": "ssh-audit",
};

function missing(program: string, error: Error): Error {
  if ((error as NodeJS.ErrnoException).code !== "ENOENT") return error;
  return new Error(`${program} is missing: install the package ${PACKAGES[program] ?? program}`);
}

/** Runs a program to its end, whatever its exit code. */
export function command(program: string, args: readonly string[]): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : (error as { code?: unknown }).code;
      if (typeof code === "string") reject(missing(program, error as Error));
      else resolve({ code: typeof code === "number" ? code : null, stdout, stderr });
    });
  });
}

/** A bare TCP connection, with everything the server said until it closed. */
export async function tcp({ port }: Target): Promise<{ socket: Socket; said: Promise<string> }> {
  const socket = connectTcp(port, "127.0.0.1");
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1");
  });
  socket.on("error", () => {});
  const said = new Promise<string>((resolve) => socket.once("close", () => resolve(text)));
  await once(socket, "connect");
  return { socket, said };
}

/** Resolves once the server has made new keys, which it does at a time of its own. */
export async function rekeyedByServer(client: Client): Promise<void> {
  const rekeyed = vi.fn();
  client.once("handshake", rekeyed);
  await vi.waitFor(
    () => {
      // The server looks at the time when something comes in.
      protocolOf(client).ping();
      expect(rekeyed).toHaveBeenCalled();
    },
    { timeout: 20_000, interval: 2 },
  );
}
