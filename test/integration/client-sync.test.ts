import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { ClientConnection } from "../../src/client/remote/remote.ts";
import type { Direction, TransferJob } from "../../src/client/types.ts";
import {
  type ClientHome,
  connectClient,
  makeClientHome,
  only,
  type Ran,
  transfer,
} from "../support/engine.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

let home: ClientHome;
let server: TestServer;
let connection: ClientConnection;
let there: string;
let users = 0;

beforeAll(async () => {
  home = await makeClientHome();
  server = await startTestServer();
});

beforeEach(async () => {
  const name = `user${++users}`;
  await server.addUser({ name, keys: [home.key.public] });
  there = server.home(name);
  await connection?.close();
  connection = await connectClient(home, server.port, name);
  for (const name of ["s", "t"]) rmSync(home.path(name), { recursive: true, force: true });
});

afterAll(async () => {
  await connection?.close();
  await server?.stop();
  await home?.remove();
});

const RULES = { remove: false, checksum: false };

/** Where a direction reads and writes, and a sync of what is in `s` into `t`. */
function sides(direction: Direction) {
  const up = direction === "up";
  const [source, target] = [
    up ? home.path("s") : join(there, "s"),
    up ? join(there, "t") : home.path("t"),
  ];
  mkdirSync(source);
  const run = (change: Partial<TransferJob> & { rules?: object } = {}): Promise<Ran> => {
    const { rules, ...more } = change;
    const sources = [up ? `${home.path("s")}/` : "s/"];
    return transfer(home, connection, {
      direction,
      sources,
      target: up ? "t" : home.path("t"),
      recursive: true,
      preserve: true,
      sync: { ...RULES, ...rules },
      ...more,
    });
  };
  const write = (path: string, text: string, mtime = 1_500_000_000): void => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    utimesSync(path, mtime, mtime);
  };
  return { source, target, run, write };
}

function names(top: string): string[] {
  return readdirSync(top, { recursive: true, encoding: "utf8" }).sort();
}

describe.each<Direction>(["up", "down"])("a sync %s", (direction) => {
  it("sends what differs in size or time, keeps times, and leaves all else alone", async () => {
    const { source, target, run, write } = sides(direction);
    write(join(source, "a"), "one");
    write(join(source, "d/b"), "two");
    expect((await run()).summary).toMatchObject({ files: 2, failed: 0 });
    expect(statSync(join(target, "d/b")).mtimeMs).toBe(1_500_000_000_000);
    expect((await run()).summary).toMatchObject({ files: 0, skipped: 2 });
    write(join(source, "a"), "new", 1_600_000_000);
    write(join(target, "extra"), "stays");
    expect((await run()).summary).toMatchObject({ files: 1, skipped: 1 });
    expect(readFileSync(join(target, "a"), "utf8")).toBe("new");
    expect(statSync(join(target, "a")).mtimeMs).toBe(1_600_000_000_000);
    expect(existsSync(join(target, "extra"))).toBe(true);
  });

  it("with --checksum finds what has the same size and time, and is another", async () => {
    const { source, target, run, write } = sides(direction);
    write(join(source, "a"), "one");
    write(join(target, "a"), "two");
    expect((await run()).summary).toMatchObject({ files: 0, skipped: 1 });
    expect((await run({ rules: { checksum: true } })).summary).toMatchObject({ files: 1 });
    expect(readFileSync(join(target, "a"), "utf8")).toBe("one");
  });

  it("with --delete removes what the source does not have, and nothing outside the target", async () => {
    const { source, target, run, write } = sides(direction);
    write(join(source, "d/a"), "one");
    write(join(target, "gone/deep/er"), "x");
    write(join(target, "d/gone"), "x");
    write(join(target, "kept.log"), "x");
    write(join(target, "half/kept.log"), "x");
    const outside = join(target, "../outside");
    write(join(outside, "in"), "x");
    symlinkSync("../outside", join(target, "link"));
    const { summary, events } = await run({ rules: { remove: true }, exclude: ["*.log"] });
    expect(summary).toMatchObject({ files: 1, failed: 0, deleted: 3 });
    expect(only(events, "deleted")).toHaveLength(3);
    expect(names(target)).toEqual(["d", "d/a", "half", "half/kept.log", "kept.log"]);
    expect(readFileSync(join(outside, "in"), "utf8")).toBe("x");
    expect((await run({ rules: { remove: true }, exclude: ["*.log"] })).summary.files).toBe(0);
  });

  it("with --delete removes nothing when a part of the source can't be read or sent", async () => {
    const { source, target, run, write } = sides(direction);
    write(join(source, "a"), "one");
    write(join(target, "extra"), "x");
    // Where a file is to go there is a directory.
    mkdirSync(join(target, "a"));
    const { summary } = await run({ rules: { remove: true } });
    expect(summary).toMatchObject({ files: 0, failed: 1 });
    expect(summary.deleted).toBeUndefined();
    expect(names(target)).toEqual(["a", "extra"]);
    rmSync(source, { recursive: true });
    const missing = await run({ rules: { remove: true } });
    expect(missing.summary.failed).toBe(1);
    expect(names(target)).toEqual(["a", "extra"]);
  });

  it("with --dry-run tells what it would do, and does nothing", async () => {
    const { source, target, run, write } = sides(direction);
    write(join(source, "new"), "one");
    write(join(source, "d/deep"), "two");
    write(join(source, "same"), "three");
    write(join(target, "same"), "three");
    write(join(target, "gone"), "x");
    const { events, summary } = await run({ dryRun: true, rules: { remove: true } });
    const planned = only(events, "planned").map(({ action, target: to }) => [
      action,
      to.replace(/.*\/t\//, ""),
    ]);
    expect(planned.sort()).toEqual([
      ["delete", "gone"],
      ["send", "d/deep"],
      ["send", "new"],
    ]);
    expect(summary).toMatchObject({ files: 0, failed: 0, skipped: 1 });
    expect(names(target)).toEqual(["gone", "same"]);
  });

  it("arrives whole with --limit-rate", async () => {
    const { source, target, run, write } = sides(direction);
    const bytes = Buffer.alloc(300_000, "x");
    write(join(source, "a"), bytes.toString());
    const { summary } = await run({ limitRate: 1_000_000 });
    expect(summary.files).toBe(1);
    const sum = (data: Buffer): string => createHash("sha256").update(data).digest("hex");
    expect(sum(readFileSync(join(target, "a")))).toBe(sum(bytes));
  });
});
