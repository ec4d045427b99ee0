import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { COMMANDS, commandNames } from "../../../../../src/cli/client/commands/all.ts";
import { connect } from "../../../../../src/cli/client/connect.ts";
import { Completion } from "../../../../../src/cli/client/shell/complete.ts";
import { History } from "../../../../../src/cli/client/shell/history.ts";
import { Interrupts } from "../../../../../src/cli/client/shell/interrupts.ts";
import { RemoteShell } from "../../../../../src/cli/client/shell/remote-shell.ts";
import { runLine } from "../../../../../src/cli/client/shell/shell.ts";
import { LoginError } from "../../../../../src/client/errors.ts";
import { MOST_SPACES } from "../../../../../src/sftp/wire/spaces.ts";
import { ClientRun } from "../../../../support/client-run.ts";
import { FakeEngine, unfinished } from "../fake-engine.ts";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "moorage-shell-"));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

interface Desk {
  readonly shell: RemoteShell;
  readonly run: ClientRun;
}

async function open(engine: FakeEngine): Promise<Desk> {
  const run = new ClientRun(engine);
  const { output, interrupts } = run.around;
  const connection = await engine.open({}, run.around.person);
  const shell = new RemoteShell(
    { engine, connection, output, interrupts },
    "/home",
    directory,
    "auto",
  );
  return { shell, run };
}

