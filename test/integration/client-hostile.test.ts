import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Ending } from "../../src/client/types.ts";
import { tree } from "../support/desk.ts";
import {
  type ClientHome,
  connectClient,
  makeClientHome,
  only,
  type Ran,
  transfer,
} from "../support/engine.ts";
import {
  DIRECTORY,
  FILE,
  type HostileAnswers,
  type HostileEntry,
  type HostileServer,
  LINK,
  startHostileServer,
} from "../support/hostile-server.ts";

let home: ClientHome;
let server: HostileServer | undefined;

beforeEach(async () => {
  home = await makeClientHome();
  mkdirSync(home.path("outside"));
  writeFileSync(home.path("outside/kept"), "kept");
  mkdirSync(home.path("target"));
});

afterEach(async () => {
  await server?.close();
  server = undefined;
  await home.remove();
});

/** Fetches /loot with all in it into the target directory. */
async function fetchFrom(answers: HostileAnswers): Promise<Ran> {
  server = await startHostileServer(answers);
  const connection = await connectClient(home, server.port);
  connection.retry = { tries: 1, firstMs: 1, longestMs: 1 };
  try {
    return await transfer(home, connection, {
      direction: "down",
      sources: ["/loot"],
      target: home.path("target"),
      recursive: true,
    });
  } finally {
    await connection.close();
  }
}

/** One directory /loot with these entries; everything else is told as the names say. */
function loot(entries: readonly HostileEntry[]): HostileAnswers {
  return {
    list: (path) => (path === "/loot" ? entries : undefined),
    attrs: (path) => {
      if (path === "/loot") return { mode: DIRECTORY };
      return { mode: FILE };
    },
  };
}

/** Everything in the client's directory but the target and the client's own files. */
function around(): string[] {
  return readdirSync(home.directory).filter(
    (name) => !["key", "known_hosts", "state"].includes(name),
  );
}

const BAD_NAMES: [string, string][] = [
  ["goes up", "../escaped"],
  ["goes up twice", "../../escaped"],
  ["is absolute", "/tmp/moorage-escaped"],
  ["leads into a directory", "a/b"],
  ["holds a NUL", "a\0b"],
  ["is empty", ""],
];

describe("a server whose listing holds a name that", () => {
  it.each(BAD_NAMES)("%s writes nothing for it", async (_, name) => {
    const { summary, events } = await fetchFrom(
      loot([
        { name, mode: FILE },
        { name: "good", mode: FILE },
      ]),
    );
    expect(only(events, "failed")).toHaveLength(1);
    expect(summary).toMatchObject({ files: 1, failed: 1 });
    expect([...tree(home.path("target")).keys()]).toEqual(["loot", "loot/good"]);
    expect(around().sort()).toEqual(["outside", "target"]);
    expect(readdirSync(home.path("outside"))).toEqual(["kept"]);
  });

  it.each([".", ".."])("is %s as a directory with files does not lead out", async (name) => {
    const { summary } = await fetchFrom({
      list: (path) =>
        path === "/loot" ? [{ name, mode: DIRECTORY }] : [{ name: "x", mode: FILE }],
      attrs: (path) => ({ mode: path.endsWith("/x") ? FILE : DIRECTORY }),
    });
    expect(summary.files).toBe(0);
    expect([...tree(home.path("target")).keys()]).toEqual(["loot"]);
  });

  it("steers a terminal is not shown as it is", async () => {
    const { events } = await fetchFrom(loot([{ name: "\x1b]0;owned\x07/x", mode: FILE }]));
    const [failed] = only(events, "failed");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    expect(failed?.message).not.toMatch(/[\x00-\x1f]/);
  });
});

describe("a server that sends a link and then files through it", () => {
  it("gets no link made and nothing written through it", async () => {
    const { events } = await fetchFrom({
      list: (path) =>
        path === "/loot"
          ? [
              { name: "door", mode: LINK },
              { name: "door", mode: DIRECTORY },
            ]
          : [{ name: "thief", mode: FILE }],
      attrs: (path) => ({ mode: path.endsWith("thief") ? FILE : DIRECTORY }),
    });
    expect(only(events, "skipped")).toHaveLength(1);
    expect(
      [...tree(home.path("target"))].map(([name, what]) => `${name}: ${what.split(" ")[0]}`),
    ).toEqual(["loot: directory", "loot/door: directory", "loot/door/thief: file"]);
  });

  it("does not get through a link that is here already", async () => {
    mkdirSync(home.path("target/loot"));
    symlinkSync(home.path("outside"), home.path("target/loot/door"));
    const { summary } = await fetchFrom({
      list: (path) =>
        path === "/loot" ? [{ name: "door", mode: DIRECTORY }] : [{ name: "kept", mode: FILE }],
      attrs: (path) => ({ mode: path.endsWith("kept") ? FILE : DIRECTORY }),
    });
    expect(summary).toMatchObject({ files: 0, failed: 1 });
    expect(readFileSync(home.path("outside/kept"), "utf8")).toBe("kept");
    expect(readdirSync(home.path("outside"))).toEqual(["kept"]);
  });

  it("replaces a link that has the name of a file, and not what it leads to", async () => {
    mkdirSync(home.path("target/loot"));
    symlinkSync(home.path("outside/kept"), home.path("target/loot/file"));
    const { summary } = await fetchFrom(loot([{ name: "file", mode: FILE }]));
    expect(summary.files).toBe(1);
    expect(readFileSync(home.path("target/loot/file"), "utf8")).toBe("evil");
    expect(readFileSync(home.path("outside/kept"), "utf8")).toBe("kept");
  });

  it("does not write through a link that has the name of a part", async () => {
    mkdirSync(home.path("target/loot"));
    symlinkSync(home.path("outside/kept"), home.path("target/loot/file.part"));
    const { summary } = await fetchFrom(loot([{ name: "file", mode: FILE }]));
    expect(summary).toMatchObject({ files: 1, failed: 0 });
    expect(readFileSync(home.path("target/loot/file"), "utf8")).toBe("evil");
    expect(readFileSync(home.path("outside/kept"), "utf8")).toBe("kept");
    expect(readdirSync(home.path("target/loot")).sort()).toEqual(["file", "file.part"]);
  });
});

