import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { Operations } from "../../src/client/remote/operations.ts";
import type { ClientConnection } from "../../src/client/remote/remote.ts";
import type { Direction, TransferEvent } from "../../src/client/types.ts";
import { Follower } from "../../src/digests/follower.ts";
import { createHash } from "../../src/hash.js";
import {
  breakOff,
  type ClientHome,
  connectClient,
  makeClientHome,
  only,
  type Ran,
  transfer,
} from "../support/engine.ts";
import { type LineProxy, startProxy } from "../support/proxy.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

const MIB = 1024 * 1024;
const data = randomBytes(10 * MIB + 4_321);

const blake3 = (bytes: Buffer) => createHash("blake3").update(bytes).digest().toString("hex");

let server: TestServer;
let proxy: LineProxy;
let home: ClientHome;
let connection: ClientConnection;

beforeAll(async () => {
  home = await makeClientHome();
  server = await startTestServer({ users: [{ name: "ann", keys: [home.key.public] }] });
  proxy = await startProxy({ target: () => server.port });
});
afterAll(async () => {
  await proxy?.close();
  await server?.stop();
  await home?.remove();
});
beforeEach(async () => {
  connection = await connectClient(home, proxy.port);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await connection.close();
});

function sides(direction: Direction, name: string) {
  const [near, far] = [home.path(name), join(server.home("ann"), name)];
  const up = direction === "up";
  const job = { direction, sources: [up ? near : name], target: up ? name : near };
  return {
    source: up ? near : far,
    target: up ? far : near,
    run: (options: Parameters<typeof transfer>[3] = {}): Promise<Ran> =>
      transfer(home, connection, job, options),
  };
}

/** From now on the server does not answer questions for checksums. */
function silent() {
  return vi.spyOn(Operations.prototype, "checkFile").mockReturnValue(new Promise(() => {}));
}

describe("the checksum of a file that is sent", () => {
  it("is computed by the server while it arrives, and by the fastest hash that both have", async () => {
    const along = vi.spyOn(Follower.prototype, "along");
    const { source, run } = sides("up", "along");
    writeFileSync(source, data);
    const { events } = await run();
    expect(only(events, "done")[0]?.hash).toEqual({ name: "blake3", hex: blake3(data) });
    expect(along.mock.calls).toEqual([["blake3"]]);
  });

  it("is not computed along where nobody compares it, or the file goes on", async () => {
    const along = vi.spyOn(Follower.prototype, "along");
    const { source } = sides("up", "unasked");
    writeFileSync(source, data);
    const job = { direction: "up", sources: [source], target: "unasked", verify: false } as const;
    await transfer(home, connection, job);
    expect(along).not.toHaveBeenCalled();
    const broken = sides("up", "broken");
    writeFileSync(broken.source, data);
    await breakOff(home, connection, proxy, broken.run);
    along.mockClear();
    const { events } = await broken.run();
    expect(only(events, "start")[0]?.offset).toBeGreaterThan(0);
    expect(only(events, "done")[0]?.hash?.name).toBe("blake3");
    expect(along).not.toHaveBeenCalled();
  });

  it("is SHA-256 with a server that has no faster one", async () => {
    vi.spyOn(Operations.prototype, "checksAlong", "get").mockReturnValue([]);
    const along = vi.spyOn(Follower.prototype, "along");
    for (const direction of ["up", "down"] as const) {
      const { source, run } = sides(direction, `plain-${direction}`);
      writeFileSync(source, data);
      const { events } = await run();
      expect(only(events, "done")[0]?.hash?.name).toBe("sha256");
    }
    expect(along).not.toHaveBeenCalled();
  });
});

describe.each<Direction>(["up", "down"])(
  "a server that does not answer for its checksums: a file on its way %s",
  (direction) => {
    it("is done, and told not to be verified", async () => {
      const { source, target, run } = sides(direction, `done-${direction}`);
      writeFileSync(source, data);
      const asked = silent();
      connection.patience = { baseMs: 20, bytesPerMs: 1e9 };
      for (const name of ["first", "second"]) {
        const { events, summary } = await run();
        expect(summary, name).toMatchObject({ files: 1, failed: 0 });
        const [done] = only(events, "done");
        expect(done?.hash).toBeUndefined();
        expect(done?.unverified).toBe("the server did not answer in time");
        expect(readFileSync(target).equals(data)).toBe(true);
        writeFileSync(target, name);
      }
      // What it didn't answer once it is not asked again before it has.
      expect(asked).toHaveBeenCalledTimes(1);
    });

    it("goes on after its last MiB was compared", async () => {
      const { source, target, run } = sides(direction, `resumed-${direction}`);
      writeFileSync(source, data);
      await breakOff(home, connection, proxy, run);
      const entry = (await home.journal.list()).at(-1);
      // Of what was sent only the acknowledged counts; what was fetched is here.
      const kept = direction === "up" ? entry?.offset : statSync(`${target}.part`).size;
      expect(kept).toBeGreaterThan(MIB);
      silent();
      connection.patience = { baseMs: 20, bytesPerMs: 1e9 };
      const { events } = await run();
      expect(only(events, "start")[0]?.offset).toBe(kept);
      expect(only(events, "done")[0]?.unverified).toMatch(/in time/);
      expect(readFileSync(target).equals(data)).toBe(true);
    });

    it("is cancelled at once, and keeps what arrived", async () => {
      const { source, target, run } = sides(direction, `cancelled-${direction}`);
      writeFileSync(source, data);
      const asked = silent();
      const abort = new AbortController();
      const onEvent = ({ type }: TransferEvent): void => {
        if (type === "verifying") abort.abort(new Error("enough"));
      };
      const { events } = await run({ signal: abort.signal, onEvent });
      // The engine gives up after some seconds in any case: the file has to have said so before.
      expect(only(events, "failed")[0]).toMatchObject({ resumable: true });
      expect(asked.mock.calls.length).toBeLessThanOrEqual(1);
      expect(existsSync(target)).toBe(false);
      expect(statSync(`${target}.part`).size).toBe(data.length);
    });
  },
);
