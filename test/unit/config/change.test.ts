import { describe, expect, test } from "vitest";
import { changedFile, fileValue } from "../../../src/config/change.ts";
import { ConfigError } from "../../../src/config/errors.ts";
import { entriesOf, FileProblem } from "../../../src/config/file.ts";
import { settingNamed } from "../../../src/config/load.ts";
import { ALL_SETTINGS } from "../../../src/config/settings.ts";

const queue = settingNamed("limits.queue");

describe("a piece of text", () => {
  test.each([
    ["limits.queue", "7", 7],
    ["quota.default", "20GB", "20GB"],
    ["quota.default", "none", "none"],
    ["limits.login_grace", "45", 45],
    ["digests.on_upload", "md5, sha1", ["md5", "sha1"]],
    ["access.deny", "", []],
    ["metrics.users", "true", true],
    ["server.banner", "true", "true"],
    ["server.banner", "7", "7"],
    ["log.level", "debug", "debug"],
    ["trash.keep", "off", "off"],
  ])("is of %s %j in the file %j", (name, text, value) => {
    expect(fileValue(settingNamed(name), text)).toEqual(value);
  });

  test("that is no value of the setting is refused with what it must be", () => {
    expect(() => fileValue(queue, "many")).toThrow(
      new ConfigError(['limits.queue: must be a whole number from 0 to 100000, not "many"']),
    );
    const url = settingNamed("store.url");
    expect(() => fileValue(url, "mysql://u:secret@h/d")).toThrow(/^(?!.*secret)/);
  });

  test("of every default means the default, in the file too", () => {
    for (const named of ALL_SETTINGS.filter(({ name }) => name !== "events")) {
      const { default: usual, format, schema } = named.setting;
      const value = fileValue(named, format(usual));
      const text = changedFile("", named, value);
      expect(schema.parse(value)).toEqual(usual);
      expect(text).toContain(`[${named.section}]`);
    }
  });
});

describe("what would change anything else is refused", () => {
  test.each([
    [
      "events are tables",
      "events",
      [],
      "",
      /^events are tables of moorage\.toml: change them there/,
    ],
    ["the file is no TOML", "limits.queue", 1, "[limits\n", /^moorage\.toml:1:\d+: /],
    ["the table is a value", "limits.queue", 1, "limits = 1\n", /^moorage\.toml/],
    ["several tables have it", "limits.queue", 1, "[[limits]]\nqueue = 1\n", /^moorage\.toml/],
    ["half a character", "server.banner", "\ud800", "", /^moorage\.toml/],
    [
      "a key has escapes",
      "limits.queue",
      1,
      '[limits]\n"que\\u0075e" = 2\n',
      /^moorage\.toml can't be changed at limits\.queue alone: change it there$/,
    ],
    [
      "a table has escapes",
      "limits.queue",
      1,
      '["l\\u0069mits"]\nqueue = 2\n',
      /^moorage\.toml can't be changed at limits\.queue alone: change it there$/,
    ],
    [
      "comments would go",
      "access.deny",
      [],
      '[access]\ndeny = [\n"192.0.2.1", # scans\n]\n',
      /comments inside of the value of access\.deny/,
    ],
  ])("%s", (_, name, value, text, problem) => {
    const change = () => changedFile(text, settingNamed(name), value);
    expect(change).toThrow(FileProblem);
    expect(change).toThrow(problem);
  });

  test("names that mean something in JavaScript are names", () => {
    const text = '"__proto__".x = 1\n[constructor]\ny = 2\n';
    expect(changedFile(text, queue, 5)).toBe(`${text}\n[limits]\nqueue = 5\n`);
  });
});

test("a file that has the value already stays, and so does one without the key", () => {
  const text = "[limits]\nqueue = 0x7 # seven\n";
  expect(changedFile(text, queue, 7)).toBe(text);
  expect(changedFile("# a\n", queue, undefined)).toBe("# a\n");
});

test("the table stays when its last key goes", () => {
  expect(changedFile("[limits]\nqueue = 1\n", queue, undefined)).toBe("[limits]\n");
});

test.each([
  ["limits.que", "limits.que: unknown setting; did you mean limits.queue?"],
  ["queue", "queue: unknown setting; did you mean limits.queue?"],
  ["x.y\u001b[m", "x.y [m: unknown setting"],
])("an unknown name %j is refused with the nearest one", (name, problem) => {
  expect(() => settingNamed(name)).toThrow(new ConfigError([problem]));
});

test("a byte order mark stays alone, and in front", () => {
  const [bom, one] = ["\ufeff", settingNamed("limits.max_sessions")];
  const text = `${bom}limits.queue = 1\n`;
  expect(changedFile(text, queue, 2)).toBe(`${bom}limits.queue = 2\n`);
  expect(changedFile(text, one, 2)).toBe(`${text}limits.max_sessions = 2\n`);
  expect(changedFile(text, queue, undefined)).toBe(bom);
  expect(changedFile(`${bom}[limits]\n`, queue, 2)).toBe(`${bom}[limits]\nqueue = 2\n`);
  expect(entriesOf(text)).toMatchObject([{ place: "moorage.toml:1 (limits.queue)" }]);
});
