import { mkdtempSync, rmSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Io } from "../../../src/cli/io.ts";
import { run } from "../../../src/cli/run.ts";
import { prepareInstance } from "../../../src/control/instance.ts";
import { openStore, type Store } from "../../../src/store/store.ts";

let root: string;
let servers: Store[];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "moorage-nodes-"));
  prepareInstance(root);
  servers = [];
});

afterEach(async () => {
  for (const store of servers) await store.close();
  rmSync(root, { recursive: true });
});

async function serve(listen: string, supervisor?: Store): Promise<Store> {
  const of = supervisor === undefined ? {} : { supervisor: supervisor.nodeId };
  const store = await openStore(root, "server", "1.2.3", of);
  await store.nodes.setListen(listen);
  servers.push(store);
  return store;
}

async function moorage(...args: string[]) {
  let [out, err] = ["", ""];
  const io: Io = {
    env: { MOORAGE_ROOT: root },
    stdin: new PassThrough(),
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    colour: false,
  };
  return { code: await run(args, io), out, err };
}

test("nodes of one machine: a server with its worker behind it, and not the command itself", async () => {
  const none = { code: 0, out: expect.stringMatching(/^No server runs/), err: "" };
  await (await openStore(root, "command", "1")).close();
  expect(await moorage("nodes")).toEqual(none);
  const single = await serve("127.0.0.1:23");
  const supervisor = await serve("127.0.0.1:22");
  const worker = await serve("127.0.0.1:22", supervisor);
  const { out } = await moorage("nodes");
  const [titles, ...rows] = out.trimEnd().split("\n");
  expect(titles?.split(/ {2,}/)).toEqual([
    ...["ID", "MACHINE", "PID", "ROLE", "LISTENS ON", "SESSIONS", "SINCE", "STATE", "VERSION"],
  ]);
  const short = ({ nodeId }: Store) => nodeId.slice(0, 8);
  expect(
    rows.map((row) => row.split(/ {2,}/).filter((_, at) => [0, 1, 3, 7].includes(at))),
  ).toEqual([
    [short(single), hostname(), "server", "alive"],
    [short(supervisor), hostname(), "supervisor", "alive"],
    [short(worker), hostname(), "worker", "alive"],
  ]);
});

test("nodes --json has names that scripts can rely on", async () => {
  const supervisor = await serve("127.0.0.1:22");
  const worker = await serve("127.0.0.1:22", supervisor);
  expect(JSON.parse((await moorage("nodes", "--json")).out)[1]).toEqual({
    ...{ id: worker.nodeId, machine: hostname(), here: true, pid: process.pid, role: "worker" },
    ...{ version: "1.2.3", listen: "127.0.0.1:22", sessions: 0, renewedAt: null },
    since: expect.stringMatching(/^\d{4}-.*Z$/),
    ...{ state: "alive", supervisor: supervisor.nodeId },
  });
});

test("one server, or all: not both, and restart takes them for new workers only", async () => {
  await serve("127.0.0.1:22");
  expect((await moorage("stop", "--node", "x", "--all")).code).toBe(2);
  expect(await moorage("stop", "--node", "nobody")).toEqual({
    code: 3,
    out: "",
    err: 'moorage: no server runs that is "nobody": `moorage nodes` shows all\n',
  });
  const restart = await moorage("restart", "--all");
  expect(restart).toMatchObject({ code: 2, err: expect.stringContaining("are for --drain") });
});
