import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import type { Io } from "../../../src/cli/io.ts";
import { run } from "../../../src/cli/run.ts";
import { openStore } from "../../../src/store/store.ts";

const KEY =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ/Wq7jrQ3J1t0h9rYzWvWwqVd0nRZkC0Q8oXk7cX5mS me@example\n";
/** Cheap hashing, so that the tests are quick. */
const CHEAP = { MOORAGE_AUTH_ARGON2_MEMORY: "1MiB", MOORAGE_AUTH_ARGON2_TIME: "1" };

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "moorage-cli-"));
});

afterEach(() => {
  rmSync(root, { recursive: true });
});

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

interface World {
  readonly stdin?: string | Buffer;
  readonly terminal?: boolean;
  readonly colour?: boolean;
  readonly env?: Record<string, string>;
}

async function moorage(args: string, world: World = {}): Promise<Outcome> {
  const stdin: PassThrough & { isTTY?: boolean } = new PassThrough();
  stdin.isTTY = world.terminal ?? false;
  let [out, err] = ["", ""];
  const io: Io = {
    env: { ...CHEAP, MOORAGE_ROOT: root, ...world.env },
    stdin,
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
      // Each prompt is answered by the next line.
      if (/: $/.test(text)) stdin.write(`${answers.shift() ?? ""}\n`);
    },
    colour: world.colour ?? false,
  };
  const answers = world.terminal ? String(world.stdin ?? "").split("\n") : [];
  if (!world.terminal) stdin.end(world.stdin ?? "");
  const code = await run(args.split(" "), io);
  return { code, out, err };
}

/** A complaint is one line that begins with the program's name, and nothing on standard output. */
function expectComplaint(outcome: Outcome, code: number, text: RegExp): void {
  expect(outcome).toMatchObject({ code, out: "" });
  expect(outcome.err).toMatch(/^moorage: [^\n]+\n$/);
  expect(outcome.err).toMatch(text);
}

interface User extends Record<string, unknown> {
  readonly keys: string[];
}

async function users(): Promise<User[]> {
  return JSON.parse((await moorage("user list --json")).out);
}

