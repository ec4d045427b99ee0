import { randomBytes } from "node:crypto";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { ClientConnection } from "../../src/client/remote/remote.ts";
import type { Direction, TransferEvent, TransferJob } from "../../src/client/types.ts";
import { tree } from "../support/desk.ts";
import {
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
/** Of what was carried so far a window's worth may be lost: 4 MiB at this point. */
const CUT = 6 * MIB;

const data = randomBytes(10 * MIB + 12_345);

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
  await newUser();
});
afterEach(async () => {
  await connection.close();
  await home.remove();
});

async function newUser(quotaBytes: number | null = null): Promise<void> {
  await connection?.close();
  const name = `user${++users}`;
  await server.addUser({ name, keys: [home.key.public], quotaBytes });
  there = server.home(name);
  connection = await connectClient(home, proxy.port, name);
}

type Change = Partial<TransferJob> & { signal?: AbortSignal; onProgress?: () => void };

function options({ signal, onProgress }: Change) {
  const onEvent = (event: TransferEvent): void => {
    if (event.type === "progress") onProgress?.();
  };
  return signal === undefined ? { onEvent } : { signal, onEvent };
}

/** What is in a directory, without the directory itself. */
function contents(path: string, { recursive }: Change): string {
  return recursive ? `${path}/` : path;
}

function put(name: string, change: Change = {}): Promise<Ran> {
  const sources = [contents(home.path(name), change)];
  const job = { direction: "up", sources, target: name, ...change } as const;
  return transfer(home, connection, job, options(change));
}

function get(name: string, change: Change = {}): Promise<Ran> {
  const sources = [contents(name, change)];
  const job = { direction: "down", sources, target: home.path(name), ...change } as const;
  return transfer(home, connection, job, options(change));
}

/** The same transfer in either direction: where it reads, where it writes, and how to run it. */
function sides(direction: Direction) {
  const up = direction === "up";
  return {
    source: up ? home.path("f") : join(there, "f"),
    target: up ? join(there, "f") : home.path("f"),
    run: (change: Change = {}): Promise<Ran> => (up ? put("f", change) : get("f", change)),
  };
}

/** Runs a transfer and ends it by the person once so many bytes are there. */
async function runUntil(
  bytes: number,
  run: (change: Change) => Promise<Ran>,
  target: string,
): Promise<void> {
  proxy.cutAfter(bytes);
  connection.retry = { tries: 0, firstMs: 1, longestMs: 1 };
  await run({}).catch(() => {});
  connection.retry = { tries: 60, firstMs: 20, longestMs: 500 };
  expect(existsSync(target)).toBe(false);
  expect(statSync(`${target}.part`).size).toBeGreaterThan(MIB);
}

