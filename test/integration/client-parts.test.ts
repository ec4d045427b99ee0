import { randomBytes } from "node:crypto";
import {
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { checkFit } from "../../src/cli/client/place/fit.ts";
import type { ClientConnection } from "../../src/client/remote/remote.ts";
import { openJournal } from "../../src/client/transfer/journal.ts";
import type { Direction, TransferEvent, TransferJob } from "../../src/client/types.ts";
import {
  breakOff,
  type ClientHome,
  connectClient,
  jobOf,
  makeClientHome,
  only,
  type Ran,
  transfer,
} from "../support/engine.ts";
import { type LineProxy, startProxy } from "../support/proxy.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

const MIB = 1024 * 1024;
const data = randomBytes(10 * MIB + 12_345);
const other = randomBytes(9 * MIB);

let server: TestServer;
let proxy: LineProxy;
let home: ClientHome;
let connection: ClientConnection;
let users = 0;
let there = "";

beforeAll(async () => {
  server = await startTestServer();
  proxy = await startProxy({ target: () => server.port });
});
afterAll(async () => {
  await proxy?.close();
  await server?.stop();
});
beforeEach(async () => {
  home = await makeClientHome();
  const name = `user${++users}`;
  await server.addUser({ name, keys: [home.key.public], quotaBytes: null });
  there = server.home(name);
  connection = await connectClient(home, proxy.port, name);
  for (const directory of [home.path("in"), join(there, "in")]) mkdirSync(directory);
});
afterEach(async () => {
  await connection.close();
  await home.remove();
});

type Change = Partial<TransferJob> & {
  onEvent?: (event: TransferEvent) => void;
  as?: ClientHome;
};

/** A transfer of `from/f` to `in/f` in either direction; `source` makes what is to be transferred. */
function sides(direction: Direction) {
  const up = direction === "up";
  const near = (name: string): string => home.path(name);
  const far = (name: string): string => join(there, name);
  const [at, to] = up ? [near, far] : [far, near];
  return {
    into: to("in"),
    target: to("in/f"),
    source(directory: string, bytes: Buffer | string): void {
      mkdirSync(at(directory), { recursive: true });
      writeFileSync(at(`${directory}/f`), bytes);
    },
    run(directory: string, { onEvent, as = home, ...change }: Change = {}): Promise<Ran> {
      const sources = [up ? at(`${directory}/f`) : `${directory}/f`];
      const job = { direction, sources, target: up ? "in" : to("in"), ...change };
      return transfer(as, connection, job, onEvent === undefined ? {} : { onEvent });
    },
  };
}

const OWN: [string, (path: string) => void][] = [
  ["other bytes", (path) => writeFileSync(path, "mine")],
  ["nothing", (path) => writeFileSync(path, "")],
  ["the file's own start", (path) => writeFileSync(path, data.subarray(0, 2 * MIB))],
  ["all of the file", (path) => writeFileSync(path, data)],
  ["a link's", (path) => symlinkSync("nowhere", path)],
  ["a directory's", (path) => mkdirSync(path)],
];

describe.each<Direction>(["up", "down"])("a file on its way %s beside NAME.part", (direction) => {
  it.each(OWN)("with %s leaves it as it is", async (_, make) => {
    const { source, target, into, run } = sides(direction);
    source("from", data);
    make(`${target}.part`);
    const before = lstatSync(`${target}.part`);
    const { summary } = await run("from");
    expect(summary).toMatchObject({ files: 1, failed: 0 });
    expect(readFileSync(target).equals(data)).toBe(true);
    expect(lstatSync(`${target}.part`)).toMatchObject({ ino: before.ino, mtime: before.mtime });
    expect(readdirSync(into).sort()).toEqual(["f", "f.part"]);
  });

  it("goes on under the other name after it was broken off", async () => {
    const { source, target, into, run } = sides(direction);
    source("from", data);
    writeFileSync(`${target}.part`, "mine");
    await breakOff(home, connection, proxy, () => run("from"));
    const [part, ...more] = readdirSync(into).filter((name) => name !== "f.part");
    expect(more).toEqual([]);
    expect(statSync(join(into, part ?? "")).size).toBeGreaterThan(MIB);
    const { events } = await run("from");
    expect(only(events, "start")[0]?.offset).toBeGreaterThan(MIB);
    expect(readFileSync(target).equals(data)).toBe(true);
    expect(readFileSync(`${target}.part`, "utf8")).toBe("mine");
    expect(readdirSync(into).sort()).toEqual(["f", "f.part"]);
    expect(await home.journal.list()).toEqual([]);
  });

  it("and small leaves it as it is", async () => {
    const { source, target, into, run } = sides(direction);
    source("from", "small");
    writeFileSync(`${target}.part`, "mine");
    await run("from");
    expect(readFileSync(target, "utf8")).toBe("small");
    expect(readFileSync(`${target}.part`, "utf8")).toBe("mine");
    expect(readdirSync(into).sort()).toEqual(["f", "f.part"]);
  });

  it("starts over in its own part without resume", async () => {
    const { source, target, into, run } = sides(direction);
    source("from", data);
    await breakOff(home, connection, proxy, () => run("from"));
    expect(readdirSync(into)).toEqual(["f.part"]);
    const { events } = await run("from", { resume: false });
    expect(only(events, "start")[0]?.offset).toBe(0);
    expect(readFileSync(target).equals(data)).toBe(true);
    expect(readdirSync(into)).toEqual(["f"]);
  });

  it("is out of the journal once it is there, though it became small in between", async () => {
    const { source, target, into, run } = sides(direction);
    source("from", data);
    await breakOff(home, connection, proxy, () => run("from"));
    expect(await home.journal.list()).toHaveLength(1);
    source("from", "small");
    expect((await run("from")).summary).toMatchObject({ files: 1, failed: 0 });
    expect(readFileSync(target, "utf8")).toBe("small");
    expect(readdirSync(into)).toEqual(["f"]);
    expect(await home.journal.list()).toEqual([]);
  });

  it("is out of the journal when it is found whole: its run ended behind the rename", async () => {
    const { source, target, into, run } = sides(direction);
    source("from", data);
    await breakOff(home, connection, proxy, () => run("from"));
    writeFileSync(`${target}.part`, data);
    renameSync(`${target}.part`, target);
    expect((await run("from")).summary).toMatchObject({ files: 0, skipped: 1 });
    expect(readdirSync(into)).toEqual(["f"]);
    expect(await home.journal.list()).toEqual([]);
  });

  it("goes on by itself where no journal can be written", async () => {
    const { source, target, into, run } = sides(direction);
    source("from", data);
    writeFileSync(home.path("file"), "");
    proxy.cutAfter(6 * MIB);
    const as = { ...home, journal: openJournal(home.path("file")) };
    const { events, summary } = await run("from", { as });
    expect(summary).toMatchObject({ files: 1, failed: 0 });
    expect(only(events, "start").at(-1)?.offset).toBeGreaterThan(0);
    expect(readFileSync(target).equals(data)).toBe(true);
    expect(readdirSync(into)).toEqual(["f"]);
  });
});

describe.each<Direction>(["up", "down"])("two files of one name on their way %s", (direction) => {
  /** The second starts once the first has something there. */
  async function both(second: Change): Promise<[Ran, Ran]> {
    const { source, run } = sides(direction);
    source("one", data);
    source("two", other);
    let started: Promise<Ran> | undefined;
    const onEvent = ({ type }: TransferEvent): void => {
      if (type === "progress") started ??= run("two", second);
    };
    const first = await run("one", { onEvent });
    if (started === undefined) throw new Error("the first made no progress");
    return [first, await started];
  }

  it("don't mix: the second is told who is at it", async () => {
    const { target, into } = sides(direction);
    const [first, second] = await both({});
    expect(first.summary).toMatchObject({ files: 1, failed: 0 });
    expect(only(second.events, "failed")[0]?.message).toMatch(
      new RegExp(`/f: process ${process.pid} transfers this file now$`),
    );
    expect(readFileSync(target).equals(data)).toBe(true);
    expect(readdirSync(into)).toEqual(["f"]);
  });

  it("don't mix, where they know nothing of each other", async () => {
    const { target, into } = sides(direction);
    const as = { ...home, journal: openJournal(home.path("other-state")) };
    for (const { summary } of await both({ as, resume: false }))
      expect(summary).toMatchObject({ files: 1, failed: 0 });
    const whole = readFileSync(target);
    expect(whole.equals(data) || whole.equals(other)).toBe(true);
    expect(readdirSync(into)).toEqual(["f"]);
  });

  it("don't mix after the first was broken off", async () => {
    const { source, target, into, run } = sides(direction);
    source("one", data);
    source("two", other);
    await breakOff(home, connection, proxy, () => run("one"));
    await run("two");
    expect(readFileSync(target).equals(other)).toBe(true);
    const { events } = await run("one", { resume: true });
    expect(only(events, "start")[0]?.offset).toBeGreaterThan(MIB);
    expect(readFileSync(target).equals(data)).toBe(true);
    expect(readdirSync(into)).toEqual(["f"]);
  });
});

describe("an upload that was broken off", () => {
  it.each(["in", "in/", "./in", "/in", "in/f"])(
    "to %s still fits, for it is half there",
    async (target) => {
      const name = `user${++users}`;
      await server.addUser({ name, keys: [home.key.public], quotaBytes: 13 * MIB });
      await connection.close();
      connection = await connectClient(home, proxy.port, name);
      there = server.home(name);
      mkdirSync(join(there, "in"));
      const { source, run } = sides("up");
      source("from", data);
      // So that it has another name on the way.
      writeFileSync(join(there, "in/f.part"), "mine");
      await breakOff(home, connection, proxy, () => run("from", { target }));
      const job = jobOf({ direction: "up", sources: [home.path("from/f")], target });
      const { signal } = new AbortController();
      const begun = await home.journal.list(connection.server);
      expect((await checkFit(connection, job, [], signal)).refused).toMatch(/more must be free/);
      expect((await checkFit(connection, job, begun, signal)).refused).toBeUndefined();
      const { events } = await run("from", { target });
      expect(only(events, "start")[0]?.offset).toBeGreaterThan(MIB);
      expect(readFileSync(join(there, "in/f")).equals(data)).toBe(true);
    },
  );
});

describe("a part that somebody replaces by a file of his own", () => {
  it("is not taken for what was fetched, and stays", async () => {
    const { source, into, run } = sides("down");
    source("from", data);
    let part = "";
    const onEvent = ({ type }: TransferEvent): void => {
      if (type !== "verifying") return;
      [part = ""] = readdirSync(into);
      writeFileSync(join(into, "new"), "mine");
      renameSync(join(into, "new"), join(into, part));
    };
    const { events } = await run("from", { onEvent });
    expect(part).toMatch(/\.part$/);
    expect(only(events, "failed")[0]?.message).toContain(`${part} was replaced meanwhile`);
    expect(readdirSync(into)).toEqual([part]);
    expect(readFileSync(join(into, part), "utf8")).toBe("mine");
  });
});

describe.each<Direction>(["up", "down"])("a damaged file on its way %s", (direction) => {
  it("is not kept in place of somebody's own NAME.corrupt", async () => {
    const { source, target, into, run } = sides(direction);
    source("from", data);
    writeFileSync(`${target}.corrupt`, "mine");
    const onEvent = ({ type }: TransferEvent): void => {
      if (type !== "verifying") return;
      const file = direction === "up" ? `${target}.part` : join(there, "from/f");
      const bytes = readFileSync(file);
      bytes[5] = (bytes[5] as number) ^ 1;
      writeFileSync(file, bytes);
    };
    const { events } = await run("from", { onEvent });
    expect(only(events, "failed")[0]?.message).toMatch(/differs.*kept as \.[0-9a-f]{12}\.corrupt/);
    expect(readFileSync(`${target}.corrupt`, "utf8")).toBe("mine");
    expect(readdirSync(into)).toHaveLength(2);
  });
});

describe("a file here that has another name, too", () => {
  it("attack: is not written through the name of a part that the journal knows", async () => {
    const { source, target, run } = sides("down");
    source("from", data);
    await breakOff(home, connection, proxy, () => run("from"));
    const part = `${target}.part`;
    const left = readFileSync(part);
    linkSync(part, home.path("another name"));
    const { summary } = await run("from");
    expect(summary).toMatchObject({ files: 1, failed: 0 });
    expect(readFileSync(target).equals(data)).toBe(true);
    expect(readFileSync(home.path("another name")).equals(left)).toBe(true);
  });

  it("keeps what it is under the other name when the one there has grown", async () => {
    const { source, target, run } = sides("down");
    source("from", data);
    writeFileSync(target, data.subarray(0, 3 * MIB));
    linkSync(target, home.path("snapshot"));
    const { summary } = await run("from");
    expect(summary).toMatchObject({ files: 1, failed: 0 });
    expect(readFileSync(target).equals(data)).toBe(true);
    expect(readFileSync(home.path("snapshot")).equals(data.subarray(0, 3 * MIB))).toBe(true);
  });
});
