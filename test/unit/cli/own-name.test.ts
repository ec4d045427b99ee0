import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ownCall } from "../../../src/cli/own-name.ts";

let place: string;

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), "moorage-name-"));
});

afterEach(() => rmSync(place, { recursive: true }));

const PROGRAM = "/opt/moorage/dist/src/moorage.cjs";

function called(path: string | undefined, directory = "/srv/moorage", program = PROGRAM): string {
  return ownCall({ path, program, directory });
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
