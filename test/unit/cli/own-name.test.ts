import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { nextLines } from "../../../src/cli/first-start.ts";
import { ownCall } from "../../../src/cli/own-name.ts";

let place: string;

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), "moorage-name-"));
});

afterEach(() => rmSync(place, { recursive: true }));

const PROGRAM = "/opt/moorage/dist/src/moorage.cjs";

function called(path: string | undefined, directory = "/srv/moorage", program = PROGRAM): string {
  return ownCall({ path, program, directory }).call;
}

function program(directory: string, mode = 0o755): string {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "moorage"), "#!/bin/sh\n");
  chmodSync(join(directory, "moorage"), mode);
  return directory;
}

test("by its name where the shell finds it", () => {
  expect(called(`/nowhere:${program(join(place, "bin"))}`)).toBe("moorage");
});

test.each([[undefined], [""], ["/nowhere"], ["."]])("by Node.js with the path %j", (path) => {
  expect(called(path)).toBe(`node ${PROGRAM}`);
});

test("what npm adds to the path for what it runs is not the shell's", () => {
  const bin = program(join(place, "node_modules/.bin"));
  expect(called(`${bin}:${place}`)).toBe(`node ${PROGRAM}`);
  expect(called(`${bin}:${program(join(place, "bin"))}`)).toBe("moorage");
});

test("a directory, or what can't be run, is not the program", () => {
  mkdirSync(join(place, "moorage"));
  const shut = program(join(place, "shut"), 0o644);
  expect(called(`${place}:${shut}`)).toBe(`node ${PROGRAM}`);
});

test("below the directory it has a short path, and elsewhere the whole one, as a shell takes it", () => {
  expect(called("", "/opt/moorage")).toBe("node dist/src/moorage.cjs");
  expect(called("", "/opt/moorage/dist")).toBe("node src/moorage.cjs");
  expect(called("", "/opt/moor")).toBe(`node ${PROGRAM}`);
  expect(called("", "/srv", "/my programs/moorage.cjs")).toBe("node '/my programs/moorage.cjs'");
});

test("what to do next names the instance, but for a program below it, which works only there", () => {
  const next = (directory: string, path: string) =>
    nextLines({ env: { PATH: "" } }, directory, path);
  expect(next("/srv", PROGRAM).at(-1)).toBe(`  node ${PROGRAM} --root /srv user add alice`);
  expect(next("/srv", "/ann's programs/moorage.cjs").at(-1)).toBe(
    "  node '/ann'\\''s programs/moorage.cjs' --root /srv user add alice",
  );
  const below = next("/opt/moorage", PROGRAM);
  expect(below.at(-1)).toBe("  node dist/src/moorage.cjs user add alice");
  expect(below.join(" ")).toContain("in its directory, in a second terminal:");
  const found = nextLines({ env: { PATH: program(join(place, "bin")) } }, "/opt/moorage", PROGRAM);
  expect(found.at(-1)).toBe("  moorage --root /opt/moorage user add alice");
});
