import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { Owner } from "../../src/vfs/types.ts";
import { SftpClient, type Wire } from "./sftp-client.ts";

/** Where distributions keep OpenSSH's server for SFTP. */
const PLACES = ["/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server"];

/** Within its root, until it has started. */
const RUNTIME = ".runtime";
const DEVICES = "dev";

/** What the machine keeps in both trees, so that the server knows its user's name. */
const ACCOUNTS = "etc";

const ENVIRONMENT = { TZ: "UTC", PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };

/** OpenSSH's sftp-server, ready to serve as many roots as asked for. */
export class OpenSshSftpServer {
  /** the program, its libraries and their loader */
  readonly #runtime: string;

  constructor() {
    const program = PLACES.find((place) => existsSync(place));
    if (program === undefined) {
      throw new Error("sftp-server is missing: install the package openssh-sftp-server");
    }
    this.#runtime = mkdtempSync(join(tmpdir(), "moorage-oracle-"));
    const needed = execFileSync("ldd", [program], { encoding: "utf8" });
    const libraries = [...needed.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map((match) => `${match[1]}`);
    for (const file of [program, ...libraries]) {
      const copy = join(this.#runtime, basename(file));
      copyFileSync(realpathSync(file), copy);
      chmodSync(copy, 0o755);
    }
  }

  /**
   * Starts one that sees `root` as "/" and runs as the owner, whose rights count. The root has to
   * be on the file system of the directory for temporary files.
   */
  async start(root: string, owner: Owner): Promise<OpenSshSession> {
    const runtime = join(root, RUNTIME);
    mkdirSync(runtime);
    const files = readdirSync(this.#runtime);
    for (const file of files) linkSync(join(this.#runtime, file), join(runtime, file));
    // It insists on opening this, for reading and writing.
    mkdirSync(join(root, DEVICES));
    writeFileSync(join(root, DEVICES, "null"), "");
    chmodSync(join(root, DEVICES, "null"), 0o666);
    const loader = files.find((file) => file.startsWith("ld")) as string;
    const umask = `0${process.umask().toString(8)}`;
    const server = [`/${RUNTIME}/${loader}`, "--library-path", `/${RUNTIME}`];
    server.push(`/${RUNTIME}/sftp-server`, "-u", umask);
    const [program, args] = inRoot(root, owner, server);
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], env: ENVIRONMENT });
    const session = new OpenSshSession(child, root);
    try {
      await session.ready;
    } catch (thrown) {
      await session.stop();
      throw thrown;
    }
    for (const name of [RUNTIME, DEVICES]) rmSync(join(root, name), { recursive: true });
    return session;
  }

  close(): void {
    rmSync(this.#runtime, { recursive: true, force: true });
  }
}

/** A command that runs with `root` as its "/", as `owner` and with no more rights than that. */
function inRoot(root: string, { uid, gid }: Owner, command: readonly string[]) {
  if (process.getuid?.() !== 0) {
    // Without root, a user namespace of its own.
    const user = [`--map-user=${uid}`, `--map-group=${gid}`];
    return ["unshare", [...user, `--root=${root}`, "--wd=/", ...command]] as const;
  }
  return ["chroot", [`--userspec=${uid}:${gid}`, "--groups=", root, ...command]] as const;
}

/**
 * The files by which a server learns its user's name; made in both trees, so that both have the
 * same entries.
 */
export function writeAccounts(root: string, { uid, gid, user, group }: Owner): void {
  mkdirSync(join(root, ACCOUNTS), { mode: 0o755 });
  writeFileSync(join(root, ACCOUNTS, "passwd"), `${user}:x:${uid}:${gid}::/:/bin/sh\n`);
  writeFileSync(join(root, ACCOUNTS, "group"), `${group}:x:${gid}:\n`);
  if (process.getuid?.() !== 0) return;
  for (const name of [".", "passwd", "group"]) chownSync(join(root, ACCOUNTS, name), uid, gid);
}

/** An empty root for the server, owned by its user. */
export function makeRoot(owner: Owner): string {
  const root = mkdtempSync(join(tmpdir(), "moorage-oracle-root-"));
  writeAccounts(root, owner);
  if (process.getuid?.() === 0) chownSync(root, owner.uid, owner.gid);
  return root;
}

export class OpenSshSession {
  readonly client: SftpClient;
  readonly extensions = new Map<string, string>();
  /** when it has answered INIT */
  readonly ready: Promise<void>;
  readonly #child: ChildProcess;
  readonly #root: string;
  #said = "";

  constructor(child: ChildProcess, root: string) {
    this.#child = child;
    this.#root = root;
    this.client = new SftpClient(pipesWire(child));
    child.stderr?.on("data", (chunk: Buffer) => {
      this.#said += chunk.toString();
    });
    this.ready = this.#greet();
  }

  /** Ends the server and removes its root. */
  async stop(): Promise<void> {
    const { exitCode, signalCode } = this.#child;
    if (exitCode === null && signalCode === null) {
      const exited = once(this.#child, "exit");
      this.#child.kill("SIGKILL");
      await exited;
    }
    rmSync(this.#root, { recursive: true, force: true });
  }

  async #greet(): Promise<void> {
    const failed = once(this.#child, "error").then(([error]) => {
      throw new Error(`OpenSSH's sftp-server does not start: ${(error as Error).message}`);
    });
    const greeted = this.client.init().catch(() => {
      throw new Error(`OpenSSH's sftp-server does not answer: ${this.#said}`);
    });
    const { extensions } = await Promise.race([greeted, failed]);
    for (const [name, version] of extensions) this.extensions.set(name, version);
  }
}

function pipesWire(child: ChildProcess): Wire {
  const wire: Wire = {
    write: (data) => void child.stdin?.write(data),
    end: () => void child.stdin?.end(),
    onData: () => {},
    onClose: () => {},
  };
  child.stdout?.on("data", (chunk: Buffer) => wire.onData(chunk));
  child.stdin?.on("error", () => {});
  child.once("close", () => wire.onClose());
  return wire;
}