describe.each<Direction>(["up", "down"])("a file on its way %s", (direction) => {
  it.each([10, 2 * MIB])("of %d bytes leaves alone what is called NAME.part", async (size) => {
    const { source, target, run } = sides(direction);
    const [whole, other] = [randomBytes(size), randomBytes(size)];
    mkdirSync(source);
    writeFileSync(join(source, "film"), whole);
    writeFileSync(join(source, "film.part"), other);
    for (const copy of [target, join(target, "f")]) {
      const from = direction === "up" ? source : "f";
      const sources = [copy === target ? `${from}/` : from];
      const { summary } = await run({ sources, recursive: true });
      expect(summary).toMatchObject({ files: 2, failed: 0 });
      expect(tree(copy)).toEqual(tree(source));
    }
    // The same one by one: over what is there, beside the other.
    rmSync(join(target, "film"));
    const from = direction === "up" ? join(source, "film") : "f/film";
    expect((await run({ sources: [from] })).summary).toMatchObject({ files: 1, failed: 0 });
    rmSync(join(target, "f"), { recursive: true });
    expect(tree(target)).toEqual(tree(source));
  });

  it("arrives whole and verified, in one piece", async () => {
    const { source, target, run } = sides(direction);
    writeFileSync(source, data);
    const { summary, events } = await run();
    expect(readFileSync(target).equals(data)).toBe(true);
    expect(summary).toMatchObject({ files: 1, failed: 0, skipped: 0, bytes: data.length });
    expect(only(events, "done")[0]?.hash?.name).toBe("blake3");
    const positions = only(events, "progress").map(({ bytes }) => bytes);
    expect(positions).toEqual([...positions].sort((a, b) => a - b));
    expect(positions.at(-1)).toBe(data.length);
    expect(existsSync(`${target}.part`)).toBe(false);
  });

  it.each([0, 1, 32_768, 261_120, 261_121])("of %d bytes arrives", async (size) => {
    const { source, target, run } = sides(direction);
    writeFileSync(source, data.subarray(0, size));
    expect((await run()).summary).toMatchObject({ files: 1, failed: 0 });
    expect(readFileSync(target).equals(data.subarray(0, size))).toBe(true);
  });

  it("keeps its times and mode with preserve", async () => {
    const { source, target, run } = sides(direction);
    writeFileSync(source, "x");
    chmodSync(source, 0o640);
    utimesSync(source, 1_000_000_000, 1_100_000_000);
    await run({ preserve: true });
    expect(statSync(target).mode & 0o777).toBe(0o640);
    expect(statSync(target).mtimeMs).toBe(1_100_000_000_000);
  });

  it.each([true, false])("keeps its directories' modes, with preserve %s", async (preserve) => {
    const { source, target, run } = sides(direction);
    const modes = [0o700, 0o555, 0o750, 0o711];
    mkdirSync(source, { mode: 0o700 });
    for (const mode of modes) {
      const path = join(source, mode.toString(8));
      mkdirSync(join(path, "in"), { recursive: true, mode: 0o700 });
      writeFileSync(join(path, "in/f"), "x");
      chmodSync(path, mode);
      utimesSync(path, 1_000_000_000, 1_100_000_000);
    }
    const { summary } = await run({ recursive: true, preserve });
    expect(summary).toMatchObject({ files: modes.length, failed: 0 });
    expect(statSync(target).mode & 0o777).toBe(0o700);
    for (const mode of modes) {
      const { mode: copied, mtimeMs } = statSync(join(target, mode.toString(8)));
      const expected = preserve ? mode : mode & ~process.umask();
      expect((copied & 0o777).toString(8)).toBe(expected.toString(8));
      expect(statSync(join(target, mode.toString(8), "in")).mode & 0o777).toBe(0o700);
      expect(mtimeMs === 1_100_000_000_000).toBe(preserve);
    }
    for (const top of [source, target]) chmodSync(join(top, "555"), 0o700);
  });

  it("goes into a directory when its target ends in a slash", async () => {
    const { source, target, run } = sides(direction);
    const slashed = (name: string): string => (direction === "up" ? name : home.path(name));
    const of = (name: string): string => join(target, "..", name);
    writeFileSync(source, "new");
    await run({ target: `${slashed("made/deeper")}/` });
    expect(readFileSync(of("made/deeper/f"), "utf8")).toBe("new");
    writeFileSync(of("other"), "old");
    await expect(run({ target: `${slashed("other")}/` })).rejects.toThrow(
      /other\/: is not a directory$/,
    );
    expect(readFileSync(of("other"), "utf8")).toBe("old");
  });

  it("goes into a directory beside others, which is made", async () => {
    const { source, run } = sides(direction);
    writeFileSync(source, "x");
    const other = direction === "up" ? home.path("g") : join(there, "g");
    writeFileSync(other, "y");
    const sources = direction === "up" ? [source, other] : ["f", "g"];
    const target = direction === "up" ? "/d" : home.path("d");
    expect((await run({ sources, target })).summary).toMatchObject({ files: 2, failed: 0 });
    const into = direction === "up" ? join(there, "d") : target;
    expect(readdirSync(into)).toEqual(["f", "g"]);
    rmSync(into, { recursive: true });
    writeFileSync(into, "x");
    await expect(run({ sources, target })).rejects.toThrow(`${target}: is not a directory`);
  });

  it("follows rsync's rule, whether the target is there or not, again and again", async () => {
    const { source, target, run } = sides(direction);
    mkdirSync(join(source, "deep"), { recursive: true });
    writeFileSync(join(source, "deep/in"), "in");
    const whole = direction === "up" ? source : "f";
    for (const [from, path] of [
      [whole, "to/f"],
      [`${whole}/`, "to"],
      [`${whole}/.`, "to"],
    ] as const) {
      const to = join(target, "../to");
      for (const already of [false, true]) {
        const place = direction === "up" ? "to" : home.path("to");
        const { summary } = await run({ sources: [from], target: place, recursive: true });
        expect(summary).toMatchObject(already ? { files: 0, skipped: 1 } : { files: 1 });
        expect(tree(join(target, "..", path))).toEqual(tree(source));
      }
      rmSync(to, { recursive: true });
    }
  });

  it("replaces what is there only once it is whole", async () => {
    const { source, target, run } = sides(direction);
    writeFileSync(source, data);
    writeFileSync(target, "old");
    chmodSync(target, 0o604);
    proxy.cutAfter(CUT);
    connection.retry = { tries: 0, firstMs: 1, longestMs: 1 };
    await run().catch(() => {});
    expect(readFileSync(target, "utf8")).toBe("old");
    connection.retry = { tries: 60, firstMs: 20, longestMs: 500 };
    await run();
    expect(readFileSync(target).equals(data)).toBe(true);
    expect(statSync(target).mode & 0o777).toBe(0o604);
  });

  it("goes on by itself when the line is cut", async () => {
    const { source, target, run } = sides(direction);
    writeFileSync(source, data);
    proxy.cutAfter(CUT);
    const { events, summary } = await run();
    expect(summary).toMatchObject({ files: 1, failed: 0 });
    expect(readFileSync(target).equals(data)).toBe(true);
    expect(only(events, "reconnected")).toHaveLength(1);
    expect(only(events, "start").at(-1)?.offset).toBeGreaterThan(0);
  });

  it("goes on by itself when the line died without a word", async () => {
    const { source, target, run } = sides(direction);
    writeFileSync(source, data);
    connection.liveness = { intervalMs: 300, tries: 4 };
    let frozen = false;
    const { summary } = await transferFrozen(run, () => {
      if (!frozen) proxy.freeze();
      frozen = true;
    });
    expect(summary).toMatchObject({ files: 1, failed: 0 });
    expect(readFileSync(target).equals(data)).toBe(true);
  });

  it("goes on with the same command where it was", async () => {
    const { source, target, run } = sides(direction);
    writeFileSync(source, data);
    await runUntil(CUT, run, target);
    expect(await home.journal.list(connection.server)).toHaveLength(1);
    const { events } = await run();
    expect(readFileSync(target).equals(data)).toBe(true);
    expect(only(events, "start")[0]?.offset).toBeGreaterThan(MIB);
    expect(await home.journal.list()).toEqual([]);
  });

  it("starts over when the person wants it so", async () => {
    const { source, target, run } = sides(direction);
    writeFileSync(source, data);
    await runUntil(CUT, run, target);
    const { events } = await run({ resume: false });
    expect(only(events, "start")[0]).toMatchObject({ offset: 0 });
    expect(readFileSync(target).equals(data)).toBe(true);
    expect(await home.journal.list()).toEqual([]);
  });

  it("starts over when the first part was tampered with, and says so", async () => {
    const { source, target, run } = sides(direction);
    writeFileSync(source, data);
    await runUntil(CUT, run, target);
    const part = readFileSync(`${target}.part`);
    part[1000] = (part[1000] as number) ^ 1;
    writeFileSync(`${target}.part`, part);
    const { events } = await run();
    expect(only(events, "start")[0]).toMatchObject({ offset: 0 });
    expect(only(events, "start")[0]?.restarted).toMatch(/differs/);
    expect(readFileSync(target).equals(data)).toBe(true);
  });

  it("starts over when the source has changed in between, and says so", async () => {
    const { source, target, run } = sides(direction);
    writeFileSync(source, data);
    await runUntil(CUT, run, target);
    const changed = Buffer.from(data).reverse();
    writeFileSync(source, changed);
    utimesSync(source, 1_200_000_000, 1_200_000_000);
    const { events } = await run();
    expect(only(events, "start")[0]?.restarted).toMatch(/has changed/);
    expect(readFileSync(target).equals(changed)).toBe(true);
  });

  it("that is there already is not transferred again by resume", async () => {
    const { source, target, run } = sides(direction);
    writeFileSync(source, data);
    writeFileSync(target, data);
    const { summary, events } = await run({ resume: true });
    expect(summary).toMatchObject({ files: 0, skipped: 1 });
    expect(only(events, "skipped")[0]?.reason).toMatch(/already/);
    expect(only(events, "skipped")[0]?.size).toBe(data.length);
  });

  it("that another program left unfinished under its own name is continued by resume", async () => {
    const { source, target, run } = sides(direction);
    writeFileSync(source, data);
    writeFileSync(target, data.subarray(0, 2 * MIB));
    const { events } = await run({ resume: true });
    expect(only(events, "start")[0]?.offset).toBe(2 * MIB);
    expect(readFileSync(target).equals(data)).toBe(true);
  });

  it("stays resumable when the person gives up", async () => {
    const { source, target, run } = sides(direction);
    writeFileSync(source, data);
    const abort = new AbortController();
    const { summary, events } = await run({
      signal: abort.signal,
      onProgress: () => abort.abort(),
    });
    expect(summary).toMatchObject({ files: 0, failed: 1 });
    expect(only(events, "failed")[0]).toMatchObject({ resumable: true });
    expect(only(events, "failed")[0]?.message).toMatch(/cancelled/);
    expect((await run()).summary.files).toBe(1);
    expect(readFileSync(target).equals(data)).toBe(true);
  });

  it("has a name that is no text, and keeps it", async () => {
    const name = Buffer.from([0x66, 0xff, 0x20, 0x27]);
    const near = join(home.directory, "tree");
    mkdirSync(near);
    const place = direction === "up" ? near : join(there, "tree");
    if (direction === "down") mkdirSync(place);
    writeFileSync(Buffer.concat([Buffer.from(`${place}/`), name]), "odd");
    if (direction === "up") await put("tree", { recursive: true });
    else await get("tree", { recursive: true, target: home.path("copy") });
    const copy = direction === "up" ? join(there, "tree") : home.path("copy");
    expect([...tree(copy).keys()]).toEqual([name.toString("latin1")]);
  });

  it("in a tree arrives with all others, several at once", async () => {
    const top = direction === "up" ? home.path("tree") : join(there, "tree");
    for (let d = 0; d < 5; d++) {
      mkdirSync(join(top, `d${d}/e`), { recursive: true });
      for (let f = 0; f < 20; f++) writeFileSync(join(top, `d${d}/e/f${f}`), randomBytes(f * 50));
    }
    symlinkSync("d0/e/f1", join(top, "link"));
    symlinkSync("..", join(top, "loop"));
    const { summary, events } = await (direction === "up"
      ? put("tree", { recursive: true, parallel: 4 })
      : get("tree", { recursive: true, parallel: 4 }));
    expect(summary).toMatchObject({ files: 101, failed: 0, skipped: 1 });
    expect(only(events, "totals").at(-1)).toMatchObject({ files: 102, final: true });
    const copy = tree(direction === "up" ? join(there, "tree") : home.path("tree"));
    expect(copy.get("link")).toMatch(/^file/);
    for (const [name, what] of tree(top))
      if (!/link|loop/.test(name)) expect(copy.get(name)).toBe(what);
  });
});