describe("commands", () => {
  it("have a line each that fits on a terminal, their meanings below each other", async () => {
    const { shell, run } = await open(new FakeEngine());
    await runLine(shell, "help");
    const lines = run.written.text.trimEnd().split("\n");
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    const rows = lines.slice(0, -1);
    expect(rows.filter((line) => !/^.{11} \S/.test(line))).toEqual([]);
  });

  it("all have a short help that is true to their name and aliases", async () => {
    const { shell, run } = await open(new FakeEngine());
    for (const name of commandNames()) {
      run.written.text = "";
      expect(await runLine(shell, `'${name}' --help`)).toBe("done");
      expect(run.written.text).toMatch(/^usage: \S+/);
      expect(run.written.text.split("\n").length).toBeLessThan(12);
    }
    const wanted =
      "ls cd pwd mkdir rmdir rm get put reget reput mv df quota md5 sha256 lcd lls lpwd resume " +
      "forget unfinished help exit dir delete remove upload download resume_upload bye quit";
    expect(commandNames()).toEqual(expect.arrayContaining(wanted.split(" ")));
    await runLine(shell, "help");
    for (const { name } of COMMANDS) expect(run.written.text).toContain(`\n${name} `.trimStart());
  });

  it.each([
    ["nonsense", "no command nonsense; `help` lists what there is"],
    ["gett a.txt", "no command gett; did you mean get?"],
    ["help shaa256", "no command shaa256; did you mean sha256?"],
    ["chmod 9 a.txt", "a mode is octal"],
    ["7", "nothing is unfinished"],
    ["!", "!COMMAND runs a command"],
    ["ls --what", "usage: ls"],
    ["mv one", "something is missing; usage: mv"],
    ["pwd here", "too many names"],
    ["get 'a", "is not closed"],
    ["get -j 0 a.txt", "from 1 to 64"],
    ["get *.none", "no name matches"],
    ["resume 1", "nothing is unfinished"],
    ["df", "doesn't tell"],
    ["md5 a.txt", "can't compute"],
  ])("%s is refused in one line", async (line, text) => {
    const { shell, run } = await open(new FakeEngine({ "/home/a.txt": 1 }));
    expect(await runLine(shell, line)).toBe("failed");
    expect(run.written.errors).toContain(text);
    expect(run.written.errors.trimEnd()).not.toContain("\n");
  });

  const folder = (path: string, usedBytes: number) => {
    return { path, totalBytes: 9_000_000, usedBytes, freeBytes: 9_000_000 - usedBytes };
  };

  it("df of a directory is to the byte, also while an upload moves the figures", async () => {
    const engine = new FakeEngine({ "/plan/a.txt": 1 });
    engine.space = { totalBytes: 9_000_000, freeBytes: 9_000_000 };
    engine.onSpaces = async () => [folder("/", 1), folder("/pl", 2), folder("/plan", 7_000_001)];
    const { shell, run } = await open(engine);
    expect(await runLine(shell, "df /plan")).toBe("done");
    expect(run.written.text).toMatch(/\n9\.00 MB +7\.00 MB +2\.00 MB +77% +\/plan\n/);
  });

  it("df is in blocks where the list is full, and a folder may be missing in it", async () => {
    const engine = new FakeEngine({ "/z/a.txt": 1 });
    engine.space = { totalBytes: 5_000_000, freeBytes: 1_000_000 };
    const many = Array.from({ length: MOST_SPACES - 1 }, (_, index) => folder(`/f${index}`, 2));
    engine.onSpaces = async () => [folder("/", 1), ...many];
    const { shell, run } = await open(engine);
    expect(await runLine(shell, "df /z")).toBe("done");
    expect(run.written.text).toMatch(/\n5\.00 MB +4\.00 MB +1\.00 MB +80% +\/z\n/);
  });

  it("df tells nothing of a folder where one may only hand in, though its home is listed", async () => {
    const engine = new FakeEngine({ "/inbox/a.txt": 1 });
    engine.onSpaces = async () => [folder("/", 1)];
    const { shell, run } = await open(engine);
    expect(await runLine(shell, "df /inbox")).toBe("failed");
    expect(run.written.errors).toContain("doesn't tell");
    expect(run.written.text).toBe("");
  });

  it("take patterns on both sides, and the last of several names as where to", async () => {
    const engine = new FakeEngine({
      "/home/b.txt": 1,
      "/home/a.txt": 1,
      "/home/.c.txt": 1,
      "/home/x/deep/1.txt": 1,
      "/home/y/deep/2.txt": 1,
      "/home/a*.txt": 1,
    });
    const { shell } = await open(engine);
    await runLine(shell, "get *.txt");
    await runLine(shell, "get -r ?/deep/*.txt here");
    await runLine(shell, "get 'a*.txt' -p --no-resume --no-verify -j 7");
    expect(engine.jobs).toEqual([
      expect.objectContaining({
        direction: "down",
        sources: ["/home/a*.txt", "/home/a.txt", "/home/b.txt"],
        target: directory,
        recursive: false,
        resume: true,
        verify: true,
      }),
      expect.objectContaining({
        sources: ["/home/x/deep/1.txt", "/home/y/deep/2.txt"],
        target: join(directory, "here"),
        recursive: true,
      }),
      {
        direction: "down",
        sources: ["/home/a*.txt"],
        target: directory,
        recursive: false,
        preserve: true,
        resume: false,
        verify: false,
        parallel: 7,
      },
    ]);
    writeFileSync(join(directory, "one.jpg"), "1");
    writeFileSync(join(directory, "two.jpg"), "2");
    await runLine(shell, "upload *.jpg ~/x");
    expect(engine.jobs.at(-1)).toMatchObject({
      direction: "up",
      sources: [join(directory, "one.jpg"), join(directory, "two.jpg")],
      target: "/home/x",
    });
  });

  it("resume and forget by the numbers that were shown", async () => {
    const engine = new FakeEngine();
    engine.entries = [unfinished("a", 100), unfinished("b", 200), unfinished("c", 300)];
    const { shell, run } = await open(engine);
    await runLine(shell, "unfinished");
    expect(run.written.text).toContain("  2  get  /home/b -> /local/b  20% of 1.00 KB\n");
    await runLine(shell, "forget 1");
    await runLine(shell, "resume 2");
    expect(engine.entries.map(({ id }) => id)).toEqual(["b", "c"]);
    expect(engine.jobs).toEqual([
      expect.objectContaining({ sources: ["/home/b"], target: "/local/b", preserve: true }),
    ]);
    await runLine(shell, "unfinished");
    await runLine(shell, "resume all");
    expect(engine.jobs.map(({ sources }) => sources[0])).toEqual(["/home/b", "/home/b", "/home/c"]);
    expect(await runLine(shell, "resume 9")).toBe("failed");
    expect(await runLine(shell, "resume")).toBe("failed");
  });

  it("don't go on with what was dropped since it was listed", async () => {
    const engine = new FakeEngine();
    engine.entries = [unfinished("a", 100), unfinished("b", 200)];
    const { shell, run } = await open(engine);
    await runLine(shell, "unfinished");
    await runLine(shell, "forget 1");
    expect(await runLine(shell, "resume 1")).toBe("failed");
    expect(run.written.errors).toContain("number 1 is done or dropped");
    await runLine(shell, "resume all");
    expect(engine.jobs.map(({ sources }) => sources)).toEqual([["/home/b"]]);
  });

  it("stop at Ctrl-C, and the session goes on", async () => {
    const engine = new FakeEngine({ "/home/a.txt": 1 });
    const { shell, run } = await open(engine);
    engine.onRun = (_job, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
        run.interrupts.interrupt();
      });
    expect(await runLine(shell, "get a.txt")).toBe("cancelled");
    expect(run.written.text).toContain("what arrived is kept");
    expect(await runLine(shell, "pwd")).toBe("done");
  });
});

