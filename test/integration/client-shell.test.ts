import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { connect } from "../../src/cli/client/connect.ts";
import { get, put } from "../../src/cli/client/one-job.ts";
import type { TransferFlags } from "../../src/cli/client/options.ts";
import { realEngine } from "../../src/cli/client/real-engine.ts";
import { type Peer, startOpenSsh } from "../bench/peers.ts";
import { ClientRun } from "../support/client-run.ts";
import { tree } from "../support/desk.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { makeKey } from "../support/ssh-client.ts";

const PROGRAM = fileURLToPath(new URL("../../dist/src/moorage.cjs", import.meta.url));

let server: TestServer;
let sshd: Peer;
let root: string;
let key: string;
/** this test's own local directory */
let local: string;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "moorage-client-"));
  key = join(root, "key");
  const pair = makeKey();
  writeFileSync(key, pair.private, { mode: 0o600 });
  writeFileSync(`${key}.pub`, `${pair.public}\n`);
  process.env.HOME = root;
  process.env.XDG_STATE_HOME = join(root, "state");
  delete process.env.SSH_AUTH_SOCK;
  server = await startTestServer({
    users: [{ name: "alice", keys: [pair.public], quotaBytes: 10_000_000 }],
  });
  sshd = await startOpenSsh({ root, key } as Parameters<typeof startOpenSsh>[0]);
});

afterAll(async () => {
  await sshd?.stop();
  await server.stop();
  rmSync(root, { recursive: true, force: true });
});

beforeEach(() => {
  local = mkdtempSync(join(root, "local-"));
});

function flags(more: Partial<TransferFlags> = {}): TransferFlags {
  return {
    port: server.port,
    identity: [key],
    config: "none",
    acceptNew: true,
    jobs: 2,
    verify: true,
    resume: true,
    ...more,
  };
}

async function script(
  lines: string,
  at = { user: "alice", port: server.port },
): Promise<ClientRun> {
  const run = new ClientRun(realEngine(), lines);
  await connect(run.context, `${at.user}@127.0.0.1`, flags({ port: at.port }), run.around);
  return run;
}

async function putAs(names: string[], more: Partial<TransferFlags> = {}): Promise<ClientRun> {
  const run = new ClientRun(realEngine());
  await put(run.context, names, flags(more), run.around);
  return run;
}

async function getAs(names: string[], more: Partial<TransferFlags> = {}): Promise<ClientRun> {
  const run = new ClientRun(realEngine());
  await get(run.context, names, flags(more), run.around);
  return run;
}

const ALICE = "alice@127.0.0.1";