async function transferFrozen(
  run: (change: Change) => Promise<Ran>,
  freeze: () => void,
): Promise<Ran> {
  const watch = setInterval(() => {
    if (proxy.bytes > begin + 2 * MIB) freeze();
  }, 1);
  const begin = proxy.bytes;
  try {
    return await run({});
  } finally {
    clearInterval(watch);
  }
}

describe("an upload", () => {
  it("that can't fit is refused before its first byte, with the figures", async () => {
    await newUser(2 * MIB);
    writeFileSync(home.path("f"), data);
    const { events } = await put("f");
    expect(only(events, "failed")[0]?.message).toBe(
      `/f: does not fit: ${data.length} bytes needed, ${2 * MIB} free`,
    );
    expect(readdirSync(there)).toEqual([]);
  });

  it("fits in place of what it replaces, when not beside it", async () => {
    await newUser(15 * MIB);
    writeFileSync(home.path("f"), data);
    await put("f");
    const other = Buffer.from(data).reverse();
    writeFileSync(home.path("f"), other);
    const { summary } = await put("f");
    expect(summary.files).toBe(1);
    expect(readFileSync(join(there, "f")).equals(other)).toBe(true);
  });

  it("over the quota tells used, limit and needed, and the others go on", async () => {
    await newUser(300_000);
    mkdirSync(home.path("tree"));
    writeFileSync(home.path("tree/big"), data.subarray(0, 900_000));
    writeFileSync(home.path("tree/small"), "small");
    const { summary, events } = await put("tree", { recursive: true, parallel: 1 });
    expect(summary).toMatchObject({ files: 1, failed: 1 });
    expect(only(events, "failed")[0]?.message).toMatch(
      /big.*Quota exceeded: .* of 300000 bytes used/,
    );
    expect(readFileSync(join(there, "tree/small"), "utf8")).toBe("small");
    expect(readdirSync(join(there, "tree"))).toEqual(["small"]);
  });

  it("follows a link at its target, and leaves the link", async () => {
    writeFileSync(join(there, "real"), "old");
    symlinkSync("real", join(there, "f"));
    writeFileSync(home.path("f"), "new");
    await put("f");
    expect(lstatSync(join(there, "f")).isSymbolicLink()).toBe(true);
    expect(readFileSync(join(there, "real"), "utf8")).toBe("new");
  });
});

