import { readdirSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import {
  type EmptyInstance,
  openInstance,
  type SpawnedServer,
  spawnServer,
} from "../support/server.ts";

const PATIENCE = { timeout: 10_000 };

let instance: EmptyInstance;
let server: SpawnedServer;
let sockets: Socket[];

beforeEach(async () => {
  instance = await openInstance([]);
  sockets = [];
  server = await spawnServer(instance.root, ["--log-level", "info"], { workers: 2 });
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  for (const pid of await workerPids()) process.kill(pid, "SIGKILL");
  await server.kill();
  await instance.close();
});

async function workerPids(): Promise<number[]> {
  return (await instance.store.nodes.list())
    .filter(({ supervisor, alive }) => supervisor !== "" && alive)
    .map(({ pid }) => pid);
}

/** A client of that address, which says nothing. */
function arrive(address: string) {
  const socket = connect({ port: server.port, host: "127.0.0.1", localAddress: address });
  socket.on("error", () => {});
  sockets.push(socket);
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1");
  });
  const isGreeted = () => text.includes("SSH-2.0-");
  const greeted = () => vi.waitFor(() => expect(isGreeted()).toBe(true), PATIENCE);
  return { socket, isGreeted, greeted };
}

test("a worker that hangs gets no connections until it goes on, and the log says so", async () => {
  const [hangs = 0] = await workerPids();
  process.kill(hangs, "SIGSTOP");
  const early = [arrive("127.0.0.2"), arrive("127.0.0.3")];
  await vi.waitFor(() => expect(server.output()).toContain("worker hangs"), PATIENCE);
  const later = Array.from({ length: 8 }, (_, at) => arrive(`127.0.1.${at + 1}`));
  await Promise.all(later.map(({ greeted }) => greeted()));
  process.kill(hangs, "SIGCONT");
  await Promise.all(early.map(({ greeted }) => greeted()));
  await vi.waitFor(() => expect(server.output()).toContain("worker goes on"), PATIENCE);
  expect(await workerPids()).toContain(hangs);
});

test("a worker that dies while it is given connections leaves none open, and no descriptor", async () => {
  const descriptors = () => readdirSync(`/proc/${server.child.pid}/fd`).length;
  const [dies = 0] = await workerPids();
  await arrive("127.0.0.9").greeted();
  const before = descriptors();
  process.kill(dies, "SIGSTOP");
  const clients = Array.from({ length: 6 }, (_, at) => arrive(`127.0.1.${at + 1}`));
  await vi.waitFor(() => expect(descriptors()).toBeGreaterThan(before), PATIENCE);
  process.kill(dies, "SIGKILL");
  const isDone = (one: (typeof clients)[number]) => one.isGreeted() || one.socket.closed;
  await vi.waitFor(() => expect(clients.every(isDone)).toBe(true), PATIENCE);
  await vi.waitFor(() => expect(descriptors()).toBeLessThanOrEqual(before), PATIENCE);
});
