import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Control } from "../../../src/control/protocol.ts";
import { Monitoring } from "../../../src/server/monitoring.ts";
import { ask } from "../../support/metrics.ts";

let root: string;
let logged: { level: number; error?: string; port?: number }[];
const config = { metrics: { listen: "", public: false, users: false } };
let health = { login: "ok", write: "ok" };
let monitoring: Monitoring;
let other: Server | undefined;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "moorage-test-"));
  mkdirSync(join(root, "db"));
  logged = [];
  health = { login: "ok", write: "ok" };
  config.metrics.listen = "";
  const log = pino({}, { write: (line: string) => void logged.push(JSON.parse(line)) });
  const call = async (method: string) =>
    method === "health" ? health : { text: "figures\n", contentType: "text/plain" };
  const control = () => ({ call }) as unknown as Control;
  monitoring = new Monitoring({ root, config, log, control });
});

afterEach(async () => {
  await monitoring.close();
  other?.close();
  rmSync(root, { recursive: true, force: true });
});

async function listen(where: string): Promise<void> {
  config.metrics.listen = where;
  await monitoring.look();
}

const at = (name = "db/m.sock") => ({ socketPath: join(root, name) });
const errors = () => logged.flatMap(({ error }) => error ?? []);

test("by default nothing is served", async () => {
  await monitoring.look();
  expect(logged).toEqual([]);
});

test("a socket, for the server's user and group; another place after a reload; none at the end", async () => {
  await listen("db/m.sock");
  expect(await ask(at(), "/metrics")).toMatchObject({ status: 200, text: "figures\n" });
  expect(statSync(at().socketPath).mode & 0o777).toBe(0o660);
  await monitoring.look();
  await listen("n.sock");
  expect(existsSync(at().socketPath)).toBe(false);
  expect(await ask(at("n.sock"), "/metrics")).toMatchObject({ status: 200 });
  await listen("");
  expect(readdirSync(root)).toEqual(["db"]);
  expect(readdirSync(join(root, "db"))).toEqual([]);
});

test("a port of this machine", async () => {
  await listen("127.0.0.1:0");
  const { port = 0 } = logged[0] ?? {};
  expect(await ask({ port }, "/metrics")).toMatchObject({ status: 200 });
});

test("health is a word each, and a status", async () => {
  await listen("db/m.sock");
  const fine = { status: 200, text: "login ok\nwrite ok\n" };
  expect(await ask(at(), "/healthz")).toMatchObject(fine);
  health = { login: "ok", write: "full" };
  expect(await ask(at(), "/healthz")).toMatchObject({
    status: 503,
    text: "login ok\nwrite full\n",
  });
  health = { login: "stopping", write: "ok" };
  expect(await ask(at(), "/healthz")).toMatchObject({ status: 503 });
});

test("what a server that was killed left is replaced", async () => {
  const dead = createServer();
  await new Promise<void>((resolve) => dead.listen(join(root, "db", "was"), resolve));
  // The end of the server would take the socket along; its other name stays.
  renameSync(join(root, "db", "was"), at().socketPath);
  await new Promise((resolve) => dead.close(resolve));
  expect(statSync(at().socketPath).isSocket()).toBe(true);
  await listen("db/m.sock");
  expect(await ask(at(), "/metrics")).toMatchObject({ status: 200 });
});

test("one in use stays: that is logged once, and tried again until it is free", async () => {
  other = createServer();
  await new Promise<void>((resolve) => other?.listen(at().socketPath, resolve));
  await listen("db/m.sock");
  await monitoring.look();
  expect(errors()).toEqual(["Error EADDRINUSE"]);
  await new Promise((resolve) => other?.close(resolve));
  await monitoring.look();
  expect(await ask(at(), "/metrics")).toMatchObject({ status: 200 });
  expect(errors()).toEqual(["Error EADDRINUSE"]);
});

test("what is no socket is not touched", async () => {
  writeFileSync(at().socketPath, "a file");
  await listen("db/m.sock");
  expect(errors()).toEqual(["Error EEXIST"]);
  expect(statSync(at().socketPath).isFile()).toBe(true);
  expect(readdirSync(join(root, "db"))).toEqual(["m.sock"]);
});