describe("free space", () => {
  const bytes = (name: string, size: number) =>
    writeFileSync(join(directory, name), Buffer.alloc(size));

  it("refuses what can't fit, before anything is sent", async () => {
    const engine = new FakeEngine({ "/home/other": 1 });
    engine.space = { totalBytes: 5000, freeBytes: 1000 };
    const { shell, run } = await open(engine);
    bytes("big", 1500);
    expect(await runLine(shell, "put big")).toBe("failed");
    expect(engine.jobs).toEqual([]);
    expect(run.written.errors).toContain("needs 1.50 KB and 1.00 KB of 5.00 KB are free");
    expect(run.written.errors).toContain("500 B more");
    bytes("small", 1000);
    expect(await runLine(shell, "put small")).toBe("done");
    expect(await runLine(shell, "put small big")).toBe("done");
  });

  it("counts what the files there hold already, replaced or begun", async () => {
    const there = { "/home/big": 400, "/home/.0123.part": 600, "/home/half.part": 900 };
    const engine = new FakeEngine({ ...there, "/home/d/big": 900 });
    engine.space = { totalBytes: 5000, freeBytes: 1000 };
    const source = join(directory, "half");
    const begun = { direction: "up", source, target: "/home/half", part: ".0123.part" } as const;
    engine.entries = [{ ...unfinished("half", 600), ...begun }];
    const { shell } = await open(engine);
    bytes("big", 1400);
    bytes("half", 1600);
    expect(await runLine(shell, "put big")).toBe("done");
    expect(await runLine(shell, "put half")).toBe("done");
    expect(await runLine(shell, "put big d")).toBe("done");
    bytes("big", 1401);
    expect(await runLine(shell, "put big")).toBe("failed");
    bytes("half", 1601);
    expect(await runLine(shell, "put half")).toBe("failed");
    // What another left beside the target is not continued.
    bytes("half", 1600);
    engine.entries = [];
    expect(await runLine(shell, "put half")).toBe("failed");
    expect(engine.jobs).toHaveLength(3);
  });

  it("says so when an upload leads over a mark", async () => {
    const engine = new FakeEngine();
    engine.space = { totalBytes: 5000, freeBytes: 1100 };
    const { shell, run } = await open(engine);
    bytes("small", 1000);
    engine.onRun = async () => {
      engine.space = { totalBytes: 5000, freeBytes: 100 };
      return { files: 1, failed: 0, skipped: 0, bytes: 1000, durationMs: 1 };
    };
    expect(await runLine(shell, "put small")).toBe("done");
    expect(run.written.text).toContain(" is 98 % full: 4.90 KB of 5.00 KB used, 100 B free.");
  });

  it("lets the server decide where it doesn't tell, and says so", async () => {
    const { shell, run } = await open(new FakeEngine());
    bytes("big", 1400);
    expect(await runLine(shell, "put big")).toBe("done");
    expect(run.written.text).toContain("the server doesn't tell its free space");
  });
});

describe("Ctrl-C while an upload runs", () => {
  const event = {
    type: "start",
    file: 1,
    source: "/a",
    target: "/home/a",
    direction: "up",
    size: 9,
    offset: 0,
  } as const;

  /** An upload that a person stops once it has begun, or before. */
  async function stopped(begun: boolean): Promise<Desk & { engine: FakeEngine }> {
    const engine = new FakeEngine({ "/home/other": 1 });
    engine.space = { totalBytes: 5000, freeBytes: 1000 };
    engine.starts = false;
    const desk = await open(engine);
    writeFileSync(join(directory, "a"), "a");
    engine.onRun = (_job, { signal, onEvent }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
        if (begun) onEvent(event);
        engine.space = { totalBytes: 5000, freeBytes: 400 };
        desk.run.interrupts.interrupt();
      });
    return { ...desk, engine };
  }

  it("tells what is free once something was stored", async () => {
    const { shell, run } = await stopped(true);
    expect(await runLine(shell, "put a")).toBe("cancelled");
    expect(run.written.text).toMatch(/1\.00 KB of .*\ncancelled; .*\n400 B of 5\.00 KB free/);
    const before = await stopped(false);
    expect(await runLine(before.shell, "put a")).toBe("cancelled");
    expect(before.run.written.text).not.toContain("400 B");
  });

  it("doesn't wait for a server that doesn't tell any more, at Ctrl-C again not at all", async () => {
    const { shell, run, engine } = await stopped(true);
    const put = runLine(shell, "put a");
    const silent = new Promise<void>((asked) => {
      engine.onSpace = async () => {
        if (engine.space?.freeBytes === 1000) return engine.space;
        asked();
        return new Promise(() => {});
      };
    });
    await silent;
    run.interrupts.interrupt();
    expect(await put).toBe("cancelled");
    expect(await runLine(shell, "pwd")).toBe("done");
  });

  it("stops the question of what is free, too", async () => {
    const { shell, run, engine } = await stopped(true);
    engine.onSpace = () => {
      run.interrupts.interrupt();
      return new Promise(() => {});
    };
    expect(await runLine(shell, "put a")).toBe("cancelled");
    expect(engine.jobs).toEqual([]);
  });
});

