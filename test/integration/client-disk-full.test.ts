import { randomBytes } from "node:crypto";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { get, put } from "../../src/cli/client/one-job.ts";
import type { TransferFlags } from "../../src/cli/client/options.ts";
import { realEngine } from "../../src/cli/client/real-engine.ts";
import { openJournal } from "../../src/client/transfer/journal.ts";
import { ClientRun } from "../support/client-run.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { makeKey } from "../support/ssh-client.ts";

const MIB = 1024 * 1024;

/** A disk that has room for the first `room` bytes of big.bin.part, on whichever side it is written. */
const disk = vi.hoisted(() => ({ room: Number.POSITIVE_INFINITY, refused: 0 }));

type Done = (error: Error | null, written?: number) => void;

vi.mock("node:fs", async (original) => {
  const real = await original<typeof import("node:fs")>();
  const full = (): Error => Object.assign(new Error("ENOSPC: /host/path"), { code: "ENOSPC" });
  /** what fits of it, as a disk takes the start of a write; undefined: nothing at all */
  const fitting = (fd: number, slices: readonly Buffer[], position: number) => {
    if (!real.readlinkSync(`/proc/self/fd/${fd}`).endsWith("/big.bin.part")) return slices;
    const room = disk.room - position;
    if (room <= 0) disk.refused += 1;
    if (room <= 0) return undefined;
    return room === Number.POSITIVE_INFINITY ? slices : [Buffer.concat(slices).subarray(0, room)];
  };
  return {
    ...real,
    writev(fd: number, slices: Buffer[], position: number, done: Done) {
      const some = fitting(fd, slices, position);
      if (some === undefined) setImmediate(done, full());
      else real.writev(fd, some, position, done);
    },
    writevSync(fd: number, slices: Buffer[], position: number) {
      const some = fitting(fd, slices, position);
      if (some === undefined) throw full();
      return real.writevSync(fd, some, position);
    },
  };
});

let server: TestServer;
let root: string;
let flags: TransferFlags;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "moorage-full-"));
  const pair = makeKey();
  writeFileSync(join(root, "key"), pair.private, { mode: 0o600 });
  process.env.HOME = root;
  process.env.XDG_STATE_HOME = join(root, "state");
  delete process.env.SSH_AUTH_SOCK;
  server = await startTestServer({ users: [{ name: "alice", keys: [pair.public] }] });
  const identity = [join(root, "key")];
  const plain = { config: "none", acceptNew: true, jobs: 2, verify: true, recursive: true };
  flags = { port: server.port, identity, ...plain };
});

afterAll(async () => {
  await server.stop();
  rmSync(root, { recursive: true, force: true });
});

beforeEach(() => {
  disk.refused = 0;
});

describe.each(["get", "put"] as const)("a disk that is full during a %s", (name) => {
  const big = randomBytes(8 * MIB);

  /** The directories it reads and writes. */
  function sides(): { source: string; target: string } {
    const [here, there] = [join(root, name), join(server.home("alice"), name)];
    return name === "get" ? { source: there, target: here } : { source: here, target: there };
  }

  async function run(more: Partial<TransferFlags> = {}): Promise<ClientRun> {
    const client = new ClientRun(realEngine());
    const [here, there] = [join(root, name), `alice@127.0.0.1:${name}`];
    const names = name === "get" ? [there, root] : [here, "alice@127.0.0.1:"];
    await { get, put }[name](client.context, names, { ...flags, ...more }, client.around);
    return client;
  }

  it("fails that file with its name, and goes on with it once there is room", async () => {
    const { source, target } = sides();
    mkdirSync(source);
    for (const file of ["a.txt", "z.txt"]) writeFileSync(join(source, file), file);
    writeFileSync(join(source, "big.bin"), big);
    disk.room = 5 * MIB + 123;
    const failed = await run();
    expect(disk.refused).toBeGreaterThan(0);
    expect(failed.code).toBe(1);
    const { errors, text } = failed.written;
    expect(errors.replace(/^.*remembered.*\n/m, "")).toMatch(
      /^[^\n]*\/big\.bin(\.part)?: no space left on [^\n]*disk\n$/i,
    );
    expect(text).toMatch(/2 files, .* 1 failed\n/);
    expect(readdirSync(target).sort()).toEqual(["a.txt", "big.bin.part", "z.txt"]);
    const [entry, ...more] = await openJournal(join(root, "state/moorage")).list();
    expect(more).toEqual([]);
    expect(entry).toMatchObject({ source: expect.stringMatching(/big\.bin$/), size: 8 * MIB });
    expect(entry?.offset).toBeGreaterThan(MIB);

    disk.room = Number.POSITIVE_INFINITY;
    const kept = statSync(join(target, "big.bin.part")).size;
    expect(kept).toBeGreaterThan(MIB);
    const resumed = await run({ json: true });
    const events = resumed.written.text.trimEnd().split("\n");
    const starts = events
      .map((line) => JSON.parse(line))
      .filter(({ type, source: from }) => type === "start" && from.endsWith("/big.bin"));
    expect(starts).toEqual([expect.objectContaining({ offset: kept })]);
    expect(resumed.code).toBe(0);
    expect(readFileSync(join(target, "big.bin")).equals(big)).toBe(true);
    expect(await openJournal(join(root, "state/moorage")).list()).toEqual([]);
  });
});