describe("what can't be transferred", () => {
  const failures = async (ran: Promise<Ran>): Promise<string[]> =>
    only((await ran).events, "failed").map(({ message }) => message);

  it("is told in one line with its name, and the others go on", async () => {
    writeFileSync(join(there, "good"), "good");
    mkdirSync(join(there, "directory"));
    mkdirSync(home.path("into"));
    const ran = await get("", {
      sources: ["missing", "directory", "good"],
      target: home.path("into"),
    });
    expect(ran.summary).toMatchObject({ files: 1, failed: 2, skipped: 0 });
    expect(only(ran.events, "failed").map(({ message }) => message)).toEqual([
      "/missing: no such file or directory",
      "directory: is a directory (-r fetches it with all in it)",
    ]);
    expect(readFileSync(home.path("into/good"), "utf8")).toBe("good");
  });

  it("because it is a directory or a device, and was named", async () => {
    expect(
      await failures(put("f", { sources: [home.directory, "/dev/null"], target: "/" })),
    ).toEqual([
      `${home.directory}: is a directory (-r sends it with all in it)`,
      "/dev/null: is not a file",
    ]);
    symlinkSync("/dev/null", home.path("null"));
    mkdirSync(home.path("tree"));
    symlinkSync("/dev/null", home.path("tree/null"));
    const ran = await put("tree", { recursive: true });
    expect(ran.summary).toMatchObject({ files: 0, failed: 0, skipped: 1 });
  });

  it("because the local name is in use by a directory", async () => {
    writeFileSync(join(there, "f"), "x");
    mkdirSync(home.path("in/f"), { recursive: true });
    const lines = await failures(get("f", { target: home.path("in") }));
    expect(lines).toEqual([`${home.path("in/f")}: is a directory here`]);
  });

  it("because the remote name is too long", async () => {
    writeFileSync(home.path("f"), "x");
    await expect(put("f", { target: "n".repeat(300) })).rejects.toThrow(/^\/n{300}: /);
  });

  it("because the local file is missing", async () => {
    expect(await failures(put("nothing"))).toEqual([
      `${home.path("nothing")}: no such file or directory`,
    ]);
  });
});

