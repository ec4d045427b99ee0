import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ConfigError } from "../../../src/config/errors.ts";
import { loadConfig, readSettings } from "../../../src/config/load.ts";
import { ALL_SETTINGS, SETTINGS } from "../../../src/config/settings.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "moorage-config-"));
});

afterEach(() => {
  rmSync(root, { recursive: true });
});

function file(text: string): void {
  writeFileSync(join(root, "moorage.toml"), text);
}

/** The problems of a configuration that must be refused. */
function problems(
  env: Record<string, string> = {},
  flags: Record<string, string> = {},
): readonly string[] {
  try {
    loadConfig({ root, env, flags });
  } catch (thrown) {
    if (thrown instanceof ConfigError) return thrown.problems;
    throw thrown;
  }
  throw new Error("it was accepted");
}

describe("values", () => {
  test("without any source every setting has its default", () => {
    const config = loadConfig({ root, env: { HOME: "/root", PATH: "" } });
    for (const { section, key, setting } of ALL_SETTINGS) {
      expect((config[section] as Record<string, unknown>)[key]).toEqual(setting.default);
    }
    expect(config.server).toEqual({
      host: "0.0.0.0",
      port: 2222,
      workers: 0,
      proxyFrom: [],
      banner: "",
      user: "",
      group: "",
    });
    expect(config.limits.maxSessions).toBe(256);
    expect(config.limits.maxSessionsPerUser).toBe(16);
    expect(config.limits.loginGrace).toBe(120_000);
    expect(config.limits.loginTries).toBe(3);
    expect(config.quota.default).toBe(10_240_000_000);
    expect(config.auth.argon2Memory).toBe(64 * 1024 * 1024);
  });

  test.each([
    ["0", 0],
    ["1m", 60_000],
  ])("a duration that may be never is %s", (text, milliseconds) => {
    expect(loadConfig({ root, env: {}, flags: { "--audit-file-age": text } }).audit.fileAge).toBe(
      milliseconds,
    );
  });

  test("or not so short that it happens again and again", () => {
    expect(problems({}, { "--audit-file-age": "1s" })[0]).toContain("0 for never, or a duration");
  });

  test("every default is a value that its own setting takes", () => {
    for (const { setting, name } of ALL_SETTINGS) {
      const parsed = setting.schema.safeParse(setting.format(setting.default));
      expect({ name, ...parsed }).toMatchObject({ name, success: true, data: setting.default });
    }
  });

  test("flags win over variables, variables over the file", () => {
    file("[limits]\nmax_sessions = 1\nqueue = 1\nlogin_tries = 1\n");
    const env = { MOORAGE_LIMITS_QUEUE: "2", MOORAGE_LIMITS_LOGIN_TRIES: "2" };
    const config = loadConfig({ root, env, flags: { "--limits-login-tries": "3" } });
    expect(config.limits).toMatchObject({ maxSessions: 1, queue: 2, loginTries: 3 });
  });

  test("sizes, durations and none are read from all sources", () => {
    file('[quota]\ndefault = "none"\nfiles = 7\n[limits]\nlogin_grace = 45\n');
    const env = { MOORAGE_AUTH_ARGON2_MEMORY: "32MiB", MOORAGE_QUOTA_FILES: "none" };
    const config = loadConfig({ root, env, flags: { "--audit-keep": "2w" } });
    expect(config.quota).toEqual({ default: null, files: null });
    expect(config.limits.loginGrace).toBe(45_000);
    expect(config.auth.argon2Memory).toBe(33_554_432);
    expect(config.audit.keep).toBe(1_209_600_000);
  });

  test("every setting can be given in the file, as a variable and as a flag", () => {
    const values = ALL_SETTINGS.map((named) => ({
      named,
      text: named.setting.format(named.setting.default),
    }));
    file(values.map(({ named, text }) => `${named.name} = ${JSON.stringify(text)}`).join("\n"));
    const env = Object.fromEntries(values.map(({ named, text }) => [named.variable, text]));
    const flags = Object.fromEntries(values.map(({ named, text }) => [named.flag, text]));
    const expected = loadConfig({ root: "/nonexistent", env: {} });
    expect(loadConfig({ root, env: {} })).toEqual(expected);
    expect(loadConfig({ root, env })).toEqual(expected);
    expect(loadConfig({ root, env, flags })).toEqual(expected);
  });

  test("--host and --port are short for --server-host and --server-port", () => {
    const flags = { "--host": "::1", "--port": "0" };
    expect(loadConfig({ root, env: {}, flags }).server).toMatchObject({ host: "::1", port: 0 });
  });

  test("tells where each value comes from", () => {
    file("[limits]\n# comment\nqueue = 5\n");
    const env = { MOORAGE_LOG_LEVEL: "debug" };
    const origins = new Map(
      readSettings({ root, env, flags: { "--port": "1" } }).map((s) => [s.named.name, s.origin]),
    );
    expect(origins.get("limits.queue")).toBe("moorage.toml:3 (limits.queue)");
    expect(origins.get("log.level")).toBe("MOORAGE_LOG_LEVEL");
    expect(origins.get("server.port")).toBe("--port");
    expect(origins.get("server.host")).toBe("default");
  });
});

