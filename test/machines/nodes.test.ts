import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { type Cluster, startCluster } from "../support/postgres.ts";
import { moorageWithin } from "../support/server.ts";
import type { Machine } from "./machine.ts";
import { Pair, session } from "./pair.ts";

const LONG = { timeout: 60_000, interval: 100 };

const SETTINGS = ["--server-workers=2", "--penalties-failures=3", "--penalties-exempt="];

let cluster: Cluster;
let pair: Pair;

beforeAll(async () => {
  cluster = await startCluster();
  pair = await Pair.start(cluster, { settings: SETTINGS });
}, 120_000);
afterAll(async () => {
  await pair.close();
  await cluster.remove();
}, 60_000);

/** A command at a machine: it sees the processes there, and no others. */
async function at(machine: Machine, ...args: readonly string[]) {
  const { stdout, stderr, code } = await moorageWithin(machine.within, pair.root, ...args);
  return { out: stdout, err: stderr, code };
}

async function jsonAt<T>(machine: Machine, ...args: readonly string[]): Promise<T[]> {
  const { out, err } = await at(machine, ...args, "--json");
  expect(err).toBe("");
  return JSON.parse(out);
}

interface Shown {
  readonly id: number;
  readonly user: string;
  readonly machine: string;
  readonly transfers: readonly { readonly path: string }[];
}

interface Node {
  readonly id: string;
  readonly pid: number;
  readonly machine: string;
  readonly here: boolean;
  readonly role: string;
  readonly state: string;
  readonly renewedAt: string | null;
}

/** Without commands, of which this test is one. */
async function serversAt(machine: Machine): Promise<Node[]> {
  const all = await jsonAt<Node>(machine, "nodes");
  return all.filter(({ role }) => role !== "command");
}

test("nodes shows the processes of both machines, on either", async () => {
  const [one, other] = [await serversAt(pair.one), await serversAt(pair.other)];
  expect(new Set(one.map(({ id }) => id))).toEqual(new Set(other.map(({ id }) => id)));
  const places = (nodes: Node[]) => nodes.map(({ machine, here }) => `${machine} ${here}`);
  expect(new Set(places(one))).toEqual(new Set(["one true", "other false"]));
  expect(new Set(places(other))).toEqual(new Set(["other true", "one false"]));
  expect(one.every(({ state, renewedAt }) => state === "alive" && renewedAt !== null)).toBe(true);
  const { out } = await at(pair.one, "status");
  expect(out).toMatch(/^Running\.\nMACHINE +PID .*\none +\d+ .*\nother +\d+ .* ms /);
}, 60_000);

test("a machine shows sessions and transfers of the other, and ends them", async () => {
  const there = await session(pair.other);
  const handle = await there.open("half");
  await there.write(handle, Buffer.alloc(1_000), 0);
  const [shown] = await jsonAt<Shown>(pair.one, "sessions");
  expect(shown).toMatchObject({ user: "ann", machine: "other", transfers: [{ path: "/half" }] });
  const { out } = await at(pair.one, "kick", `${shown?.id}`);
  expect(out).toBe(`Ended session ${shown?.id}.\nCut 1 upload: what had arrived is kept.\n`);
  await there.ended;
  expect(await jsonAt<Shown>(pair.one, "sessions")).toEqual([]);
}, 60_000);

test("a ban at one machine is in force on the other at once", async () => {
  const there = await session(pair.other);
  await at(pair.one, "ban", "127.0.0.1", "--force");
  await there.ended;
  await expect(pair.other.login()).rejects.toThrow();
  expect(await jsonAt(pair.other, "penalties")).toMatchObject([
    { address: "127.0.0.1", kind: "ban" },
  ]);
  await at(pair.one, "unban", "127.0.0.1");
  await session(pair.other);
}, 60_000);

test("failed logins at one machine count on the other", async () => {
  const fail = async () => {
    await expect(pair.one.login("nobody")).rejects.toThrow();
    const all = await jsonAt<{ kind: string }>(pair.other, "penalties");
    expect(all).toMatchObject([{ kind: "penalty" }]);
  };
  await vi.waitFor(fail, LONG);
  await expect(pair.other.login()).rejects.toThrow();
  await at(pair.other, "unban", "127.0.0.1");
  await session(pair.one);
}, 120_000);

test("a command on a machine without a server asks another one", async () => {
  const there = await session(pair.other);
  const root = mkdtempSync(join(tmpdir(), "moorage-third-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, "db"), { mode: 0o700 });
  // It has the database of the others, and none of their sockets.
  cpSync(join(pair.root, "db", "postgres"), join(root, "db", "postgres"));
  const ask = (...args: string[]) => moorageWithin(pair.one.configured, root, ...args);
  const shown: Shown[] = JSON.parse((await ask("sessions", "--json")).stdout);
  // That of the test before may still be ending.
  expect(shown.map(({ machine }) => machine)).toContain("other");
  expect(await ask("kick", "ann")).toMatchObject({ code: 0, stderr: "" });
  await there.ended;
  expect((await ask("reload")).stdout).toBe("Nothing changed.\n");
}, 60_000);

test("the other machine gets new workers", async () => {
  const workers = async () =>
    (await serversAt(pair.one))
      .filter(({ machine, role }) => machine === "other" && role === "worker")
      .map(({ pid }) => pid);
  const before = await workers();
  expect(before).toHaveLength(2);
  const { out, err } = await at(pair.one, "restart", "--drain", "1m", "--node", "other");
  expect(err).toBe("");
  expect(out).toMatch(/^New workers serve \(pid \d+ on other\)/);
  const after = (await workers()).filter((pid) => !before.includes(pid));
  expect(after).toHaveLength(2);
}, 120_000);

test("one server is stopped from the other machine, and this one serves on", async () => {
  const { out, err } = await at(pair.one, "stop", "--node", "other");
  expect(err).toBe("");
  expect(out).toMatch(/^Stopped \(pid \d+ on other\)\.\n$/);
  const left = await serversAt(pair.one);
  expect(new Set(left.map(({ machine }) => machine))).toEqual(new Set(["one"]));
  await session(pair.one);
  const gone = await at(pair.one, "stop", "--node", "other");
  expect(gone).toMatchObject({ code: 3, err: expect.stringContaining("no server runs that is") });
}, 60_000);
