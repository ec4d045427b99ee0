import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";

const BUNDLE = resolve("dist/src/program");
const PLACE = /new URL\("([^"]+)", import\.meta\.url\)\.href/g;

function texts(): string[] {
  const names = readdirSync(BUNDLE).filter((name) => name.endsWith(".js"));
  return names.map((name) => readFileSync(join(BUNDLE, name), "utf8"));
}

test("the program's entry is the bundle's", () => {
  const [, entry = ""] = /^import "\.\/(program\/entry-[^"]+)";$/m.exec(
    readFileSync(resolve("dist/src/main.js"), "utf8"),
  ) as RegExpExecArray;
  expect(existsSync(resolve("dist/src", entry))).toBe(true);
});

test("a module of the bundle that asks for its place is told where tsc put it", () => {
  const places = texts().flatMap((text) =>
    [...text.matchAll(PLACE)].map(([, place = ""]) => place),
  );
  expect(places).toEqual(expect.arrayContaining(["../server.js", "../auth/strength.js"]));
  for (const place of places) expect(existsSync(join(BUNDLE, place)), place).toBe(true);
  for (const text of texts()) {
    const [, ...rest] = text.replaceAll(PLACE, "").split("\n");
    expect(rest.filter((line) => line.includes("import.meta.url"))).toEqual([]);
  }
});
