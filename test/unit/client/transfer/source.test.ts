import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { checkSources } from "../../../../src/client/transfer/source.ts";

let directory: string;
const at = (name: string): string => join(directory, name);

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "moorage-source-"));
  writeFileSync(at("file"), "");
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

it("takes what can be sent, also beside what can't", () => {
  checkSources([at("file")], false);
  checkSources([directory], true);
  checkSources([at("missing"), at("file")], false);
});

it("names what can't when there is nothing else", () => {
  const check = (names: readonly string[]) => () => checkSources(names, false);
  expect(check([at("missing")])).toThrow(`${at("missing")}: no such file or directory`);
  expect(check([directory])).toThrow(`${directory}: is a directory (-r sends it`);
  expect(check([`${at("file")}/`])).toThrow();
  expect(check([at("x"), at("y")])).toThrow(/x: no such file or directory; \S+y: no such file/);
  const many = Array.from({ length: 7 }, (_, index) => at(`${index}`));
  expect(check(many)).toThrow(/; and 2 more$/);
});
