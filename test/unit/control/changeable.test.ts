import { expect, test } from "vitest";
import { ALL_SETTINGS } from "../../../src/config/settings.ts";
import { CHANGEABLE, FILE_ONLY, fixedBy, UNTOLD } from "../../../src/control/changeable.ts";

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