describe("a server that wears the client out", () => {
  it("with a tree without end is stopped", async () => {
    const { summary } = await fetchFrom({
      list: () => [{ name: "d", mode: DIRECTORY }],
      attrs: () => ({ mode: DIRECTORY }),
    });
    expect(summary).toMatchObject({ files: 0, failed: 1 });
  });

  it("by sending more than it was asked for loses its connection", async () => {
    const answers = loot([{ name: "file", mode: FILE, size: 4 }]);
    const { events } = await fetchFrom({ ...answers, read: () => Buffer.alloc(100_000) });
    expect(only(events, "failed")[0]?.message).toMatch(/too much data/);
    expect(only(events, "reconnected").length).toBeGreaterThan(0);
  });

  it("by crumbs behind a gap loses its connection", async () => {
    const file = [{ name: "file", mode: FILE, size: 16 * 1024 * 1024 }];
    const read = (_path: string, offset: number) => (offset === 0 ? undefined : Buffer.alloc(1));
    const withheld = { ...loot(file), read, silent: (offset: number) => offset === 0 };
    const { events } = await fetchFrom(withheld);
    expect(only(events, "reconnecting")[0]?.reason).toMatch(/too many small pieces/);
    expect(only(events, "failed")).toHaveLength(1);
  });

  it("by taking packets of nothing, for which it would loop for ever, is refused", async () => {
    server = await startHostileServer({ ...loot([]), packetSize: 0 });
    await expect(connectClient(home, server.port)).rejects.toThrow(
      "the server takes too small packets",
    );
  });

  it("by a file that ends early fails that file", async () => {
    const { events } = await fetchFrom(loot([{ name: "file", mode: FILE, size: 4_000_000 }]));
    expect(only(events, "failed")[0]?.message).toMatch(/shorter/);
  });
});

describe("a server that lets nobody make new files", () => {
  it("gets the old file written over in its place", async () => {
    const written = new Map<string, string>();
    server = await startHostileServer({
      list: () => undefined,
      attrs: (path) => (path === "/old" ? { mode: FILE } : undefined),
      denies: (path) => path !== "/old",
      written: (path, _offset, data) => written.set(path, data.toString()).has(path),
    });
    writeFileSync(home.path("outside/kept"), "new!");
    const connection = await connectClient(home, server.port);
    const job = { direction: "up", sources: [home.path("outside/kept")], target: "/old" } as const;
    const { events, summary } = await transfer(home, connection, { ...job, resume: false });
    expect(only(events, "failed")).toEqual([]);
    expect(summary.files).toBe(1);
    expect([...written]).toEqual([["/old", "new!"]]);
    await connection.close();
  });
});

it("a server that isn't ours ends a connection: its words are shown, made safe, and the client comes again", async () => {
  server = await startHostileServer(loot([]));
  const connection = await connectClient(home, server.port);
  try {
    const ended = new Promise<Ending>((resolve) => {
      connection.onEnd = resolve;
    });
    server.dismiss(`Bye\u001b[2J\n${"!".repeat(1000)}`);
    const { reason, final } = await ended;
    expect(final).toBe(false);
    expect(reason).toMatch(/^the server says: Bye\\x1b\[2J !+$/);
    expect(reason.length).toBeLessThan(330);
    expect((await connection.stat("/loot")).type).toBe("directory");
  } finally {
    await connection.close();
  }
});

it("a server that says goodbye and keeps the line has no more than a second to close it", async () => {
  server = await startHostileServer(loot([]));
  const connection = await connectClient(home, server.port);
  try {
    const ended = new Promise<Ending>((resolve) => {
      connection.onEnd = resolve;
    });
    server.dismiss("Bye", true);
    expect((await ended).reason).toBe("the server says: Bye");
    expect((await connection.stat("/loot")).type).toBe("directory");
  } finally {
    await connection.close();
  }
});