describe("Ctrl-C again", () => {
  it("ends the process when the work doesn't stop, also while the key is held down", async () => {
    const codes: number[] = [];
    const interrupts = new Interrupts((code) => codes.push(code));
    const work = new AbortController();
    const running = interrupts.during((signal) => {
      signal.addEventListener("abort", () => work.abort());
      return new Promise<void>((done) => {
        const held = setInterval(() => {
          interrupts.interrupt();
          if (codes.length === 0) return;
          clearInterval(held);
          done();
        }, 10);
      });
    });
    await running;
    expect(work.signal.aborted).toBe(true);
    expect(codes).toEqual([130]);
  });
});

describe("completion", () => {
  const FILES = {
    "/home/summer day.txt": 1,
    "/home/summit/peak's": 1,
    "/home/.hidden": 1,
    "/home/evil\u001b[2J": 1,
  };

  it.each([
    [
      "re",
      ["reget ", "remove ", "rename ", "reput ", "resume ", "resume_download ", "resume_upload "],
    ],
    ["help lp", ["lpwd "]],
    ["get summ", ["summer\\ day.txt ", "summit/"]],
    ["get 'summer", ["'summer day.txt' "]],
    ['get "summer ', ['"summer day.txt" ']],
    ["get summit/", ["summit/peak\\'s "]],
    ["get ~/summi", ["~/summit/"]],
    ["get .", [".hidden "]],
    ["get evil", []],
    ["get -r summi", ["summit/"]],
    ["put loc", ["local\\ a "]],
    ["put x summi", ["summit/"]],
    ["pwd s", []],
  ])("of %s", async (line, expected) => {
    writeFileSync(join(directory, "local a"), "");
    const { shell } = await open(new FakeEngine(FILES));
    const [candidates, typed] = await new Completion(shell).complete(line);
    expect(candidates).toEqual(expected);
    expect(line.endsWith(typed)).toBe(true);
  });

  it("asks the server once for a while", async () => {
    const engine = new FakeEngine(FILES);
    const { shell } = await open(engine);
    let now = 0;
    const completion = new Completion(shell, () => now);
    await completion.complete("get s");
    await completion.complete("get su");
    expect(engine.lists).toHaveLength(1);
    now = 6000;
    await completion.complete("get su");
    expect(engine.lists).toHaveLength(2);
  });
});

describe("a session without a terminal", () => {
  it("shows a hostile server's banner without its escape sequences", async () => {
    const engine = new FakeEngine();
    engine.banner = "Welcome\r\n\u001b]0;title\u0007\u001b[2J\u009b1mbold\n";
    const run = new ClientRun(engine, "pwd\n");
    await connect(run.context, "ann@h", { config: "none" }, run.around);
    expect(run.written.errors).toBe("Welcome\n\\x1b]0;title\\x07\\x1b[2J\\x9b1mbold\n");
    expect(run.written.text).toBe("/home\n");
  });

  it.each([
    ["refused", 4],
    ["unreachable", 5],
    ["unknown-host-key", 6],
    ["changed-host-key", 7],
    ["protocol", 8],
  ] as const)("ends with its own code when there is none: %s", async (failure, code) => {
    const engine = new FakeEngine();
    engine.failure = new LoginError(failure, "what to do\nin one line");
    const run = new ClientRun(engine, "pwd\n");
    await connect(run.context, "ann@h", {}, run.around);
    expect(run.code).toBe(code);
    expect(run.written.errors).toBe("moorage: what to do in one line\n");
  });
});

describe("the history", () => {
  it("is kept for its owner alone, bounded, without repetitions and lines that begin with a blank", () => {
    const file = join(directory, "state/moorage/history");
    const history = new History(file);
    for (const line of ["ls", "ls", " secret", "", "cd x"]) history.add(line);
    expect(readFileSync(file, "utf8")).toBe("ls\ncd x\n");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(new History(file).lines).toEqual(["cd x", "ls"]);
    writeFileSync(file, Array.from({ length: 1500 }, (_, line) => `${line}\n`).join(""));
    const long = new History(file);
    expect([long.lines.length, long.lines[0], long.lines.at(-1)]).toEqual([1000, "1499", "500"]);
    expect(readFileSync(file, "utf8").split("\n")).toHaveLength(1001);
  });
});
