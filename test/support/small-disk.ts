import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, statfsSync, writeSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

const MIB = 1024 * 1024;

/** Root mounts in a namespace of its own; others in one where they are root. */
const UNSHARE = process.getuid?.() === 0 ? ["--mount"] : ["--user", "--map-root-user", "--mount"];
const ENTER = process.getuid?.() === 0 ? ["-m"] : ["-U", "-m", "--preserve-credentials"];

/** Whether this machine lets us mount; undefined: it does, else what it says. */
export function whyNoDisks(): string | undefined {
  try {
    const mount = "mount -t tmpfs -o size=1m tmpfs /mnt";
    execFileSync("unshare", [...UNSHARE, "sh", "-c", mount], { stdio: "pipe" });
    return undefined;
  } catch (thrown) {
    return String((thrown as { stderr?: Buffer }).stderr ?? thrown).trim();
  }
}

/** A small disk of its own on a directory, seen by processes that are started within it only. */
export class SmallDisk {
  /** in front of a command that is to see the disk */
  readonly within: readonly string[];
  readonly #holder: ChildProcess;
  readonly #directory: string;
  #fillers = 0;

  private constructor(holder: ChildProcess, directory: string) {
    this.#holder = holder;
    this.#directory = directory;
    this.within = ["nsenter", "-t", `${holder.pid}`, ...ENTER, "--"];
  }

  /** @param directory what is there is copied to the disk first */
  static async on(directory: string, bytes: number): Promise<SmallDisk> {
    const script = `cp -a "$0" "$0.was" && mount -t tmpfs -o size=${bytes},mode=700 tmpfs "$0" &&
      cp -a "$0.was/." "$0/" && rm -r "$0.was" && echo ready && exec cat`;
    const args = [...UNSHARE, "--propagation", "private", "sh", "-c", script, directory];
    const holder = spawn("unshare", args, { stdio: ["pipe", "pipe", "inherit"] });
    await once(createInterface({ input: holder.stdout as NodeJS.ReadableStream }), "line");
    return new SmallDisk(holder, directory);
  }

  /** The path of something on the disk, for this process. */
  path(...names: string[]): string {
    return join(`/proc/${this.#holder.pid}/root`, this.#directory, ...names);
  }

  get free(): number {
    const { bavail, bsize } = statfsSync(this.path());
    return bavail * bsize;
  }

  /** Fills it to the last byte, as another program would. */
  fill(): void {
    this.#fillers += 1;
    const fd = openSync(this.path(`filler-${this.#fillers}`), "w");
    try {
      for (const size of [MIB, 4096]) this.#write(fd, Buffer.alloc(size, 1));
    } finally {
      closeSync(fd);
    }
  }

  /** Until nothing more goes in. */
  #write(fd: number, data: Buffer): void {
    try {
      while (writeSync(fd, data) > 0);
    } catch (thrown) {
      if ((thrown as { code?: string }).code !== "ENOSPC") throw thrown;
    }
  }

  /** Takes away what {@link fill} wrote. */
  drain(): void {
    for (let n = 1; n <= this.#fillers; n += 1) {
      execFileSync("rm", ["-f", this.path(`filler-${n}`)]);
    }
    this.#fillers = 0;
  }

  /** When nothing uses it any more. */
  async remove(): Promise<void> {
    const gone = once(this.#holder, "exit");
    this.#holder.stdin?.end();
    await gone;
  }
}
