import { expect, test } from "vitest";
import { ConfigError } from "../../../src/config/errors.ts";
import { loadConfig, readSettings } from "../../../src/config/load.ts";
import { LiveSettings } from "../../../src/control/settings.ts";

const ROOT = "/nonexistent";

function live(env: Record<string, string>): LiveSettings {
  return new LiveSettings(loadConfig({ root: ROOT, env }), () => readSettings({ root: ROOT, env }));
}

test("tells each setting's value and source, and which need a restart", () => {
  const list = live({ MOORAGE_LIMITS_QUEUE: "7" }).list();
  expect(list).toContainEqual({
    name: "limits.queue",
    value: "7",
    source: "MOORAGE_LIMITS_QUEUE",
    restart: false,
    waiting: null,
    default: "128",
    kind: "a whole number from 0 to 100000",
    description: "Places for correct logins that wait while all are taken.",
    options: null,
    fixed: "limits.queue comes from MOORAGE_LIMITS_QUEUE; the file would have no effect",
  });
  expect(list.find(({ name }) => name === "server.port")).toMatchObject({
    source: "default",
    restart: true,
  });
});

test("what new workers have taken doesn't wait for a restart any more", () => {
  const env: Record<string, string> = {};
  const settings = live(env);
  Object.assign(env, { MOORAGE_DIGESTS_WORKERS: "3", MOORAGE_LIMITS_MEMORY: "99MiB" });
  env.MOORAGE_LOG_FORMAT = "json";
  expect(settings.reload().needRestart).toEqual(["limits.memory", "log.format", "digests.workers"]);
  expect(settings.reload(true)).toEqual({
    applied: ["limits.memory", "digests.workers"],
    needRestart: ["log.format"],
  });
  const digests = settings.list().find(({ name }) => name === "digests.workers");
  expect(digests).toMatchObject({ value: "3", waiting: null });
});

test("a reload puts in force what can be, and names the rest", () => {
  const env: Record<string, string> = {};
  const settings = live(env);
  const { config } = settings;
  expect(settings.reload()).toEqual({ applied: [], needRestart: [] });
  Object.assign(env, {
    MOORAGE_LIMITS_QUEUE: "7",
    MOORAGE_LOG_LEVEL: "debug",
    MOORAGE_SERVER_PORT: "4022",
    MOORAGE_AUTH_ARGON2_TIME: "9",
  });
  expect(settings.reload()).toEqual({
    applied: ["limits.queue", "log.level"],
    needRestart: ["server.port", "auth.argon2_time"],
  });
  expect(config).toMatchObject({
    limits: { queue: 7 },
    log: { level: "debug" },
    server: { port: 2222 },
    auth: { argon2Time: 3 },
  });
  // What waits for a restart is named again, what is in force isn't.
  expect(settings.reload()).toEqual({
    applied: [],
    needRestart: ["server.port", "auth.argon2_time"],
  });
  const port = settings.list().find(({ name }) => name === "server.port");
  expect(port).toMatchObject({ value: "2222", waiting: "4022" });
  delete env.MOORAGE_SERVER_PORT;
  settings.reload();
  expect(settings.list().find(({ name }) => name === "server.port")?.waiting).toBeNull();
});

test("wrong settings change nothing", () => {
  const env: Record<string, string> = {};
  const settings = live(env);
  Object.assign(env, { MOORAGE_LIMITS_QUEUE: "7", MOORAGE_LIMITS_LOGIN_TRIES: "x" });
  expect(() => settings.reload()).toThrow(ConfigError);
  expect(settings.config.limits.queue).toBe(128);
});

test("the settings given are not touched", () => {
  const given = loadConfig({ root: ROOT, env: {} });
  const settings = new LiveSettings(given, () =>
    readSettings({ root: ROOT, env: { MOORAGE_LIMITS_QUEUE: "7" } }),
  );
  settings.reload();
  expect(settings.config.limits.queue).toBe(7);
  expect(given.limits.queue).toBe(128);
});