describe("two that transfer the same file", () => {
  it("don't mix their bytes: the second is told who is at it", async () => {
    writeFileSync(home.path("f"), data);
    const key = { direction: "up", server: connection.server, source: home.path("f") } as const;
    const claim = await home.journal.claim({ ...key, target: "/f" });
    if (typeof claim === "number") throw new Error("claimed by somebody");
    const { events } = await put("f");
    expect(only(events, "failed")[0]?.message).toContain(`process ${process.pid} transfers`);
    claim.release();
    expect((await put("f")).summary.files).toBe(1);
  });
});

describe("a file that was damaged on its way", () => {
  it("is kept aside and reported", async () => {
    writeFileSync(home.path("f"), data);
    const damage = (event: TransferEvent): void => {
      if (event.type !== "verifying") return;
      // The server asks the disk, so what changes now it sees.
      const part = join(there, "f.part");
      const bytes = readFileSync(part);
      bytes[5] = (bytes[5] as number) ^ 1;
      writeFileSync(part, bytes);
    };
    const { summary, events } = await transfer(
      home,
      connection,
      { direction: "up", sources: [home.path("f")], target: "f" },
      { onEvent: damage },
    );
    expect(summary).toMatchObject({ files: 0, failed: 1 });
    expect(only(events, "failed")[0]?.message).toMatch(/differs.*f\.corrupt/);
    expect(readdirSync(there)).toEqual(["f.corrupt"]);
  });

  it("by somebody who writes to it meanwhile fails", async () => {
    writeFileSync(home.path("f"), data);
    let done = false;
    const { events } = await transfer(
      home,
      connection,
      { direction: "up", sources: [home.path("f")], target: "f", verify: false },
      {
        onEvent: (event) => {
          if (event.type === "progress" && !done) appendFileSync(home.path("f"), "more");
          done ||= event.type === "progress";
        },
      },
    );
    expect(only(events, "failed")[0]?.message).toMatch(/changed while it was transferred/);
    expect(readdirSync(there)).toEqual([]);
  });
});

