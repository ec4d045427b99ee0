import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { MACHINES_KINDS, parseMachinesPlan } from "../../bench/machines/plan.ts";
import { machinesTable } from "../../bench/machines/report.ts";
import { stepsOf } from "../../bench/machines/steps.ts";
import { CountingProxy } from "../../support/counting-proxy.ts";

describe("the plan", () => {
  it("is by default of all kinds and as large as the help says", () => {
    expect(parseMachinesPlan([])).toEqual({
      rounds: 5,
      kinds: [...MACHINES_KINDS],
      size: 256 * 2 ** 20,
      files: 2_000,
      logins: 60,
      workers: 1,
      fsync: false,
      json: false,
    });
  });

  it.each([
    [["--rounds", "0"], "--rounds"],
    [["--workers", "65"], "--workers"],
    [["--only", "idle"], "--only"],
    [["--size", "0B"], "--size"],
  ])("refuses %j", (args, option) => {
    expect(() => parseMachinesPlan(args)).toThrow(option);
  });

  it("has steps for what is compared", () => {
    const named = (only: string) => stepsOf(parseMachinesPlan(["--only", only])).map((s) => s.name);
    expect(named("files,bulk")).toEqual(["put -r, one user", "put -r, two users", "put", "get"]);
    expect(named("trips,failover")).toEqual([]);
  });
});

it("shows medians, ratios of the same round, what was aimed at, and the worst failover", () => {
  const plan = parseMachinesPlan(["--rounds", "3"]);
  const row = { name: "put", unit: "MB/s", target: 0.95 } as const;
  const text = machinesTable({
    plan,
    inMemory: true,
    rows: [{ ...row, sqlite: [100, 200, 400], postgres: [90, 200, 100] }],
    trips: [{ operation: "stat", trips: 0 }],
    failover: [9_000, 16_000, 10_000],
  });
  expect(text).toMatch(/put +MB\/s +200 +100 +0\.90 +0\.25–1\.00 +>=0\.95 +NO/);
  expect(text).toMatch(/stat +0\.00/);
  expect(text).toMatch(/10\.0 s from .*most: 16\.0 s; target <=15 s: NO/);
});

it("counts as one round trip what is sent before an answer", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const proxy = await CountingProxy.open((server.address() as { port: number }).port);
  onTestFinished(async () => {
    await proxy.close();
    server.close();
  });
  const client = connect(proxy.port, "127.0.0.1");
  const [other] = (await once(server, "connection")) as [Socket];
  const exchange = async (...pieces: string[]): Promise<void> => {
    for (const piece of pieces) {
      client.write(piece);
      await once(other, "data");
    }
    other.write("answer");
    await once(client, "data");
  };
  await exchange("a", "b");
  expect(proxy.trips).toBe(1);
  await exchange("c");
  expect(proxy.trips).toBe(2);
  client.destroy();
});
