import { expect, test } from "vitest";
import { settingNamed } from "../../../src/config/load.ts";
import { ALL_SETTINGS } from "../../../src/config/settings.ts";
import {
  CHANGEABLE,
  FILE_ONLY,
  fixedBy,
  kindHere,
  tooLittle,
  UNTOLD,
} from "../../../src/control/changeable.ts";

const NAMES = ALL_SETTINGS.map(({ name }) => name);

test("of each setting it was decided whether an admin may change it, also over SSH", () => {
  const decided = [...CHANGEABLE, ...Object.keys(FILE_ONLY)];
  // A new setting: read decision 44, and put it into one of the two lists.
  expect(decided.sort()).toEqual([...NAMES].sort());
});

test("attack: what runs programs, names files, listens or records is for the file alone", () => {
  const refused = NAMES.filter((name) => fixedBy(name, "default") !== undefined);
  expect(refused).toEqual(expect.arrayContaining(["events", "log.file", "metrics.listen"]));
  for (const name of NAMES.filter((one) => /^(store|audit|access|login|admin)\./.test(one))) {
    expect(refused).toContain(name);
  }
  for (const name of NAMES.filter((one) =>
    /[._]file$|\.(user|group|host|port|url|listen)$/.test(one),
  )) {
    expect(refused).toContain(name);
  }
});

test("a setting that is in no list is not changeable, and neither is what is none", () => {
  expect(fixedBy("limits.new", "default")).toContain("limits.new is changed in moorage.toml");
  expect(fixedBy("constructor", "default")).toContain("nobody has looked at it yet");
});

test("what a flag or the environment gives is not changed by the file", () => {
  expect(fixedBy("limits.queue", "--limits-queue")).toBe(
    "limits.queue comes from --limits-queue; the file would have no effect",
  );
  expect(fixedBy("limits.queue", "MOORAGE_LIMITS_QUEUE")).toContain("comes from MOORAGE_");
  expect(fixedBy("limits.queue", "moorage.toml:3 (limits.queue)")).toBeUndefined();
});

test("what may hold a secret is not told", () => {
  for (const name of UNTOLD) expect(NAMES).toContain(name);
  const holders = NAMES.filter((name) => /url|password_file|secret|^events/.test(name));
  for (const name of holders) expect(UNTOLD).toContain(name);
});

test.each([
  ["limits.idle_timeout", "1ms", "1m"],
  ["limits.login_grace", "1s", "20s"],
  ["limits.max_sessions", "1", "4"],
  ["limits.max_unauthenticated", "1", "16"],
  ["penalties.ipv4_prefix", "8", "16"],
  ["transport.keepalive_interval", "1ms", "5s"],
])("attack: %s = %s would let no admin in any more", (name, value, least) => {
  const named = settingNamed(name);
  expect(tooLittle(named, value)).toContain(`${name}: less than ${least} could shut out admins`);
  expect(tooLittle(named, least)).toBeUndefined();
  expect(kindHere(named)).toMatch(new RegExp(`; here at least ${least}$`));
});

test("what switches off is not too little, and neither is a default or what is no value", () => {
  expect(tooLittle(settingNamed("limits.idle_timeout"), "0")).toBeUndefined();
  expect(tooLittle(settingNamed("limits.idle_timeout"), "soon")).toBeUndefined();
  for (const named of ALL_SETTINGS.filter(({ name }) => CHANGEABLE.has(name))) {
    const { default: usual, format } = named.setting;
    expect(tooLittle(named, format(usual))).toBeUndefined();
  }
});

test("of what the command doesn't change it is not said that it does", () => {
  expect(fixedBy("events", "default")).toMatch(
    /^events is changed in moorage\.toml on the server's machine: /,
  );
});