describe("a tree deeper than any path leads", () => {
  it.each(["up", "down"] as const)(
    "goes %s as deep as paths lead, and the rest is told",
    async (direction) => {
      const { source, target, run } = sides(direction);
      let path = source;
      for (let level = 0; level < 300; level += 1) {
        mkdirSync(path);
        if (level % 100 === 50) writeFileSync(join(path, "file"), `${level}`);
        path += "/d";
      }
      const { summary } = await run({ recursive: true });
      expect(summary).toMatchObject({ files: 3, failed: 1 });
      for (const level of [50, 150, 250]) {
        expect(readFileSync(join(target, "d/".repeat(level), "file"), "utf8")).toBe(`${level}`);
      }
    },
  );
});

describe("a person who gives up on small files", () => {
  it.each(["start", "progress"])("at their %s leaves nothing of them there", async (type) => {
    mkdirSync(home.path("tree"));
    for (let f = 0; f < 50; f++) writeFileSync(home.path(`tree/f${f}`), randomBytes(200_000));
    const operations = await connection.live();
    const remove = operations.remove.bind(operations);
    let removals = 0;
    // A job that does not wait for the removals is over long before them.
    operations.remove = async (path) => {
      for (let turns = 0; turns < 5_000; turns += 1) await setImmediate();
      removals += 1;
      return remove(path);
    };
    const abort = new AbortController();
    const onEvent = (event: TransferEvent): void => {
      if (event.type === type) abort.abort();
    };
    const sources = [`${home.path("tree")}/`];
    const job = { direction: "up", sources, target: "tree", recursive: true, parallel: 4 } as const;
    // However slow the machine is: the job does not lose patience with the server.
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { summary } = await transfer(home, connection, job, {
      signal: abort.signal,
      onEvent,
    }).finally(() => vi.useRealTimers());
    expect(summary.files).toBeLessThan(50);
    expect(removals).toBeGreaterThan(0);
    expect(readdirSync(join(there, "tree")).filter((name) => name.endsWith(".part"))).toEqual([]);
  });
});

describe("a person who gives up while there is no connection", () => {
  it("is not kept waiting for one", async () => {
    writeFileSync(home.path("f"), data);
    connection.retry = { tries: 10, firstMs: 600_000, longestMs: 600_000 };
    proxy.cutAfter(CUT);
    const abort = new AbortController();
    const onEvent = (event: TransferEvent): void => {
      if (event.type === "reconnecting") abort.abort();
    };
    const job = { direction: "up", sources: [home.path("f")], target: "f" } as const;
    const { summary } = await transfer(home, connection, job, { signal: abort.signal, onEvent });
    expect(summary.files).toBe(0);
    expect(await home.journal.list(connection.server)).toHaveLength(1);
  });
});