describe("usage errors", () => {
  test.each([
    ["frobnicate", /unknown command 'frobnicate'; see `moorage --help`/],
    ["user ad x", /Did you mean add\?\); see `moorage user --help`$/m],
    ["user add", /missing required argument 'name'/],
    ["user add alice bob", /too many arguments.*; usage: moorage user add \[options\] <name>;/],
    [
      "user add alice --qota 1GB",
      /unknown option '--qota' \(Did you mean --quota\?\); see `moorage user add --help`$/m,
    ],
    ["user add alice --quota 1.5", /Give a size such as 10GB/],
    ["user add alice --quota -1", /Give a size such as 10GB|argument missing/],
    ["user add alice --max-files x", /Give a whole number/],
    ["user add alice --role king", /Allowed choices are user, admin/],
    ["user add alice --expires 30", /Give a date such as 2026-12-31, a duration such as 30d/],
    ["user set alice --expires 2026-02-30", /there is no 2026-02-30/i],
    ["user set alice --from 192.0.2.0/33", /"192\.0\.2\.0\/33" is no address or network/],
    ["user set alice --auth magic", /Give key, password, both/],
    ["user set alice --max-sessions 0", /Give a whole number from 1 to 100000, or none/],
    ["user add Alice --password-stdin", /can't be a user's name/],
    ["user passwd alice --password-stdin --generate", /cannot be used with/],
    ["user passwd alice", /--password-stdin or --generate/],
    ["user set alice", /nothing to change/],
    ["serve --no-such-flag", /unknown option/],
    ["serve --port x", /^moorage: --port: must be a whole number/],
    ["completion csh", /Allowed choices/],
    ["kick", /missing required argument 'session'/],
    [
      "--root user kick",
      /; usage: moorage kick \[options\] <session>; see `moorage kick --help`$/m,
    ],
    ["stop --grace soon", /Give a time such as 30s/],
    ["logs --since soon", /Give a time such as 1h/],
    ["logs --kind nonsense", /Allowed choices are login/],
    [
      "logs --kind login uplod",
      /argument 'uplod' is invalid \(Did you mean upload\?\); see `moorage logs --help`$/m,
    ],
    ["logs --group login", /argument 'login' is invalid \(Did you mean logins\?\)/],
    ["quota alice", /unknown command 'quota' \(Did you mean usage\?\); see `moorage --help`$/m],
    ["users", /unknown command 'users' \(Did you mean user list\?\);/],
    ["ls", /unknown command 'ls' \(Did you mean user list or connect\?\);/],
    ["--root x passwd dave", /unknown command 'passwd' \(Did you mean user passwd\?\);/],
    ["serv", /unknown command 'serv' \(Did you mean serve\?\);/],
    [
      "user del dave",
      /unknown command 'del' \(Did you mean remove\?\); see `moorage user --help`$/m,
    ],
    ["config show", /unknown command 'show' \(Did you mean check\?\);/],
    ["logs -n many", /Give a whole number/],
  ])("moorage %s", async (args, text) => {
    expectComplaint(await moorage(args, { stdin: "password\n" }), 2, text);
  });

  test("a group without its command prints help and is an error", async () => {
    for (const group of ["user", "user key", "config"]) {
      const { code, out, err } = await moorage(group);
      expect({ code, out }).toEqual({ code: 2, out: "" });
      expect(err).toContain(`Usage: moorage ${group}`);
    }
  });

  test("bad settings are listed, one a line, for every command that reads them", async () => {
    writeFileSync(join(root, "moorage.toml"), "[limits]\nqueue = -1\nnonsense = 1\n");
    for (const args of ["config check", "user add alice", "serve"]) {
      const { code, out, err } = await moorage(args);
      expect({ code, out }).toEqual({ code: 2, out: "" });
      expect(err.trimEnd().split("\n")).toHaveLength(2);
      for (const line of err.trimEnd().split("\n"))
        expect(line).toMatch(/^moorage: moorage\.toml:/);
    }
    expect(existsSync(join(root, "db"))).toBe(false);
  });
});

describe("help", () => {
  test.each(["--help", "user --help", "user add --help", "serve --help", "help usage"])(
    "moorage %s",
    async (args) => {
      const { code, out, err } = await moorage(args);
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(out).toMatch(/^Usage: moorage/);
    },
  );

  test("names the commands that there are, with examples and exit codes", async () => {
    const { out } = await moorage("help --all");
    for (const name of ["serve", "status", "stop", "config", "user", "usage", "completion"]) {
      expect(out).toMatch(new RegExp(`^  ${name}\\b`, "m"));
    }
    expect(out).toContain("Examples:");
    expect(out).toMatch(/3 the server is not\s+running/);
  });

  test("the version", async () => {
    expect((await moorage("--version")).out).toMatch(/^moorage \d+\.\d+\.\d+\n$/);
  });
});

