import { execFileSync } from "node:child_process";
import {
  closeSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openGround } from "../../../src/vfs/ground.ts";
import { Jail } from "../../../src/vfs/jail.ts";
import { inspectFound, openFound } from "../../../src/vfs/opening.ts";
import { fromText } from "../../../src/vfs/path.ts";
import type { Place } from "../../../src/vfs/place.ts";
import { Space } from "../../../src/vfs/space.ts";
import { Tree } from "../../../src/vfs/tree.ts";
import { READ, WRITE } from "../../support/instance.ts";

let home: string;
let jail: Jail;
let place: Place;
const outside = () => join(home, "..", "outside");

/** A place that a file was found at. */
beforeEach(() => {
  const root = mkdtempSync(join(tmpdir(), "moorage-test-"));
  home = join(root, "home");
  mkdirSync(home);
  writeFileSync(outside(), "secret");
  writeFileSync(join(home, "file"), "mine");
  jail = new Jail(new Tree(openGround({ id: 1, name: "home" }, home)));
  place = jail.locate(fromText("file"), true);
  expect(place.seen?.isFile()).toBe(true);
});

afterEach(() => {
  place.close();
  jail.close();
  rmSync(join(home, ".."), { recursive: true });
});

function replace(make: (path: string) => void): void {
  rmSync(join(home, "file"));
  make(join(home, "file"));
}

test("the file that was found is opened", () => {
  const fd = openFound(place, READ) as number;
  expect(fstatSync(fd).size).toBe(4);
  closeSync(fd);
});

test("what became a link meanwhile is not followed", () => {
  replace((path) => symlinkSync("../outside", path));
  expect(openFound(place, READ)).toBeUndefined();
  expect(openFound(place, WRITE)).toBeUndefined();
});

test("what is gone meanwhile is not there", () => {
  replace(() => {});
  expect(openFound(place, READ)).toBeUndefined();
});

test("what became a pipe meanwhile stops nobody, and is no file", () => {
  replace((path) => execFileSync("mkfifo", [path]));
  const fd = openFound(place, READ) as number;
  const disk = new Space(() => 0).disk(0, home);
  expect(() => inspectFound(fd, READ, disk)).toThrow("EACCES");
  closeSync(fd);
});
