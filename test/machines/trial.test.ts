import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, expect, test } from "vitest";
import { sftp } from "../support/ssh-client.ts";

let trial: ChildProcess | undefined;
const directory = mkdtempSync(join(tmpdir(), "moorage-trial-"));
// PostgreSQL, which does not run as root, has its files there.
chmodSync(directory, 0o755);

afterAll(async () => {
  if (trial !== undefined && trial.exitCode === null) {
    const exited = once(trial, "exit");
    trial.kill("SIGTERM");
    await exited;
  }
  rmSync(directory, { recursive: true, force: true });
});

/** Ports that were free a moment ago, all at once. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  const ports: number[] = [];
  for (const server of servers) {
    if (!server.listening) await once(server, "listening");
    ports.push((server.address() as { port: number }).port);
  }
  for (const server of servers) server.close();
  return ports;
}

/** @returns what it prints until that is there */
async function printed(child: ChildProcess, end: string): Promise<string> {
  let text = "";
  for await (const chunk of child.stdout ?? []) {
    text += String(chunk);
    if (text.includes(end)) return text;
  }
  throw new Error(`the trial ended: ${text}`);
}

test("the trial: a file stored on one node is on the other, and nothing is left of it", async () => {
  const [one = 0, two = 0] = await freePorts(2);
  const program = resolve("dist/test/trial/main.js");
  trial = spawn(process.execPath, [program, "--ports", `${one},${two}`, "--workers", "1"], {
    env: { ...process.env, TMPDIR: directory },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const text = await printed(trial, "Ctrl-C ends");
  const [, password = ""] = /has the password (\S+)\. Try/.exec(text) ?? [];
  const [, root = ""] = /directory is (\S+),/.exec(text) ?? [];
  const put = await sftp({ port: one }, ["put package.json p"], { password });
  const get = await sftp({ port: two }, [`get p ${directory}/p`], { password });
  expect([put.code, get.code]).toEqual([0, 0]);
  expect(existsSync(join(directory, "p")) && existsSync(root)).toBe(true);
  const exited = once(trial, "exit");
  trial.kill("SIGTERM");
  expect(await exited).toEqual([0, null]);
  expect(readdirSync(directory)).toEqual(["p"]);
}, 120_000);
