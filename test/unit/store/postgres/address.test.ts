import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { InstanceError } from "../../../../src/errors.ts";
import { parseAddress } from "../../../../src/store/postgres/address.ts";

function file(text: string): string {
  const directory = mkdtempSync(join(tmpdir(), "moorage-address-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, "file"), text);
  return join(directory, "file");
}

describe("hosts", () => {
  test.each<[string, [string, number][]]>([
    ["postgres://u@db.example/m", [["db.example", 5432]]],
    ["postgresql://u@db.example:7/m", [["db.example", 7]]],
    ["postgres://u@[2001:db8::1]:7/m", [["2001:db8::1", 7]]],
    [
      "postgres://u@a:1,b:2,c/m",
      [
        ["a", 1],
        ["b", 2],
        ["c", 5432],
      ],
    ],
    ["postgres://u@/m?host=/run/postgresql", [["/run/postgresql", 5432]]],
    ["postgres://u@%2Frun%2Fpostgresql/m?port=9", [["/run/postgresql", 9]]],
    [
      "postgres:///m?user=u&host=a,b&port=1,2",
      [
        ["a", 1],
        ["b", 2],
      ],
    ],
  ])("of %s", (url, hosts) => {
    const found = parseAddress(url);
    expect(found.hosts.map(({ host, port }) => [host, port])).toEqual(hosts);
    expect(found).toMatchObject({ user: "u", database: "m" });
  });
});

describe("the password", () => {
  test("is the URL's, else the file's first line, else PGPASSWORD's", () => {
    const passwordFile = file("in file \nmore\n");
    const env = { PGPASSWORD: "in env" };
    const of = (url: string, options = {}): string => parseAddress(url, options).password;
    expect(of("postgres://u:a%3Ab@h/m", { passwordFile, env })).toBe("a:b");
    expect(of("postgres://u@h/m", { passwordFile, env })).toBe("in file ");
    expect(of("postgres://u@h/m", { env })).toBe("in env");
    expect(of("postgres://u@h/m")).toBe("");
  });
});

describe("TLS", () => {
  test.each([
    ["postgres://u@db.example/m", "full"],
    ["postgres://u@192.0.2.1/m", "full"],
    ["postgres://u@127.0.0.1,db.example/m", "full"],
    ["postgres://u@127.0.0.9/m", "none"],
    ["postgres://u@[::1]/m", "none"],
    ["postgres://u@localhost/m", "none"],
    ["postgres://u@%2Frun/m", "none"],
    ["postgres://u@localhost/m?sslmode=verify-full", "full"],
    ["postgres://u@db.example/m?sslmode=verify-ca", "chain"],
    ["postgres://u@db.example/m?sslmode=require", "encrypt"],
    ["postgres://u@db.example/m?sslmode=disable", "none"],
  ])("of %s is checked: %s", (url, check) => {
    expect(parseAddress(url).tls.check).toBe(check);
  });

  test("authorities are read, and asked by who only wanted encryption", () => {
    const authorities = file("PEM");
    const url = `postgres://u@db.example/m?sslmode=require&sslrootcert=${authorities}`;
    expect(parseAddress(url).tls).toEqual({ check: "chain", authorities: "PEM" });
  });
});

test.each([
  "mysql://u:secret@h/m",
  "postgres://u:secret@h",
  "postgres://h/secret",
  "postgres://u:secret@/m",
  "postgres://u:secret@h:0/m",
  "postgres://u:secret@h:a/m",
  "postgres://u:secret%@h/m",
  "postgres://u:secret@h/m?sslmode=secret",
  "postgres://u:secret@h/m?secret=1",
  "postgres://u@h/m?sslmode=verify-full&sslrootcert=/secret",
])("%s is refused by a sentence that has nothing of it", (url) => {
  expect(() => parseAddress(url)).toThrow(InstanceError);
  expect(() => parseAddress(url)).toThrow(/^(?!.*secret)the database's URL /);
});
