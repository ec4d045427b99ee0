import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { usableProcessors } from "../../src/processors.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "moorage-"));
  mkdirSync(join(root, "self"));
  mkdirSync(join(root, "a.slice/b.service"), { recursive: true });
  writeFileSync(join(root, "self/cgroup"), "0::/a.slice/b.service\n");
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

const processors = () => usableProcessors(root, root);

test("those it may run on, where no control group has a limit", () => {
  writeFileSync(join(root, "a.slice/b.service/cpu.max"), "max 100000\n");
  expect(processors()).toBe(availableParallelism());
  expect(usableProcessors(join(root, "none"), join(root, "none"))).toBe(availableParallelism());
});

test.each([
  ["of the process", "a.slice/b.service"],
  ["around it", "a.slice"],
  // A container sees its own as the root of all.
  ["of the container", ""],
])("the limit of the control group %s: a part of a processor is one", (_, group) => {
  writeFileSync(join(root, group, "cpu.max"), "50000 100000\n");
  expect(processors()).toBe(1);
});

test("a limit above what there is is none", () => {
  writeFileSync(join(root, "a.slice/cpu.max"), "100000000 100000\n");
  expect(processors()).toBe(availableParallelism());
});