describe("put and get", () => {
  it("carry files there and back, and tell the quota before and after", async () => {
    const bytes = randomBytes(1_200_000);
    writeFileSync(join(local, "a b.bin"), bytes);
    mkdirSync(join(local, "tree/deep"), { recursive: true });
    writeFileSync(join(local, "tree/deep/x.txt"), "x");
    const sent = await putAs([join(local, "a b.bin"), join(local, "tree"), `${ALICE}:`], {
      recursive: true,
    });
    expect(sent.written.errors.replace(/remembered.*\n/, "")).toBe("");
    expect(sent.code).toBe(0);
    expect(sent.written.text).toMatch(/^[\d.]+ MB of [\d.]+ MB free \(0% used\)\n/);
    expect(sent.written.text).toContain("(12% used)");
    expect(sent.written.text).toMatch(/2 files, 1\.20 MB in /);
    const back = await getAs([`${ALICE}:a?b.bin`, `${ALICE}:~/tree`, local], { recursive: true });
    expect(back.code).toBe(0);
    expect(readFileSync(join(local, "a b.bin")).equals(bytes)).toBe(true);
    expect(readFileSync(join(local, "tree/deep/x.txt"), "utf8")).toBe("x");
  });

  it("say when they make the target, and which folder may have been meant", async () => {
    mkdirSync(join(server.home("alice"), "projects"));
    writeFileSync(join(local, "plan.txt"), "plan");
    const plan = join(local, "plan.txt");
    const line = "made /project; there is a folder /projects\n";
    const would = await putAs([plan, `${ALICE}:project/`], { dryRun: true });
    expect(would.written.text).toContain("would make /project; there is a folder /projects\n");
    // Once, however many go there.
    writeFileSync(join(local, "notes.txt"), "notes");
    const sources = [plan, join(local, "notes.txt"), `${ALICE}:project/`];
    const all = await putAs(sources, { dryRun: true });
    expect(all.written.text.match(/would make/g)).toHaveLength(1);
    expect(existsSync(join(server.home("alice"), "project"))).toBe(false);
    const run = await putAs([plan, `${ALICE}:project/`]);
    expect([run.code, run.written.text.includes(line)]).toEqual([0, true]);
    const again = await putAs([plan, `${ALICE}:project/`]);
    expect(again.written.text).not.toContain("made");
    rmSync(join(server.home("alice"), "project"), { recursive: true });
    mkdirSync(join(local, "tree"));
    writeFileSync(join(local, "tree/x.txt"), "x");
    for (const [source, target, path] of [
      ["tree", "project", "/project"],
      ["tree/", "project/of/mine", "/project/of/mine"],
    ] as const) {
      rmSync(join(server.home("alice"), "project"), { recursive: true, force: true });
      const names = [
        `${join(local, source)}${source.endsWith("/") ? "/" : ""}`,
        `${ALICE}:${target}`,
      ];
      const json = await putAs(names, { json: true, recursive: true });
      const events = json.written.text
        .trimEnd()
        .split("\n")
        .map((text) => JSON.parse(text));
      const made = { type: "made", target: path, like: "/projects" };
      expect(events.filter(({ type }) => type === "made")).toEqual([made]);
    }
    expect(readFileSync(join(server.home("alice"), "project/of/mine/x.txt"), "utf8")).toBe("x");
  });

  it("look at the local names before anybody is asked for a password", async () => {
    const engine = realEngine();
    const open = () => Promise.reject(new Error("asked"));
    for (const [names, error] of [
      [["missing"], /missing: no such file or directory/],
      [[local], /is a directory \(-r sends it/],
    ] as const) {
      const run = new ClientRun({ ...engine, open });
      await put(run.context, [...names, `${ALICE}:`], flags({ json: true }), run.around);
      expect(run.code).toBe(1);
      expect(run.written.errors).toMatch(error);
      expect(JSON.parse(run.written.text)).toMatchObject({
        type: "error",
        code: expect.stringMatching(/^(no-such-file|is-a-directory)$/),
      });
    }
  });

  it("go on with the other files when one fails, name it, and exit 1", async () => {
    const many = join(local, "many");
    mkdirSync(many);
    for (const name of ["one", "two", "three"]) writeFileSync(join(many, name), name);
    // Where a file is to go there is a directory.
    mkdirSync(join(server.home("alice"), "many/two"), { recursive: true });
    const run = await putAs([many, `${ALICE}:`], { recursive: true });
    expect(run.code).toBe(1);
    expect(run.written.errors).toContain("/many/two");
    expect(run.written.text).toMatch(/2 files, .* 1 failed\n/);
    expect(existsSync(join(server.home("alice"), "many/three"))).toBe(true);
  });

  it("take a name with a slash at its end for a directory's, as does the shell", async () => {
    const [file, far] = [join(local, "slash"), join(server.home("alice"), "slash")];
    const fresh = join(local, "new");
    for (const [path, text] of [
      [file, "near"],
      [far, "far"],
      [fresh, "new"],
    ] as const) {
      writeFileSync(path, text);
    }
    mkdirSync(join(local, "tree"));
    const runs = [
      await getAs([`${ALICE}:slash`, `${file}/`]),
      await putAs([fresh, `${ALICE}:slash/`]),
      await script(`get slash ${file}/\n`),
      await script(`put ${fresh} slash/\n`),
    ];
    for (const run of runs) {
      expect(run.code).toBe(1);
      expect(run.written.errors).toMatch(/slash\/: is not a directory\n/);
    }
    expect([readFileSync(file, "utf8"), readFileSync(far, "utf8")]).toEqual(["near", "far"]);
    expect((await putAs([fresh, `${ALICE}:made/`])).code).toBe(0);
    expect(readFileSync(join(server.home("alice"), "made/new"), "utf8")).toBe("new");
    const directory = await putAs([join(local, "tree"), `${ALICE}:`]);
    expect([directory.code, directory.written.errors]).toEqual([
      1,
      expect.stringMatching(/tree: is a directory \(-r /),
    ]);
    rmSync(far);
  });

  it("refuse an upload that can't fit before its first byte, with the figures", async () => {
    writeFileSync(join(local, "big.bin"), Buffer.alloc(11_000_000));
    const run = await putAs([join(local, "big.bin"), `${ALICE}:`]);
    expect(run.code).toBe(1);
    expect(run.written.errors).toMatch(/needs 11\.0 MB and [\d.]+ MB of [\d.]+ MB are free/);
    expect(readdirSync(server.home("alice")).join()).not.toContain("big");
  });

  it("write events and nothing else with --json, and only errors with -q", async () => {
    writeFileSync(join(local, "j.txt"), "json");
    const run = await putAs([join(local, "j.txt"), `${ALICE}:`], { json: true });
    const events = run.written.text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(events.map(({ type }) => type)).toEqual(
      expect.arrayContaining(["space", "totals", "start", "done", "summary"]),
    );
    expect(events.at(-1)).toMatchObject({ type: "summary", files: 1, failed: 0 });
    const quiet = await getAs([`${ALICE}:j.txt`, local], { quiet: true });
    expect([quiet.code, quiet.written.text]).toEqual([0, ""]);
    const missing = await getAs([`${ALICE}:nothing`, local], { quiet: true });
    expect([missing.code, missing.written.text]).toEqual([1, ""]);
    expect(missing.written.errors).toMatch(/^[^\n]*nothing[^\n]*no such file[^\n]*\n$/);
  });

  it.each([
    [["a", "b"], "must be the target, [user@]host:[path]"],
    [["h:a", "h:"], "is remote"],
  ])("put refuses %j as wrong usage", async (names, text) => {
    const run = await putAs(names);
    expect(run.code).toBe(2);
    expect(run.written.errors).toContain(text);
  });

  it.each([
    [["a"], "is local"],
    [["h:a", "i:b", "."], "different servers"],
    [["h:", "."], "which file"],
  ])("get refuses %j as wrong usage", async (names, text) => {
    const run = await getAs(names);
    expect(run.code).toBe(2);
    expect(run.written.errors).toContain(text);
  });

  it("say by their exit code why there is no connection", async () => {
    writeFileSync(join(local, "f"), "f");
    const names = [join(local, "f"), `${ALICE}:`];
    const unreachable = await putAs(names, { port: 1 });
    expect(unreachable.code).toBe(5);
    expect(unreachable.written.errors).toMatch(/^moorage: [^\n]+\n$/);
    const refused = await putAs([join(local, "f"), "nobody@127.0.0.1:"], { json: true });
    expect(refused.code).toBe(4);
    expect(JSON.parse(refused.written.text)).toMatchObject({ type: "error", failure: "refused" });
    const home = process.env.HOME;
    process.env.HOME = local;
    try {
      expect((await putAs(names, { acceptNew: false })).code).toBe(6);
    } finally {
      process.env.HOME = home;
    }
  });
});

describe.each([["moorage"], ["OpenSSH"]])("lines from standard input, on %s", (name) => {
  const at = () =>
    name === "moorage"
      ? { user: "alice", port: server.port }
      : { user: sshd.user, port: sshd.port };

  it("do what the commands say", async () => {
    const bytes = randomBytes(3000);
    writeFileSync(join(local, "photo 1.jpg"), bytes);
    writeFileSync(join(local, "photo 2.jpg"), bytes);
    const run = await script(
      [
        "# a comment",
        `lcd '${local}'`,
        "mkdir -p work/deep/er",
        "cd work",
        "put *.jpg deep",
        "ls -l deep",
        "mv 'deep/photo 1.jpg' first.jpg",
        "ls -1",
        "get deep/photo\\ 2.jpg copy.jpg",
        'lls "copy"*',
        "pwd",
        "rm -r deep",
        "ls",
        "- rm missing",
        "cd",
        "rm -r work",
        "help put",
        "put --help",
        "quit",
        "rm never-reached",
      ].join("\n"),
      at(),
    );
    expect(run.code).toBe(0);
    const { text, errors } = run.written;
    expect(text).toMatch(/-rw.{7} 3000 \d{4}-\d\d-\d\d \d\d:\d\d photo 1\.jpg\n/);
    expect(text).toContain("deep/\nfirst.jpg\n");
    expect(text).toContain(`${join(local, "copy.jpg")}\n`);
    expect(text).toMatch(/\/work\nfirst\.jpg\n/);
    expect(text.match(/usage: put /g)).toHaveLength(2);
    expect(errors).toContain("missing");
    expect(errors).not.toContain("never-reached");
    expect(readFileSync(join(local, "copy.jpg")).equals(bytes)).toBe(true);
  });

  it("end at the first that fails", async () => {
    const run = await script("ls missing\nmkdir never\n", at());
    expect(run.code).toBe(1);
    expect(run.written.errors).toMatch(/missing: no such file/i);
    expect((await script("rmdir never\n", at())).code).toBe(1);
  });
});

it("sends and lists local names that are no text, by patterns and in directories", async () => {
  const name = Buffer.from("caf\xe9", "latin1");
  const at = (...parts: (string | Buffer)[]) =>
    Buffer.concat(parts.flatMap((part) => [Buffer.from("/"), Buffer.from(part)]).slice(1));
  mkdirSync(at(local, "tree"));
  mkdirSync(at(local, "tree", name));
  for (const path of [at(local, name), at(local, "tree", name, name)]) writeFileSync(path, "bytes");
  const there = join(server.home("alice"), "bytes");
  const lines = [`lcd '${local}'`, "mkdir bytes", "cd bytes", "lls c*", "put c*", "put -r tr*"];
  const run = await script([...lines, "lcd tree/*", "lpwd", "put * again"].join("\n"));
  expect(run.written.errors).toBe("");
  expect(run.code).toBe(0);
  expect(run.written.text).toContain("caf\u{FFFD}\n");
  expect(run.written.text).toContain("tree/caf\u{FFFD}\n");
  expect([...tree(there).keys()]).toEqual([
    "again",
    "caf\xe9",
    "tree",
    "tree/caf\xe9",
    "tree/caf\xe9/caf\xe9",
  ]);
});

it("sends such names of the command line, too", async () => {
  const name = Buffer.from("/caf\xe9", "latin1");
  writeFileSync(Buffer.concat([Buffer.from(local), name]), "of the command line");
  mkdirSync(join(server.home("alice"), "typed"));
  const options = ["-F", "none", "--accept-new", "-i", key, "-P", server.port];
  const command = [process.execPath, PROGRAM, "put", ...options, "c*", `${ALICE}:typed`];
  await promisify(execFile)("sh", ["-c", command.join(" ")], { cwd: local });
  expect([...tree(join(server.home("alice"), "typed")).keys()]).toEqual(["caf\xe9"]);
});

it("prints checksums and the quota", async () => {
  writeFileSync(join(server.home("alice"), "sum.txt"), "sum");
  const sum = (name: string) => createHash(name).update("sum").digest("hex");
  const run = await script("md5 sum.txt\nsha256 s*.txt\ndf\nquota\n");
  expect(run.written.errors).toBe("");
  expect(run.written.text).toContain(`${sum("md5")}  /sum.txt\n${sum("sha256")}  /sum.txt\n`);
  expect(run.written.text).toMatch(/Size +Used +Free +Use% +Path\n/);
});

it("shows names with escape sequences as text", async () => {
  writeFileSync(join(server.home("alice"), "evil\u001b[2J\u009bm.txt"), "");
  const run = await script("ls\nls -l\nmd5 evil*\nget evil* /nowhere/at/all\n");
  expect(run.written.text).toContain("evil\\x1b[2J\\x9bm.txt");
  expect((run.written.text + run.written.errors).replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
});
