import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { tour, walk } from "../../../src/vfs/walk.ts";

function tree(): string {
  const root = mkdtempSync(join(tmpdir(), "moorage-walk-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, "a", "b"), { recursive: true });
  mkdirSync(join(root, "c"));
  for (const name of ["f", "a/g", "a/b/h"]) writeFileSync(join(root, name), "x");
  symlinkSync("/etc", join(root, "c", "out"));
  return root;
}

test("a tour says where it goes, and all of a directory before what is in those below", () => {
  const stops: string[] = [];
  for (const stop of tour(tree())) {
    if (stop !== undefined) stops.push(`${stop.kind} ${stop.path.join("/")}`);
  }
  const at = (stop: string): number => stops.indexOf(stop);
  expect([...stops].sort()).toEqual(
    ["a", "a/b", "c"]
      .map((name) => `entered ${name}`)
      .concat(["a", "a/b", "a/b/h", "a/g", "c", "c/out", "f"].map((name) => `entry ${name}`))
      .sort(),
  );
  expect(at("entered a")).toBeGreaterThan(Math.max(at("entry a"), at("entry c"), at("entry f")));
  expect(at("entry a/g")).toBeGreaterThan(at("entered a"));
  expect(at("entered a/b")).toBeGreaterThan(Math.max(at("entry a/b"), at("entry a/g")));
});

test("a walk tells entries only", () => {
  expect([...walk(tree())].filter((found) => found !== undefined)).toHaveLength(7);
});

test("a link in the place of the directory is not followed", () => {
  const root = tree();
  expect(() => [...tour(join(root, "c", "out"))]).toThrow(/ENOTDIR|ELOOP/);
});

test("with as many directories held as lie above each other a move is in nobody's way", () => {
  const root = tree();
  mkdirSync(join(root, "deep", ...Array.from({ length: 20 }, (_, n) => `${n}`)), {
    recursive: true,
  });
  const go = (held: number): void => {
    for (const stop of tour(join(root, "deep"), { held })) {
      if (stop?.kind !== "entered" || stop.path.length !== 15) continue;
      renameSync(join(root, "deep", "0", "1"), join(root, "moved"));
    }
  };
  expect(() => go(100)).not.toThrow();
  renameSync(join(root, "moved"), join(root, "deep", "0", "1"));
  expect(() => go(2)).toThrow(/was moved elsewhere/);
});
