import { spawn } from "node:child_process";
import type { Login, Outcome, Running } from "./client.ts";

/** Debian's packages of programs that are not called as they are. */
const PACKAGES: Readonly<Record<string, string>> = {
  aria2c: "aria2",
  borg: "borgbackup",
  cc: "gcc",
  go: "golang-go",
  java: "default-jdk-headless",
  javac: "default-jdk-headless",
  php: "php-cli",
  pscp: "putty-tools",
  psftp: "putty-tools",
  puttygen: "putty-tools",
  scp: "openssh-client",
  sftp: "openssh-client",
  ssh: "openssh-client",
};

export interface ProgramOptions {
  readonly input?: string | Buffer;
  readonly env?: Readonly<Record<string, string>>;
}

/** A program is not on this machine. */
export class MissingProgram extends Error {}

/** Starts a program that keeps its settings on the desk; a missing one is named with its package. */
export function start(
  program: string,
  args: readonly string[],
  login: Pick<Login, "desk">,
  options: ProgramOptions = {},
): Running {
  const { input = "", env } = options;
  const child = spawn(program, args, {
    cwd: login.desk,
    stdio: "pipe",
    env: { ...process.env, HOME: login.desk, LC_ALL: "C.UTF-8", ...env },
  });
  const result = new Promise<Outcome>((resolve, reject) => {
    const stdout: Buffer[] = [];
    const all: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => {
      stdout.push(chunk);
      all.push(chunk);
    });
    child.stderr.on("data", (chunk: Buffer) => all.push(chunk));
    child.stdin.on("error", () => {});
    child.once("error", (error: NodeJS.ErrnoException) => {
      const name = PACKAGES[program] ?? program.slice(program.lastIndexOf("/") + 1);
      const missing = new MissingProgram(`${program} is missing: install the package ${name}`);
      reject(error.code === "ENOENT" ? missing : error);
    });
    child.once("close", (code, signal) => {
      const text = Buffer.concat(all).toString();
      const end = signal === null ? "" : `\n(ended by ${signal})`;
      resolve({ code, stdout: Buffer.concat(stdout), text: `${text}${end}` });
    });
    child.stdin.end(input);
  });
  result.catch(() => {});
  return { child, result };
}

/** The first words of what a program says about its version. */
export async function version(
  program: string,
  args: readonly string[],
  pattern: RegExp,
): Promise<string> {
  const { text } = await start(program, args, { desk: "/" }).result;
  const found = pattern.exec(text)?.[1];
  if (found === undefined) throw new Error(`${program} doesn't tell its version: ${text}`);
  return found;
}

/** Names printed one a line. */
export function lines(text: string | Buffer): Buffer[] {
  return text
    .toString("latin1")
    .split("\n")
    .map((line) => line.replace(/\r$/, ""))
    .filter((line) => line !== "")
    .map((line) => Buffer.from(line, "latin1"));
}

export function unsupported(client: string, what: string): Error {
  return new Error(`${client} has no ${what}: the scenario should not have asked`);
}