describe("problems", () => {
  test("all of all sources are listed, each with its place", () => {
    file('[limits]\nmax_sessions = "many"\nmax_sesions_per_user = 3\n\n[sever]\nport = 1\n');
    const env = { MOORAGE_LIMITS_QUEU: "1", MOORAGE_LOG_LEVEL: "loud" };
    expect(problems(env, { "--port": "99999" })).toEqual([
      "moorage.toml:3 (limits.max_sesions_per_user): unknown setting; did you mean limits.max_sessions_per_user?",
      "moorage.toml:6 (sever.port): unknown setting; did you mean server.port?",
      "MOORAGE_LIMITS_QUEU: unknown setting; did you mean MOORAGE_LIMITS_QUEUE?",
      'moorage.toml:2 (limits.max_sessions): must be a whole number from 1 to 100000, not "many"',
      'MOORAGE_LOG_LEVEL: must be one of trace, debug, info, warn, error, silent, not "loud"',
      '--port: must be a whole number from 0 to 65535, not "99999"',
    ]);
  });

  test.each([
    ["limits.max_sessions = 0", "limits.max_sessions"],
    ["limits.max_sessions = 1.5", "limits.max_sessions"],
    ["limits.max_sessions = true", "limits.max_sessions"],
    ["limits.max_sessions = [1]", "limits.max_sessions"],
    ["limits.max_sessions = 2020-01-01", "limits.max_sessions"],
    ["limits.handles_per_channel = 63", "limits.handles_per_channel"],
    ['limits.login_grace = "0"', "limits.login_grace"],
    ['limits.login_grace = "1y"', "limits.login_grace"],
    ['quota.default = "-1"', "quota.default"],
    ["quota.default = -1", "quota.default"],
    ['quota.default = "10000TiB"', "quota.default"],
    ['quota.default = ""', "quota.default"],
    ['quota.files = "1GB"', "quota.files"],
    ["server.host = 1", "server.host"],
    ['server.host = ""', "server.host"],
    ['log.file = "/var/log/moorage"', "log.file"],
    ['log.file = "db/../../x"', "log.file"],
    ['log.format = "xml"', "log.format"],
  ])("%s is refused", (line, name) => {
    file(line);
    const [problem, ...others] = problems();
    expect(problem).toMatch(new RegExp(`^moorage\\.toml:1 \\(${name}\\): must be `));
    expect(others).toEqual([]);
  });

  test.each([
    ["limits = 3", "moorage.toml:1 (limits): is a table; write [limits]"],
    ["[[limits]]\nqueue = 1", "moorage.toml:1 (limits): is a table; write [limits]"],
    ["[limit]", "moorage.toml:1 (limit): unknown setting; did you mean limits?"],
    [
      "[server]\nmax_sessions = 1",
      "moorage.toml:2 (server.max_sessions): unknown setting; did you mean limits.max_sessions?",
    ],
    ["zzzzzz = 1", "moorage.toml:1 (zzzzzz): unknown setting"],
    [
      "[limits]\nmaxSessions = 1",
      "moorage.toml:2 (limits.maxSessions): unknown setting; did you mean limits.max_sessions?",
    ],
    [
      "[limits.queue]\nx = 1",
      "moorage.toml:2 (limits.queue.x): unknown setting; did you mean limits.queue?",
    ],
    ["__proto__ = 1", "moorage.toml:1 (__proto__): unknown setting"],
  ])("%j is refused", (text, problem) => {
    file(text);
    expect(problems()).toEqual([problem]);
  });

  test("what is no setting any more is named with its value, from every source", () => {
    file("[limits]\ncommand_queue = 3\n");
    expect(problems({ MOORAGE_DIGESTS_QUEUE: "1" })).toEqual([
      "moorage.toml:2 (limits.command_queue): no setting any more, always 64; remove it",
      "MOORAGE_DIGESTS_QUEUE: no setting any more, always 1000; remove it",
    ]);
    file("");
    const { limits, digests } = loadConfig({ root, env: {} });
    expect([limits.commandQueue, digests.queue]).toEqual([64, 1000]);
  });

  test("text that is no TOML is refused with line and column, beside the others", () => {
    file("[limits]\nqueue = = 3\n");
    const found = problems({ MOORAGE_NONSENSE: "1" });
    expect(found).toHaveLength(2);
    expect(found[0]).toMatch(/^moorage\.toml:2:\d+: [^\n]+$/);
    expect(found[1]).toMatch(/^MOORAGE_NONSENSE: unknown setting/);
  });

  test("a line within a text of several lines is not taken for a key", () => {
    file('[server]\nbanner = """\nport = 5\n"""\nport = "x"\n');
    expect(problems()[0]).toMatch(/^moorage\.toml:5 \(server\.port\)/);
  });

  test("MOORAGE_ROOT is no setting", () => {
    expect(loadConfig({ root, env: { MOORAGE_ROOT: "/x" } }).server.port).toBe(2222);
  });

  test("an empty variable is a bad number, and an empty text", () => {
    expect(problems({ MOORAGE_SERVER_PORT: "" })).toHaveLength(1);
    expect(loadConfig({ root, env: { MOORAGE_SERVER_BANNER: "" } }).server.banner).toBe("");
  });

  test("a flag and its short form together are refused", () => {
    expect(problems({}, { "--port": "1", "--server-port": "2" })).toEqual([
      "--server-port: the same as --port; give one of them",
    ]);
  });

  test("a long bad value is shortened", () => {
    const [problem] = problems({ MOORAGE_SERVER_PORT: "9".repeat(5000) });
    expect(problem?.length).toBeLessThan(200);
  });
});

test("the names of variables and flags are all different", () => {
  for (const names of [ALL_SETTINGS.map((n) => n.variable), ALL_SETTINGS.map((n) => n.flag)]) {
    expect(new Set(names).size).toBe(names.length);
  }
  expect(Object.keys(SETTINGS)).toEqual([...new Set(ALL_SETTINGS.map((n) => n.section))]);
});
