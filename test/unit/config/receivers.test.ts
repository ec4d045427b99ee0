import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { ConfigError } from "../../../src/config/errors.ts";
import { loadConfig, readSettings } from "../../../src/config/load.ts";

function problemsOf(text: string, env: Record<string, string> = {}): readonly string[] {
  try {
    loadConfig({ root: place(text), env });
    return [];
  } catch (thrown) {
    if (thrown instanceof ConfigError) return thrown.problems;
    throw thrown;
  }
}

function place(text: string): string {
  const root = mkdtempSync(join(tmpdir(), "moorage-config-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  writeFileSync(join(root, "moorage.toml"), text);
  return root;
}

const GOOD = `
[limits]
queue = 7

[[events]]
name = "ci"
kinds = ["transfers", "login"]
users = ["a*"]
url = "https://ci.example.com/hooks/t0ken?key=hush"
secret_file = "keys/ci.secret"
allow = ["10.0.0.0/8"]
at_once = 4
queue = 50
keep = "1h"

[[events]]
name = "scan"
kinds = ["upload"]
folders = ["inbox"]
command = ["/usr/bin/clamdscan", "-"]
timeout = "2m"
`;

test("receivers are tables of the file", () => {
  const root = place(GOOD);
  const { events, limits } = loadConfig({ root, env: {} });
  expect(limits.queue).toBe(7);
  expect(events.receivers).toMatchObject([
    {
      name: "ci",
      kinds: ["transfers", "login"],
      users: ["a*"],
      folders: [],
      url: "https://ci.example.com/hooks/t0ken?key=hush",
      secretFile: "keys/ci.secret",
      secretEnv: "",
      allow: ["10.0.0.0/8"],
      command: [],
      timeout: 10_000,
      atOnce: 4,
      queue: 50,
      queueBytes: 16 * 1024 * 1024,
      keep: 3_600_000,
    },
    { name: "scan", command: ["/usr/bin/clamdscan", "-"], timeout: 120_000, atOnce: 1 },
  ]);
});

test("attack: secrets in a URL are not among the settings that are shown", () => {
  const found = readSettings({ root: place(GOOD), env: {} }).find(
    ({ named }) => named.name === "events",
  );
  expect(found?.origin).toBe("moorage.toml:5 (events)");
  const shown = found?.named.setting.format(found.value);
  expect(shown).toBe("ci (https://ci.example.com), scan (/usr/bin/clamdscan)");
});

test("outside of the file they are JSON", () => {
  const all = [{ name: "a", kinds: ["all"], command: ["/bin/true"] }];
  const env = { MOORAGE_EVENTS: JSON.stringify(all) };
  expect(loadConfig({ root: place(""), env }).events.receivers).toMatchObject(all);
  const flags = { "--events": "" };
  expect(loadConfig({ root: place(GOOD), env, flags }).events.receivers).toEqual([]);
  expect(problemsOf("", { MOORAGE_EVENTS: "{" })).toHaveLength(1);
});

describe("what is refused", () => {
  const url = 'url = "https://x.example/"\nsecret_file = "s"';
  test.each([
    ['kinds = ["all"]\ncommand = ["/x"]', "receiver no. 1: name must be a name"],
    ['name = "A b"\nkinds = ["all"]\ncommand = ["/x"]', 'receiver "A b": name must be a name'],
    ['name = "a"\ncommand = ["/x"]', "kinds must say which events"],
    [
      'name = "a"\nkinds = ["uploads"]\ncommand = ["/x"]',
      '"uploads" is none, did you mean upload?',
    ],
    ['name = "a"\nkinds = ["all"]', "give either url or command"],
    [`name = "a"\nkinds = ["all"]\ncommand = ["/x"]\n${url}`, "give either url or command"],
    ['name = "a"\nkinds = ["all"]\ncommand = ["x"]', "command must begin with an absolute path"],
    ['name = "a"\nkinds = ["all"]\ncommand = "/x -y"', "command must be a list"],
    [`name = "a"\nkinds = ["all"]\n${url}\nsecret = "x"`, 'unknown key "secret"'],
    [`name = "a"\nkinds = ["all"]\n${url}\ntimout = "3s"`, "did you mean timeout?"],
    [`name = "a"\nkinds = ["all"]\n${url}\ntimeout = "1ms"`, "timeout must be a duration"],
    [`name = "a"\nkinds = ["all"]\n${url}\nat_once = 17`, "at_once must be a whole number"],
    [
      `name = "a"\nkinds = ["all"]\n${url}\nsecret_env = "S"`,
      "give either secret_file or secret_env",
    ],
    ['name = "a"\nkinds = ["all"]\nurl = "https://x/"', "give either secret_file or secret_env"],
    ['name = "a"\nkinds = ["all"]\nurl = "file:///etc"\nsecret_env = "S"', "url must be a URL"],
    [
      'name = "a"\nkinds = ["all"]\nurl = "https://u:p@x/"\nsecret_env = "S"',
      "no name and password",
    ],
    ['name = "a"\nkinds = ["all"]\nurl = "http://x/"\nsecret_env = "S"', "http is only for"],
    [
      'name = "a"\nkinds = ["all"]\nurl = "https://2130706433/"\nsecret_env = "S"',
      "127.0.0.1 is this machine",
    ],
    [
      'name = "a"\nkinds = ["all"]\nurl = "https://[::ffff:a9fe:a9fe]/"\nsecret_env = "S"',
      "169.254.169.254 is an address of the link",
    ],
    [`name = "a"\nkinds = ["all"]\n${url}\nallow = ["10.0.0.1/8"]`, "bits beyond its prefix"],
    [
      `name = "a"\nkinds = ["all"]\n${url}\nfolders = ["@team"]`,
      "folders must be a list of patterns",
    ],
  ])("%j", (keys, problem) => {
    const [first, ...more] = problemsOf(`[[events]]\n${keys}\n`);
    expect(first).toContain("moorage.toml:1 (events): must be tables [[events]]");
    expect(first).toContain(problem);
    expect(more).toEqual([]);
  });

  test("two of one name, and more than 32", () => {
    const one = (name: string): string =>
      `[[events]]\nname = "${name}"\nkinds = ["all"]\ncommand = ["/x"]\n`;
    expect(problemsOf(one("a") + one("a"))[0]).toContain("two receivers have the name a");
    const many = Array.from({ length: 33 }, (_, at) => one(`r${at}`)).join("");
    expect(problemsOf(many)[0]).toContain("there may be 32 receivers");
  });

  test("a table that is not in a list", () => {
    expect(problemsOf('[events]\nname = "a"\n')[0]).toContain("events.name): unknown setting");
  });
});
