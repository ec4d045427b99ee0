import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { world } from "./world.ts";

test("attack: the password of the database's URL is in no form of the settings", async () => {
  const here = world({ MOORAGE_STORE_URL: "postgres://u:secret@127.0.0.1/db" });
  for (const args of ["config check", "config check --json"]) {
    const { code, out } = await here.moorage(args);
    expect({ args, code }).toEqual({ args, code: 0 });
    expect(out).toContain("postgres://u:***@127.0.0.1/db");
    expect(out).not.toContain("secret");
  }
});

describe("config set and unset", () => {
  const text = (root: string) => readFileSync(join(root, "moorage.toml"), "utf8");

  test("work before there is an instance, and say that no server runs", async () => {
    const here = world();
    expect(await here.moorage("config set limits.max_sessions 500")).toEqual({
      code: 0,
      out: "limits.max_sessions is 500 (it was 256). No server runs here: the next start takes it.\n",
      err: "",
    });
    expect(text(here.root)).toBe("[limits]\nmax_sessions = 500\n");
    expect((await here.moorage("config unset limits.max_sessions")).out).toBe(
      "limits.max_sessions is 256, the default (it was 500). No server runs here: the next start takes it.\n",
    );
    expect(text(here.root)).toBe("[limits]\n");
    expect((await here.moorage("config unset limits.max_sessions")).out).toContain(
      "limits.max_sessions is 256, the default already.",
    );
  });

  test("also of what an admin can't change over SSH", async () => {
    const here = world();
    expect((await here.moorage("config set log.file db/moorage.log")).code).toBe(0);
    expect((await here.moorage(["config", "set", "server.banner", "Hello\nyou"])).out).toContain(
      'server.banner is Hello\\x0ayou (it was "").',
    );
    expect(text(here.root)).toBe(
      '[log]\nfile = "db/moorage.log"\n\n[server]\nbanner = "Hello\\nyou"\n',
    );
  });

  test("print JSON", async () => {
    const here = world();
    const { out } = await here.moorage("config set quota.default 20GB --json");
    expect(JSON.parse(out)).toEqual({
      name: "quota.default",
      value: 20_000_000_000,
      before: 10_240_000_000,
      changed: true,
      running: false,
      inForce: false,
    });
  });

  test("are in the audit trail of an instance, without what may be secret", async () => {
    const here = world();
    await here.moorage(["user", "add", "ann", "--password-stdin"], "tern-gull-41-x");
    await here.moorage("config set limits.queue 9");
    await here.moorage("config set store.password_file secrets/here");
    await here.moorage("config set limits.queue 9");
    const { out } = await here.moorage("logs --kind setting-set --json");
    const records = JSON.parse(out);
    expect(records.map(({ detail }: { detail: string }) => detail)).toEqual([
      "limits.queue = 9, was 128",
      "store.password_file",
    ]);
    expect(records[0].actor).toMatch(/^cli:/);
  });

  test("another database is recorded in the one that there was", async () => {
    const here = world();
    await here.moorage(["user", "add", "ann", "--password-stdin"], "tern-gull-41-x");
    expect(await here.moorage("config set store.url postgres://u@127.0.0.1:1/d")).toMatchObject({
      code: 0,
      err: "",
    });
    writeFileSync(join(here.root, "moorage.toml"), "");
    const { out } = await here.moorage("logs --kind setting-set --json");
    expect(JSON.parse(out)).toMatchObject([{ detail: "store.url" }]);
  });

  test("a trail that can't be written is said, and what is done stays done", async () => {
    const here = world();
    mkdirSync(join(here.root, "db"), { mode: 0o700 });
    writeFileSync(
      join(here.root, "db", "moorage.sqlite"),
      "no database, but as long as one ".repeat(200),
    );
    const { code, err } = await here.moorage("config set limits.queue 9");
    expect({ code, err }).toEqual({
      code: 0,
      err: "moorage: the change is not in the audit trail: the database can't be reached\n",
    });
    expect(text(here.root)).toBe("[limits]\nqueue = 9\n");
  });

  test.each([
    ["config set limits.que 1", 2, "limits.que: unknown setting; did you mean limits.queue?"],
    [
      "config set limits.queue many",
      2,
      'limits.queue: must be a whole number from 0 to 100000, not "many"',
    ],
    ["config unset events", 1, "events are tables of moorage.toml: change them there"],
    [
      "config set store.url postgres://u:secret@h/d",
      2,
      "a password stands there for others to read",
    ],
    [
      "config set auth.argon2_time 4",
      1,
      "auth.argon2_time comes from MOORAGE_AUTH_ARGON2_TIME; the file would have no effect",
    ],
    ["config set server.group staff", 2, "server.group does nothing without server.user"],
    ["config set limits.queue", 2, "missing required argument 'value'"],
  ])("%s is refused, and nothing written", async (args, code, problem) => {
    const here = world();
    const outcome = await here.moorage(args);
    expect(outcome).toMatchObject({ code, out: "", err: expect.stringContaining(problem) });
    expect(outcome.err.trim().split("\n")).toHaveLength(1);
    expect(outcome.err).not.toContain("secret@");
    expect(existsSync(join(here.root, "moorage.toml"))).toBe(false);
  });
});
