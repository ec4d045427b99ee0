import { mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { COMMANDS } from "../../../src/shell/commands/table.ts";
import { Shell } from "../../../src/shell/context.ts";
import { Interrupted } from "../../../src/shell/errors.ts";
import { sortedEntries } from "../../../src/shell/sorted.ts";
import { type ByteString, bytes, fromText } from "../../../src/vfs/path.ts";
import { MemoryFs } from "../../support/memory-fs.ts";
import { callOf, contextOf, run, ShellBench, sourceOf } from "./harness.ts";

let bench: ShellBench;

beforeEach(async () => {
  bench = await ShellBench.create(1_000_000);
});

afterEach(() => bench.close());

const output = async (line: string) => (await bench.run(line)).stdout;

describe("exit codes", () => {
  const cases: [string, number][] = [
    ["true", 0],
    ["false", 1],
    ["nonsense", 127],
    ["./a", 127],
    ["ls missing", 2],
    ["ls --nonsense", 2],
    ["cat --nonsense", 1],
    ["cat missing", 1],
    ["ls |", 2],
    ["ls > x", 2],
    ["test -q", 0],
    ["test -q x", 2],
    ["[ 1", 2],
    ["[ a -eq 1 ]", 2],
    ["exit 7", 7],
    ["false; exit", 1],
    ["exit x", 2],
    ["cd missing", 1],
    ["false || nonsense", 127],
    ["nonsense && true", 127],
    ["nonsense; true", 0],
    ["rsync --server --sender -vlogDtpre.iLsfxC . /", 127],
    ["", 0],
    ["$" + "{ShellId}", 0],
  ];
  it.each(cases)("%j is %d", async (line, status) => {
    expect((await bench.run(line)).status).toBe(status);
  });

  it("keep $? for the next line", async () => {
    await bench.run("nonsense");
    expect(await output("echo $?; echo $?")).toBe("127\n0\n");
    await bench.run("ls &");
    expect(await output("echo $?")).toBe("2\n");
    await bench.run("ls &");
    expect(await output('echo "$status"')).toBe("2\n");
  });

  it("tell of rsync in one line", async () => {
    expect((await bench.run("rsync --server . x")).stderr).toBe(
      "rsync: not available on this server: use sftp, scp or rclone\n",
    );
  });

  it("are those of WinSCP's and psftp's look for a server's program", async () => {
    const line =
      "test -x /usr/lib/sftp-server && exec /usr/lib/sftp-server\n" +
      "test -x /usr/local/lib/sftp-server && exec /usr/local/lib/sftp-server\nexec sftp-server";
    expect(await bench.run(line)).toMatchObject({ status: 127, stdout: "" });
  });
});

describe("nothing of a line is run", () => {
  it.each(["mkdir a; ls > b", "mkdir a && (b)", "mkdir a; 'b", "mkdir a; echo $X"])(
    "when it is not understood: %s",
    async (line) => {
      const done = await bench.run(line);
      expect(done.status).toBe(2);
      expect(done.stderr).toMatch(/^syntax error: [^\n]+\n$/);
      expect(await output("ls")).toBe("");
    },
  );
});

describe("help", () => {
  it.each([...COMMANDS.keys()])("%s explains itself", async (name) => {
    const help = await bench.run(`${name} --help`);
    expect(help).toMatchObject({ status: 0, stderr: "" });
    expect(help.stdout.startsWith(`Usage: ${name}`)).toBe(true);
    expect(await bench.run(`${name} /?`)).toEqual(help);
    expect(await output(`help ${name}`)).toBe(help.stdout);
    for (const line of help.stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(100);
  });

  it("lists everything", async () => {
    const help = await output("help");
    for (const name of COMMANDS.keys()) expect(help).toContain(`\n  ${name} `);
    expect(await bench.run("help nonsense")).toMatchObject({ status: 1, stdout: "" });
  });

  it("takes /? for help even where it would match names", async () => {
    writeFileSync(`${bench.home}/x`, "");
    expect(await output("rm /?")).toContain("Usage: rm");
    expect(await output("ls '/?'; ls -d /? .")).toBe(".\n/x\n");
  });
});

describe("expansion", () => {
  it("knows the home, the user and the directory", async () => {
    mkdirSync(`${bench.home}/a b/c`, { recursive: true });
    const line = `cd 'a b/c' && echo $HOME $USER $PWD ~ ~/x ~ada/x "$PWD" '$PWD' a$USER"$USER"b`;
    expect(await output(line)).toBe("/ ada /a b/c / /x /x /a b/c $PWD aadaadab\n");
    expect(await output("ls $PWD; cd -; cd; pwd; cd -")).toBe("/\n/\n/\n");
  });

  it("drops what is empty and not quoted", async () => {
    const empty = "$" + "{ShellId}";
    expect(await output(`echo a ${empty} "${empty}" '' b`)).toBe("a   b\n");
  });

  it("finds names by characters, also such that are not UTF-8", async () => {
    writeFileSync(`${bench.home}/ü`, "");
    writeFileSync(Buffer.concat([Buffer.from(`${bench.home}/`), Buffer.from([0xfc])]), "");
    expect(await output("echo ?")).toBe(`${bytes(Buffer.from("ü"))} \xfc\n`);
    expect(await output("echo [[:alpha:]] [^a]x*")).toBe(`${bytes(Buffer.from("ü"))} [^a]x*\n`);
  });

  it("bounds what a pattern may find", async () => {
    const fs = new MemoryFs();
    const shell = new Shell(contextOf(fs));
    for (let index = 0; index < 200; index += 1) {
      await fs.makeDirectory(fromText(`d${index}`));
      for (let inner = 0; inner < 200; inner += 1) {
        await fs.makeDirectory(fromText(`d${index}/${inner}`));
      }
    }
    expect(await run(shell, "echo */*")).toMatchObject({ status: 126, stdout: "" });
    expect((await run(shell, "echo d1*/1")).stdout.split(" ")).toHaveLength(111);
  });
});

describe("the home is all there is", () => {
  it("for paths, links and cd", async () => {
    symlinkSync("/etc", `${bench.home}/etc`);
    symlinkSync("../../../../../../etc/passwd", `${bench.home}/up`);
    for (const path of ["/etc/passwd", "../../../etc/passwd", "etc/passwd", "up"]) {
      expect((await bench.run(`cat ${path}`)).status).toBe(1);
    }
    expect(await output("cd ../..; pwd")).toBe("/\n");
    expect((await bench.run("cd etc")).stderr).toContain("Too many levels of symbolic links");
    expect(await output("ls -a /..")).toBe(".\n..\netc\nup\n");
  });

  it("and is not removed", async () => {
    mkdirSync(`${bench.home}/a/b`, { recursive: true });
    for (const line of ["rm -rf /", "rm -rf ~", "cd a; rm -r ..", "rm -r /a/.."]) {
      expect((await bench.run(line)).status).toBe(1);
    }
    expect(await output("find /a")).toBe("/a\n/a/b\n");
  });
});

describe("space", () => {
  beforeEach(async () => {
    await bench.run("mkdir -p d/e");
    await bench.run("echo hello | md5sum");
    const flags = { read: false, append: false, exclusive: false, truncate: false };
    const file = await bench.fs.open(fromText("d/e/f"), { ...flags, write: true, create: true });
    await file.write([Buffer.alloc(100_000)], 100_000, 0);
    await file.close();
    await bench.run("cp d/e/f g; ln g h");
  });

  it("df answers rclone", async () => {
    const [, line = ""] = (await output("df -k /d")).split("\n");
    const fields = line.split(/\s+/);
    expect(fields.length).toBeGreaterThanOrEqual(6);
    expect(fields.slice(1, 5)).toEqual(["976", "196", "780", "21%"]);
    expect(await output("df -h")).toMatch(
      /^Filesystem +Size +Used.*\nmoorage +977K +196K +780K +21% \/\n$/,
    );
    expect((await bench.run("df missing")).status).toBe(1);
    expect(await output("df -i")).toContain("IUse%");
  });

  it("quota and du agree", async () => {
    expect(await output("quota")).toBe(
      "        used   limit   free used% on\nbytes 200000 1000000 800000   20% /\nfiles      5    none      -     - /\n",
    );
    expect(await output("quota -h")).toContain("196K  977K 782K");
    expect(await output("du -sb")).toBe("200000\t.\n");
    expect(await output("du; du -h d; du -c d g h; du -d 1 -b; du -a d")).toBe(
      [
        "98\t./d/e\n98\t./d\n196\t.\n",
        "98K\td/e\n98K\td\n",
        "98\td/e\n98\td\n98\tg\n196\ttotal\n",
        "100000\t./d\n200000\t.\n",
        "98\td/e/f\n98\td/e\n98\td\n",
      ].join(""),
    );
  });

  it("running out of it fails cleanly", async () => {
    await bench.run("cp -r d d2; cp g x1; cp g x2; cp g x3; cp g x4; cp g x5; cp g x6");
    const done = await bench.run("cp g x7");
    expect(done.status).toBe(0);
    const over = await bench.run("cp g x8");
    expect(over.status).toBe(1);
    expect(over.stderr).toMatch(/^cp: cannot copy 'g': Quota exceeded: .*\n$/);
    expect(await output("rm x7; cp g x9 && echo fits")).toBe("fits\n");
  });
});

describe("who you are", () => {
  it("is the virtual user", async () => {
    expect(await output("whoami; groups; id; id -u; id -gn; id ada")).toMatch(
      /^ada\nada\nuid=(\d+)\(ada\) gid=\1\(ada\) groups=\1\(ada\)\n\1\nada\nuid=/,
    );
    expect((await bench.run("id root")).status).toBe(1);
  });

  it("shows your own sessions and the server's time", async () => {
    const since = Date.UTC(2026, 10, 20, 12, 0);
    const session = { id: 7, remote: "10.1.2.3:45", client: "OpenSSH_9.2", since };
    const context = contextOf(bench.fs, { sessions: async () => [session] });
    const shell = new Shell(context);
    expect((await run(shell, "who")).stdout).toMatch(
      /^ada ssh\/7 2026-11-\d\d \d\d:\d\d \(10\.1\.2\.3:45\) OpenSSH_9\.2\n$/,
    );
    expect((await run(shell, "uptime")).stdout).toMatch(
      /^ [\d:]{8} up 1:00, 1 session of yours\n$/,
    );
  });

  it("passwd needs a terminal", async () => {
    expect(await bench.run("passwd")).toMatchObject({
      status: 1,
      stderr: "passwd: a terminal is needed: try ssh -t\n",
    });
    expect((await bench.run("passwd root")).status).toBe(1);
  });
});

describe("standard input", () => {
  it("is read by cat, head, tail and wc", async () => {
    const lines = Array.from({ length: 100 }, (_, index) => `line ${index}\n`);
    const stdin = () => sourceOf(...lines);
    for (const line of [
      "cat",
      "cat -n -",
      "head",
      "head -n 3 -",
      "tail",
      "tail -n 3",
      "tail -c 8",
    ]) {
      const ours = await bench.run(line, { stdin: stdin() });
      expect([line, ours.stdout]).toEqual([line, bench.real(line, lines.join("")).stdout]);
    }
    for (const line of ["tail -n +95", "tail -c +600", "wc", "wc -l", "tail -n 0", "tail -n 200"]) {
      const ours = await bench.run(line, { stdin: stdin() });
      expect([line, ours.stdout]).toEqual([line, bench.real(line, lines.join("")).stdout]);
    }
  });

  it("is left to the next command as far as it was not used", async () => {
    const done = await bench.run("head -n 1; cat", { stdin: sourceOf("a\nb\n", "c\n") });
    expect(done.stdout).toBe("a\nb\nc\n");
  });
});

describe("an interrupt", () => {
  it("ends a command that waits, the line behind it, and both sides of a pipe", async () => {
    for (const line of ["cat; echo not", "wc", "cat - | md5sum; echo not", "md5sum"]) {
      const interrupt = new AbortController();
      const never = { pull: (signal: AbortSignal) => rejected(signal) };
      const running = bench.run(line, { stdin: never, signal: interrupt.signal });
      setImmediate(() => interrupt.abort(new Interrupted()));
      expect(await running).toEqual({ status: 130, stdout: "", stderr: "" });
    }
  });

  it("ends a command that works, and no file stays open", async () => {
    const fs = new MemoryFs({ delay: () => new Promise((resolve) => setImmediate(resolve)) });
    for (let index = 0; index < 300; index += 1) await fs.makeDirectory(fromText(`d${index}`));
    for (const line of ["find .", "du", "ls -R", "rm -r d*", "cp -r d1 d2 x", "echo */*"]) {
      const interrupt = new AbortController();
      const running = run(new Shell(contextOf(fs)), line, { signal: interrupt.signal });
      setImmediate(() => interrupt.abort(new Interrupted(143)));
      expect((await running).status).toBe(143);
      expect(fs.openDirectories).toBe(0);
    }
  });

  it("comes through while a command never waits for anything", async () => {
    const fs = new MemoryFs();
    for (let index = 0; index < 3000; index += 1) await fs.makeDirectory(fromText(`d${index}`));
    const interrupt = new AbortController();
    setImmediate(() => interrupt.abort(new Interrupted()));
    const line = Array(1000).fill("find . -name x").join("; ");
    const done = await run(new Shell(contextOf(fs)), line, { signal: interrupt.signal });
    expect(done.status).toBe(130);
  });
});

function rejected(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}

describe("large directories", () => {
  it("are sorted in batches", async () => {
    const fs = new MemoryFs();
    const names = Array.from({ length: 100 }, (_, index) => `f${(index * 37) % 100}`);
    for (const name of names) await fs.makeDirectory(fromText(name));
    const call = callOf(new Shell(contextOf(fs)));
    const compare = (a: { name: ByteString }, b: { name: ByteString }) =>
      a.name < b.name ? -1 : 1;
    for (const batch of [1, 7, 50, 99, 100, 1000]) {
      const found: string[] = [];
      const total = (a: { name: ByteString }, b: { name: ByteString }) =>
        a.name === b.name ? 0 : compare(a, b);
      const options = { compare: total, wanted: () => true, batch };
      for await (const entries of sortedEntries(call, fromText("/"), options)) {
        expect(entries.length).toBeLessThanOrEqual(batch);
        found.push(...entries.map(({ name }) => name));
      }
      expect(found).toEqual([...names].sort());
    }
    expect(fs.openDirectories).toBe(0);
  });

  it("are read once, not once for each batch of names", async () => {
    const fs = new MemoryFs();
    const names = Array.from({ length: 20_000 }, (_, index) => `f${(index * 7919) % 20_000}`);
    for (const name of names) await fs.makeDirectory(fromText(name));
    const opened = vi.spyOn(fs, "openDirectory");
    const call = callOf(new Shell(contextOf(fs)));
    const compare = (a: { name: ByteString }, b: { name: ByteString }) =>
      a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
    // Again and again, also left early: the room for so many names is given back each time.
    for (let round = 1; round <= 16; round += 1) {
      const found: string[] = [];
      for await (const entries of sortedEntries(call, fromText("/"), {
        compare,
        wanted: () => true,
      })) {
        found.push(...entries.map(({ name }) => name));
        if (round % 2 === 0) break;
      }
      expect(opened).toHaveBeenCalledTimes(round);
      expect(found).toEqual([...names].sort().slice(0, found.length));
      expect(found.length).toBeGreaterThanOrEqual(round % 2 === 0 ? 1 : 20_000);
    }
  });

  it("are gone through in several passes when there are more directories than a walk holds", async () => {
    const fs = new MemoryFs();
    const count = 150_000;
    for (let number = 0; number < count; number += 1) {
      await fs.makeDirectory(fromText(`/d${number}`));
    }
    const opened = vi.spyOn(fs, "openDirectory");
    const found = await run(new Shell(contextOf(fs)), "find / -mindepth 1");
    expect(found).toMatchObject({ status: 0, stderr: "" });
    const names = found.stdout.split("\n").slice(0, -1);
    expect(new Set(names).size).toBe(count);
    expect(names).toHaveLength(count);
    // The home three times, and each directory in it.
    expect(opened).toHaveBeenCalledTimes(count + 3);
    expect(await run(new Shell(contextOf(fs)), "rm -r /d*1; du -s /")).toMatchObject({
      stderr: "",
    });
    expect(fs.openDirectories).toBe(0);
  });
});

describe("deep trees", () => {
  it("are found, counted, listed, copied and removed to their bottom", async () => {
    const fs = new MemoryFs();
    const levels = 1000;
    let path = "";
    for (let level = 0; level < levels; level += 1) {
      path += "/d";
      await fs.makeDirectory(fromText(path));
    }
    const shell = new Shell(contextOf(fs));
    const lines = async (line: string): Promise<string[]> => {
      const done = await run(shell, line);
      expect({ line, ...done }).toMatchObject({ status: 0, stderr: "" });
      return done.stdout.split("\n").slice(0, -1);
    };
    expect((await lines("find /d")).at(-1)).toBe(path);
    expect(await lines("du /d")).toHaveLength(levels);
    const listed = await lines("ls -R /d");
    expect(listed.filter((line) => line.endsWith(":"))).toHaveLength(levels);
    expect(listed.at(-1)).toBe(`${path}:`);
    await lines("cp -r /d /e");
    expect((await lines("find /e")).at(-1)).toBe(path.replace("/d", "/e"));
    expect((await lines("rm -rv /d")).at(0)).toBe(`removed directory '${path}'`);
    await lines("rm -r /e");
    expect(await lines("ls -A /")).toEqual([]);
  });
});

describe("a terminal", () => {
  const terminal = { columns: 25, readSecret: async () => undefined };

  it("gets columns, and no control characters", async () => {
    for (const name of ["a", "bb", "ccc", "x\x1b[31m", "ü", "new\nline"]) {
      writeFileSync(`${bench.home}/${name}`, "");
    }
    const shown = await bench.run("ls", { terminal });
    expect(shown.stdout).toBe(fromText("a   ccc       x?[31m\nbb  new?line  ü\n"));
    expect((await bench.run("ls -1", { terminal })).stdout).toContain("new?line\n");
    expect((await bench.run("ls")).stdout).toContain("new\nline\n");
  });
});

describe("failures of the disk", () => {
  it("are told, and not the program's end", async () => {
    const fail = vi.fn((operation: string) => (operation === "read" ? "EIO" : undefined));
    const fs = new MemoryFs({ fail: fail as never });
    const shell = new Shell(contextOf(fs));
    await run(shell, "touch f; mkdir d");
    const flags = { read: false, append: false, exclusive: false, truncate: false };
    const file = await fs.open(fromText("f"), { ...flags, write: true, create: true });
    await file.write([Buffer.from("content")], 7, 0);
    await file.close();
    for (const line of [
      "cat f",
      "head f",
      "tail f",
      "wc f",
      "md5sum f",
      "cksum f",
      "md5sum -c f",
    ]) {
      const done = await run(shell, line);
      expect([line, done.status]).toEqual([line, 1]);
      expect(done.stderr).toContain("Input/output error");
    }
    expect(fs.openFiles).toBe(0);
  });
});

describe("ls", () => {
  it("shows full dates, and the links of an unreadable target", async () => {
    writeFileSync(`${bench.home}/f`, "x");
    utimesSync(`${bench.home}/f`, 1.6e9, 1.6e9);
    symlinkSync("nowhere", `${bench.home}/l`);
    expect(await output("ls --full-time f")).toMatch(
      / 2020-09-1[34] \d\d:\d\d:40\.000000000 [+-]\d{4} f\n$/,
    );
    expect(await output("ls -l l")).toMatch(/^lrwxrwxrwx 1 ada ada 7 .* l -> nowhere\n$/);
  });
});
