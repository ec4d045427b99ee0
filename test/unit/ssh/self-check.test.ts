import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { checkSsh2, lackOf, type Shape, shapes } from "../../../src/ssh/self-check.ts";

/** A copy of the object in which the part at the path is something else. */
function doctored(object: object, [name = "", ...rest]: readonly string[]): object {
  const copy = Object.create(
    Object.getPrototypeOf(object),
    Object.getOwnPropertyDescriptors(object),
  ) as Record<string, object>;
  const value = rest.length === 0 ? Symbol("other") : doctored(copy[name] as object, rest);
  return Object.defineProperty(copy, name, { value });
}

const every = shapes().flatMap(({ name, has }, index) =>
  Object.entries(has).map(([path, kind]) => ({ line: `${name}.${path} (${kind})`, index, path })),
);

function withOther(index: number, object: (shape: Shape) => object): Shape[] {
  return shapes().map((shape, at) => (at === index ? { ...shape, object: object(shape) } : shape));
}

test("the ssh2 that is installed has all that is relied on", () => {
  expect(lackOf(shapes())).toBeUndefined();
  expect(() => checkSsh2()).not.toThrow();
  expect(every.length).toBeGreaterThan(60);
});

describe("one part that is something else is named", () => {
  test.each(every)("$line", ({ line, index, path }) => {
    const all = withOther(index, ({ object }) => doctored(object, path.split(".")));
    expect(lackOf(all)).toBe(`has no ${line}`);
  });
});

test("a field without a value has to be declared all the same", () => {
  const has = { _kex: "undefined" } as const;
  expect(lackOf([{ name: "Protocol", object: { _kex: undefined }, has }])).toBeUndefined();
  expect(lackOf([{ name: "Protocol", object: {}, has }])).toBe("has no Protocol._kex (undefined)");
});

test("the line says what is missing, which version is wanted and what to do", () => {
  const all = [{ name: "Protocol", object: {}, has: { ping: "function" } }] as const;
  expect(() => checkSsh2(() => all)).toThrow(
    /^the ssh2 that is installed has no Protocol\.ping \(function\): version 1\.17\.0 is wanted, run npm ci$/,
  );
  const broken = (): never => {
    throw new TypeError("Client is not a constructor\nRequire stack:");
  };
  expect(() => checkSsh2(broken)).toThrow(/looked at \(Client is not a constructor\): version/);
});

test("no private part of ssh2 is named outside of its room", () => {
  const root = fileURLToPath(new URL("../../../src/", import.meta.url));
  const files = ["transport", "client", "auth"].flatMap((room) =>
    readdirSync(`${root}${room}`, { recursive: true, encoding: "utf8" })
      .filter((name) => /\.(ts|js)$/.test(name))
      .map((name) => `${room}/${name}`),
  );
  expect(files.length).toBeGreaterThan(30);
  const naming = files.filter((file) => /\._\w/.test(readFileSync(`${root}${file}`, "utf8")));
  expect(naming).toEqual([]);
});