describe("an instance that isn't there", () => {
  test("is not made by commands that only look, and status says 3", async () => {
    for (const args of ["user list", "user show alice", "usage", "user disable alice"]) {
      const wanted = `for a new one here, run \`moorage serve --root ${root}\``;
      expectComplaint(await moorage(args), 1, /no instance in .*: give --root DIR /);
      expect((await moorage(args)).err).toContain(wanted);
    }
    const wrongPlace = /o server runs on .*: there is no instance in it; give --root DIR/;
    for (const args of [
      "stop",
      "sessions",
      "kick alice",
      "reload",
      "restart",
      "restart --drain 1m",
    ]) {
      expectComplaint(await moorage(args), 3, wrongPlace);
    }
    expect((await moorage("status")).out).toMatch(wrongPlace);
    const status = await moorage("status --json");
    expect(status.code).toBe(3);
    expect(JSON.parse(status.out)).toMatchObject({ running: false, pid: null, sessions: 0 });
    expect(existsSync(join(root, "db"))).toBe(false);
  });

  test("is not made in a directory that nobody named, nor are settings written there", async () => {
    const env = { MOORAGE_ROOT: "" };
    const here = vi.spyOn(process, "cwd").mockReturnValue(root);
    onTestFinished(() => here.mockRestore());
    const makes = [
      "user add alice",
      "group add staff",
      "folder add x",
      "config set server.port 22",
    ];
    for (const args of makes) {
      expectComplaint(
        await moorage(args, { env }),
        1,
        /no instance in .*for a new one here, .*--root \./,
      );
      expect(readdirSync(root)).toEqual([]);
    }
    const world = { env, terminal: true, stdin: "tern-gull-41\ntern-gull-41" };
    expectComplaint(await moorage("user add alice", world), 1, /no instance in/);
    const asked = await moorage("user add alice --root .", world);
    expect(asked).toMatchObject({ code: 0, out: expect.stringContaining("Made a new instance") });
    expect(asked.err).toMatch(/^A new instance is made in [^\n]+\.\nThe password has/);
    expect(await moorage("group add staff", { env })).toMatchObject({ code: 0 });
  });

  test("a first start refuses a directory with other things in it that nobody named", async () => {
    const env = { MOORAGE_ROOT: "" };
    const here = vi.spyOn(process, "cwd").mockReturnValue(root);
    onTestFinished(() => here.mockRestore());
    writeFileSync(join(root, "letter.txt"), "");
    for (const args of ["serve --port 3", "serve --detach", "serve"]) {
      const refused = await moorage(args, { env });
      expectComplaint(refused, 1, /no instance in .*for a new one here, give --root \.$/m);
      expect(readdirSync(root)).toEqual(["letter.txt"]);
    }
  });

  test("a restore that did not finish is told of, before anything is asked or advised", async () => {
    const here = vi.spyOn(process, "cwd").mockReturnValue(root);
    onTestFinished(() => here.mockRestore());
    const env = { MOORAGE_ROOT: "" };
    const told = /a restore of a backup did not finish here/;
    const makes = ["user add alice", "group add staff", "config set server.port 22", "serve"];
    for (const name of ["RESTORE-UNFINISHED", "moorage.toml"]) {
      writeFileSync(join(root, name), "");
      for (const args of [...makes, "serve --detach", "user list"]) {
        expectComplaint(await moorage(args, { env }), 1, told);
      }
    }
    expect(readdirSync(root).sort()).toEqual(["RESTORE-UNFINISHED", "moorage.toml"]);
  });

  test.each([
    ["an empty directory", [], ""],
    ["what an earlier start left", ["keys", "lost+found"], ""],
    ["settings beside other things", ["moorage.toml", "letter"], ""],
    ["a checkout", ["keys", "homes", "db", "src"], ""],
    ["a directory that is named", ["letter"], " --root ."],
  ])("a first start takes %s", async (_, names, named) => {
    const here = vi.spyOn(process, "cwd").mockReturnValue(root);
    onTestFinished(() => here.mockRestore());
    for (const name of names) {
      if (name.endsWith(".toml")) writeFileSync(join(root, name), "");
      else mkdirSync(join(root, name));
    }
    // The place was taken where the next thing is what is wrong.
    for (const args of ["serve --port x", "serve --detach --port x"]) {
      const next = await moorage(args + named, { env: { MOORAGE_ROOT: "" } });
      expectComplaint(next, 2, /^moorage: --port: must be/);
    }
  });

  test.each([
    ["settings", ["moorage.toml"]],
    ["the directories of a checkout", ["keys", "homes", "db"]],
  ])("is made where there are %s already", async (_, names) => {
    const env = { MOORAGE_ROOT: "" };
    const here = vi.spyOn(process, "cwd").mockReturnValue(root);
    onTestFinished(() => here.mockRestore());
    for (const name of names) {
      if (name.endsWith(".toml")) writeFileSync(join(root, name), "");
      else mkdirSync(join(root, name));
    }
    expect(await moorage("user add alice", { env })).toMatchObject({ code: 0 });
    expect(existsSync(join(root, "homes/alice"))).toBe(true);
  });

  test("is made by user add", async () => {
    const { code, out } = await moorage("user add alice", {
      env: { MOORAGE_ROOT: join(root, "a/b") },
    });
    expect(code).toBe(0);
    expect(out).toContain(`Made a new instance in ${root}/a/b`);
    expect(existsSync(join(root, "a/b/homes/alice"))).toBe(true);
  });

  test("--root wins over MOORAGE_ROOT, before and after the command", async () => {
    await moorage(`--root ${root}/x user add alice`);
    await moorage(`user add alice --root ${root}/y`);
    expect(existsSync(join(root, "x/homes/alice"))).toBe(true);
    expect(existsSync(join(root, "y/homes/alice"))).toBe(true);
    expect(existsSync(join(root, "homes"))).toBe(false);
  });

  test("below what is no directory is told in one line", async () => {
    writeFileSync(join(root, "file"), "");
    expectComplaint(await moorage(`user add alice --root ${root}/file`), 1, /not a directory/);
    expectComplaint(await moorage("user add alice --root /proc/nope"), 1, /can't write in/);
  });
});

describe("users", () => {
  test("add, list and show have the JSON that scripts read", async () => {
    const added = await moorage("user add alice --password-stdin --quota 1.5GiB --role admin", {
      stdin: "correct horse\nand another line\n",
    });
    expect(added).toMatchObject({ code: 0, err: "" });
    expect(added.out).not.toContain("horse");
    const [alice] = await users();
    expect(alice).toEqual({
      name: "alice",
      role: "admin",
      enabled: true,
      quotaBytes: 1_610_612_736,
      usedBytes: 0,
      files: 0,
      keys: [],
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      lastLoginAt: null,
      expiresAt: null,
      from: null,
      auth: null,
      maxSessions: null,
      quotaOwn: true,
      groups: [],
      effective: {
        expiresAt: null,
        from: null,
        auth: null,
        maxSessions: null,
        uploadRate: null,
        downloadRate: null,
        trashKeep: null,
        require: null,
      },
      uploadRate: null,
      downloadRate: null,
      trashKeep: null,
      require: null,
      passwordChange: false,
    });
    expect(JSON.parse((await moorage("user show alice --json")).out)).toEqual({
      ...alice,
      secondFactor: false,
      access: [],
    });
    expect((await moorage("user show alice")).out).toMatch(/Password +set/);
  });

  test("quotas: the default of the settings, none, and back", async () => {
    const env = { MOORAGE_QUOTA_DEFAULT: "5MB" };
    await moorage("user add alice", { env });
    await moorage("user add bob --quota none", { env });
    await moorage("user add carol --quota default", { env });
    expect((await users()).map((user) => user.quotaBytes)).toEqual([5_000_000, null, 5_000_000]);
    expect((await moorage("user set alice --quota none --max-files 5")).code).toBe(0);
    expect((await moorage("user set bob --quota default", { env })).code).toBe(0);
    expect((await users()).map((user) => user.quotaBytes)).toEqual([null, 5_000_000, 5_000_000]);
    expect((await moorage("user show alice")).out).toMatch(/Max files +5/);
  });

  test("a quota of some bytes without a unit is taken, and said to be one of bytes", async () => {
    const note = (size: string, example: string) =>
      `moorage: the quota is ${size}: a size has a unit, such as ${example}\n`;
    const dave = await moorage("user add dave --quota 5");
    expect(dave).toMatchObject({ code: 0, err: note("5 bytes", "5GB") });
    expect((await moorage("group add staff --quota 1")).err).toBe(note("1 byte", "1GB"));
    expect((await moorage("folder add x --quota 512000")).err).toBe(note("512000 bytes", "512KB"));
    expect((await moorage("user set dave --quota 5001")).err).toBe(note("5001 bytes", "5.001KB"));
    expect((await users())[0]).toMatchObject({ quotaBytes: 5001 });
    const setting = await moorage("config set quota.default 20");
    expect(setting).toMatchObject({ code: 0, err: note("20 bytes", "20GB") });
    for (const size of ["0", "5B", "1000000", "none", "default"]) {
      const said = await moorage(`user set dave --quota ${size}`);
      expect({ size, ...said }).toMatchObject({ size, code: 0, err: "" });
    }
  });

  test("a letter alone is a unit of 1024, as `ls -h` has it", async () => {
    const added = await moorage("user add alice --quota 5G");
    expect(added).toMatchObject({ code: 0, err: "" });
    expect(added.out).toMatch(/^Added alice \(user, quota 5 GiB\)\.$/m);
    expect((await users())[0]).toMatchObject({ quotaBytes: 5 * 2 ** 30 });
    expectComplaint(await moorage("user set alice --quota 5Gi"), 2, /Give a size such as 10GB/);
  });

  test("limits of logins: set, shown only where they are set, and taken away", async () => {
    const limits =
      "--expires 2099-12-31 --from 192.0.2.9/24,2001:DB8::/32 --auth key --max-sessions 1";
    expect((await moorage(`user add alice ${limits}`)).code).toBe(0);
    await moorage("user add bob");
    const [alice, bob] = await users();
    const none = {
      expiresAt: null,
      from: null,
      auth: null,
      maxSessions: null,
      uploadRate: null,
      downloadRate: null,
      trashKeep: null,
      require: null,
    };
    expect(alice).toMatchObject({
      expiresAt: new Date(2099, 11, 31, 23, 59, 59, 999).toISOString(),
      from: ["192.0.2.0/24", "2001:db8::/32"],
      auth: ["key"],
      maxSessions: 1,
    });
    expect(bob).toMatchObject(none);
    const shown = (await moorage("user show alice")).out;
    expect(shown).toMatch(/^Expires +2099-12-31 23:59$/m);
    expect(shown).toMatch(/^Logs in from +192\.0\.2\.0\/24, 2001:db8::\/32$/m);
    expect(shown).toMatch(/^Logs in by +key$/m);
    expect(shown).toMatch(/^Max sessions +1$/m);
    expect((await moorage("user show bob")).out).not.toMatch(/Expires|Logs in|Max sessions/);
    const list = (await moorage("user list")).out;
    expect(list).toContain("until 2099-12-31 23:59, from 192.0.2.0/24 +1, by key, 1 session\n");
    const away = "--expires none --from any --auth any --max-sessions none";
    const { code, out } = await moorage(`user set alice ${away}`);
    expect(code).toBe(0);
    expect(out).not.toContain("LIMITS");
    expect((await moorage("user list")).out).not.toContain("LIMITS");
    expect((await users())[0]).toMatchObject(none);
  });

  test("an account that has expired is shown as such", async () => {
    await moorage("user add alice --expires 2020-01-01");
    expect((await moorage("user list")).out).toMatch(/^alice +user +expired /m);
    const { out } = await moorage("user show alice");
    expect(out).toMatch(/^State +expired$/m);
    expect(out).toMatch(/^Expires +2020-01-01 23:59 \(has expired\)$/m);
    const before = Date.now();
    await moorage("user set alice --expires 30d");
    const left = Date.parse(String((await users())[0]?.expiresAt)) - before;
    expect(left).toBeGreaterThanOrEqual(30 * 86_400_000);
    expect((await moorage("user list")).out).toMatch(/^alice +user +enabled /m);
  });

  test("without a terminal and a password one is made, strong, and printed once", async () => {
    const { out } = await moorage("user add alice");
    const password = /^Password: ([a-z0-9-]{20,})$/m.exec(out)?.[1];
    expect(password).toBeDefined();
    expect(out.split(password ?? "?")).toHaveLength(2);
    for (const args of ["user show alice", "user list --json", "user list"]) {
      expect((await moorage(args)).out).not.toContain(password);
    }
  });

  test("--generate makes one without asking, also with a key or on a terminal", async () => {
    writeFileSync(join(root, "key.pub"), KEY);
    const world = { terminal: true };
    const made = await moorage(`user add alice --generate --key ${root}/key.pub`, world);
    expect(made).toMatchObject({ code: 0, err: "" });
    expect(made.out).toMatch(/^Password: [a-z0-9-]{20,}$/m);
    expect((await moorage("user show alice")).out).toMatch(/Password +set/);
    expectComplaint(await moorage("user add bob --generate --password-stdin"), 2, /cannot be used/);
  });

  test("a terminal is asked twice, and what is typed is not shown", async () => {
    await moorage("user add carol");
    const good = await moorage("user add alice", {
      terminal: true,
      stdin: "tern-gull-41\ntern-gull-41",
    });
    const rule = "The password has at least 8 characters, and not one that is soon guessed.\n";
    expect(good).toMatchObject({ code: 0, err: `${rule}New password: \nThe same again: \n` });
    expect(good.out).not.toContain("tern");
    expect((await users()).map((user) => user.name)).toEqual(["alice", "carol"]);
  });

  test("a terminal is told the rule of the settings, and asked again for what is refused", async () => {
    const env = { MOORAGE_AUTH_PASSWORD_MIN_LENGTH: "9", MOORAGE_AUTH_PASSWORD_STRENGTH: "0" };
    await moorage("user add carol");
    const typed = ["short", "tern-gull-41", "tern-gull-42", "tern-gull-43", "tern-gull-43"];
    const added = await moorage("user add alice", { terminal: true, stdin: typed.join("\n"), env });
    expect(added).toMatchObject({ code: 0, out: expect.stringMatching(/^Added alice /m) });
    expect(added.err.split("\n")).toEqual([
      "The password has at least 9 characters.",
      "New password: ",
      "Not taken: the password has 5 characters: take 9 or more",
      "New password: ",
      "The same again: ",
      "Not taken: the two passwords are not the same",
      "New password: ",
      "The same again: ",
      "",
    ]);
    const set = { terminal: true, stdin: "tern-gull-44\ntern-gull-44" };
    const changed = await moorage("user passwd alice", set);
    expect(changed).toMatchObject({ code: 0, out: "Set the password of alice.\n" });
    expect(changed.err).toMatch(/^The password has at least 8 characters/);
  });

  test("three passwords that are refused are enough: nothing is made", async () => {
    const bad = { terminal: true, stdin: "x\npassword1\nsecret\nanother" };
    const { code, out, err } = await moorage("user add alice", bad);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toMatch(/^moorage: the password has 6 characters: .*; nothing was changed$/m);
    expect(err.match(/New password/g)).toHaveLength(3);
    expect(existsSync(join(root, "db"))).toBe(false);
  });

  test("what is wrong with a new user's name is told before a password is asked for", async () => {
    const bad = await moorage("user add Alice", { terminal: true, stdin: "secret\nsecret" });
    expectComplaint(bad, 2, /can't be a user's name/);
    expect(existsSync(join(root, "db"))).toBe(false);
    await moorage("user add alice");
    const taken = await moorage("user add alice", { terminal: true, stdin: "secret\nsecret" });
    expectComplaint(taken, 1, /exists already/);
  });

  test("a password that is guessed soon is refused, and no instance is made for it", async () => {
    for (const stdin of ["x\n", "password1\n"]) {
      const bad = await moorage("user add alice --password-stdin", { stdin });
      expectComplaint(
        bad,
        2,
        /^moorage: the password (has 1 character:|is one that is soon guessed)/,
      );
    }
    expect(existsSync(join(root, "db"))).toBe(false);
  });

  test("attack: a password in another encoding than UTF-8 can't be set, so no other one passes for it", async () => {
    const stdin = Buffer.from("gr\xfc\xdfe aus Kiel\n", "latin1");
    expectComplaint(await moorage("user add alice --password-stdin", { stdin }), 2, /not UTF-8/);
  });

  test("an empty password is refused", async () => {
    for (const stdin of ["", "\n", "\r\n"]) {
      expectComplaint(await moorage("user add alice --password-stdin", { stdin }), 2, /empty/);
    }
    expect(existsSync(join(root, "db"))).toBe(false);
  });

  test("a key file alone makes an account that only keys open", async () => {
    writeFileSync(join(root, "key.pub"), KEY);
    expect(await moorage(`user add alice --key ${root}/key.pub`)).toMatchObject({
      code: 0,
      err: "",
    });
    const [fingerprint] = (await users())[0]?.keys ?? [];
    expect(fingerprint).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/);
    expect((await moorage("user show alice")).out).toMatch(/Password +none/);
    const listed = await moorage("user key list alice");
    expect(listed.out).toContain(`${fingerprint}  ssh-ed25519`);
    expect(JSON.parse((await moorage("user key list alice --json")).out)).toEqual([
      {
        fingerprint,
        algorithm: "ssh-ed25519",
        comment: "me@example",
        createdAt: expect.stringMatching(/^\d{4}-.*Z$/),
        options: "",
        from: null,
        expiresAt: null,
        terminal: true,
        touchRequired: null,
        verifyRequired: null,
      },
    ]);
    expect((await moorage(`user key add alice ${root}/key.pub`)).out).toContain("already");
    expect((await moorage(`user key remove alice ${fingerprint}`)).code).toBe(0);
    expectComplaint(await moorage(`user key remove alice ${fingerprint}`), 1, /no key/);
    expect((await moorage("user key list alice")).out).toBe("alice has no keys.\n");
  });

  test("key files that can't be used are told, and never quoted", async () => {
    writeFileSync(join(root, "private"), "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n");
    const outcome = await moorage(`user add alice --key ${root}/private`);
    expectComplaint(outcome, 1, /private key/);
    expect(outcome.err).not.toContain("c2VjcmV0");
    expectComplaint(await moorage(`user add alice --key ${root}/missing`), 1, /can't read/);
    expectComplaint(await moorage(`user add alice --key ${root}`), 1, /can't read/);
    expect(existsSync(join(root, "db"))).toBe(false);
  });

  test("passwd sets, or makes, another password", async () => {
    await moorage("user add alice");
    const made = await moorage("user passwd alice --generate");
    expect(made).toMatchObject({ code: 0, out: expect.stringMatching(/^Password: /m) });
    const set = await moorage("user passwd alice --password-stdin", { stdin: "a new one" });
    expect(set).toMatchObject({ code: 0, out: "Set the password of alice.\n" });
    expectComplaint(await moorage("user passwd nobody --generate"), 1, /no user "nobody"/);
  });

  test("disable, enable, remove; the audit trail tells who", async () => {
    await moorage("user add alice");
    expect((await moorage("user disable alice")).out).toBe("Disabled alice.\n");
    expect((await users())[0]).toMatchObject({ enabled: false });
    expect((await moorage("user enable alice")).out).toBe("Enabled alice.\n");
    const kept = await moorage("user remove alice");
    expect(kept.out).toBe("Removed alice; its home is kept in homes/alice.\n");
    writeFileSync(join(root, "homes/alice/file"), "12345");
    await moorage("user add alice");
    expect((await users())[0]).toMatchObject({ usedBytes: 5, files: 1, enabled: true });
    const removed = await moorage("user remove alice --delete-home");
    expect(removed.out).toBe("Removed alice; its home is deleted.\n");
    expect(existsSync(join(root, "homes/alice"))).toBe(false);
    const store = await openStore(root, "command", "0");
    const records = await store.audit.query({ user: "alice", afterId: 0 });
    await store.close();
    for (const { actor } of records) expect(actor).toMatch(/^cli:./);
    expect(records.map(({ kind }) => kind)).toEqual([
      "user-add",
      "user-disable",
      "user-enable",
      "user-remove",
      "user-add",
      "user-remove",
    ]);
  });

  test("the last admin is only removed by force", async () => {
    await moorage("user add root --role admin");
    for (const args of ["user remove root", "user disable root", "user set root --role user"]) {
      expectComplaint(await moorage(args), 1, /last admin/);
      expect((await users())[0]).toMatchObject({ role: "admin", enabled: true });
    }
    expect((await moorage("user remove root --force")).code).toBe(0);
  });
});

describe("usage", () => {
  test("JSON of all and of one, with a rescan for files put there by other means", async () => {
    await moorage("user add alice --quota 1000");
    await moorage("user add bob --quota none");
    writeFileSync(join(root, "homes/alice/file"), "x".repeat(125));
    const before = JSON.parse((await moorage("usage --json")).out);
    expect(before).toEqual([
      { name: "alice", usedBytes: 0, quotaBytes: 1000, percent: 0, files: 0 },
      { name: "bob", usedBytes: 0, quotaBytes: null, percent: null, files: 0 },
    ]);
    const after = JSON.parse((await moorage("usage alice --json --rescan")).out);
    expect(after).toEqual({
      name: "alice",
      usedBytes: 125,
      quotaBytes: 1000,
      percent: 12.5,
      files: 1,
    });
    expect((await moorage("usage")).out).toMatch(/^alice +125 B +1 KB +12\.5 +1$/m);
    expectComplaint(await moorage("usage nobody"), 1, /no user "nobody": .*a folder is @NAME/);
  });

  test("a folder without its sign is told apart from a user", async () => {
    await moorage("folder add projects");
    const plain = await moorage("usage projects");
    expectComplaint(plain, 1, /^moorage: no user "projects"; did you mean @projects\?$/m);
    expect((await moorage("usage @projects")).out).toMatch(/^@projects +0 B/m);
    expectComplaint(
      await moorage("usage @project"),
      1,
      /no folder "@project"; did you mean @projects\?/,
    );
  });
});

describe("output", () => {
  test("tables have colours only where there are colours", async () => {
    await moorage("user add alice");
    expect((await moorage("user list")).out).not.toContain("\u001b");
    expect((await moorage("user list", { colour: true })).out).toContain("\u001b[1m");
    expect((await moorage("user list --json", { colour: true })).out).not.toContain("\u001b");
  });

  test("config check shows the settings in force and where they come from", async () => {
    writeFileSync(join(root, "moorage.toml"), '[quota]\ndefault = "1GiB"\n');
    const { code, out } = await moorage("config check");
    expect(code).toBe(0);
    expect(out).toMatch(/^quota\.default +1GiB +moorage\.toml:2 \(quota\.default\)$/m);
    expect(out).toMatch(/^auth\.argon2_memory +1MiB +MOORAGE_AUTH_ARGON2_MEMORY$/m);
    expect(out).toMatch(/^server\.port +2222 +default$/m);
    const json = JSON.parse((await moorage("config check --json")).out);
    expect(json).toMatchObject({
      quota: { default: 1_073_741_824 },
      limits: { queueTimeout: 30_000 },
    });
    expect(existsSync(join(root, "db"))).toBe(false);
  });

  test("a damaged database is told in one line", async () => {
    await moorage("user add alice");
    writeFileSync(join(root, "db/moorage.sqlite"), "no database at all".repeat(1000));
    expectComplaint(await moorage("user list"), 1, /damaged/);
  });
});
