import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { type World, world } from "./world.ts";

const KEY =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ/Wq7jrQ3J1t0h9rYzWvWwqVd0nRZkC0Q8oXk7cX5mS me@example";

let here: World;
let file: string;
let passwords: string;

beforeEach(async () => {
  here = world({ MOORAGE_QUOTA_DEFAULT: "5MB" });
  file = join(here.root, "users.csv");
  passwords = join(here.root, "users.passwords.csv");
  await here.moorage("user add boss --role admin");
  await here.moorage("group add staff --quota 2MB");
});

function put(...lines: string[]): void {
  writeFileSync(file, `${lines.join("\n")}\n`);
}

function imported(...options: string[]) {
  return here.moorage(["user", "import", file, ...options]);
}

async function names(): Promise<string[]> {
  const { out } = await here.moorage("user list --json");
  return (JSON.parse(out) as { name: string }[]).map(({ name }) => name);
}

test("users are added; their passwords are in a file of its own, and nowhere else", async () => {
  put("name,groups,key", "ann,@staff,", `bob,,${KEY}`);
  const { code, out, err } = await imported();
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toBe(`Added 2 users.\nTheir passwords are in ${passwords}: delete it afterwards.\n`);
  const text = readFileSync(passwords, "utf8");
  const [, password] = /^name,password\nann,([a-z0-9-]{23})\n$/.exec(text) ?? [];
  expect(password).toBeDefined();
  expect(out).not.toContain(password);
  expect(statSync(passwords).mode & 0o777).toBe(0o600);
  expect(await names()).toEqual(["ann", "bob", "boss"]);
  const { out: logs } = await here.moorage("logs --json");
  expect(logs).not.toContain(password);
  expect(logs).toContain("role user, 0 keys, groups staff");
});

test("--dry-run says what would be, and changes nothing", async () => {
  put("name", "ann", "bob");
  expect(await imported("--dry-run")).toMatchObject({
    code: 0,
    out: "Nothing is wrong: 2 users would be added.\n",
  });
  expect(await names()).toEqual(["boss"]);
  expect(existsSync(passwords)).toBe(false);
  expect(existsSync(join(here.root, "homes", "ann"))).toBe(false);
});

test("all faults are told with their lines, in a list that ends, and nobody is added", async () => {
  const wrong = Array.from({ length: 30 }, (_, at) => `w${at},none,`);
  put("name,groups,quota", "boss,,", "ann,staff,", "bob,,much", ...wrong);
  const { code, out, err } = await imported();
  expect({ code, out }).toEqual({ code: 1, out: "" });
  const lines = err.split("\n");
  expect(lines[0]).toBe(`${file}: line 2: user boss exists already`);
  expect(lines[1]).toContain('line 4: quota "much": give a size');
  expect(lines[2]).toContain('line 5: no group "none"');
  expect(lines).toHaveLength(23);
  expect(lines.slice(-3)).toEqual(["… and 12 more", "moorage: 32 faults: nothing was changed", ""]);
  expect(await names()).toEqual(["boss"]);
});

test("--json has who was added, where the passwords are, or what is wrong", async () => {
  put("name", "ann");
  const { out } = await imported("--json");
  expect(JSON.parse(out)).toEqual({
    ...{ dryRun: false, users: ["ann"], faults: [], more: 0, passwords },
  });
  const again = await imported("--json", "--dry-run");
  expect(again.code).toBe(1);
  expect(JSON.parse(again.out)).toEqual({
    dryRun: true,
    users: [],
    faults: [{ line: 2, text: "user ann exists already" }],
    more: 0,
  });
});

test("a file with passwords is never written over", async () => {
  put("name", "ann");
  writeFileSync(passwords, "of another day");
  const { code, err } = await imported();
  expect(code).toBe(1);
  expect(err).toContain("users.passwords.csv is there already: move it away");
  expect(readFileSync(passwords, "utf8")).toBe("of another day");
  expect(await names()).toEqual(["boss"]);
  const other = join(here.root, "elsewhere");
  expect((await imported("--passwords", other)).code).toBe(0);
  expect(readFileSync(other, "utf8")).toContain("ann,");
});

test("where passwords can't be written nobody is added", async () => {
  put("name", ...Array.from({ length: 40 }, (_, at) => `u${at}`));
  const { code, err } = await imported("--passwords", join(here.root, "none", "there"));
  expect(code).toBe(1);
  // That is told before the long work.
  expect(err).not.toContain("hashed");
  expect(err).toContain("nothing was changed");
  expect(await names()).toEqual(["boss"]);
  expect(existsSync(join(here.root, "homes", "u0"))).toBe(false);
});

test("--passwords - prints them, as asked", async () => {
  put("name", "ann");
  expect((await imported("--passwords", "-")).out).toMatch(/^name,password\nann,[a-z0-9-]{23}\n$/);
  expect(existsSync(passwords)).toBe(false);
  put("name", "bob");
  expect((await imported("--passwords", "-", "--json")).code).toBe(2);
});

test("with keys alone no file is made", async () => {
  put("name,key", `ann,${KEY}`);
  expect((await imported()).out).toBe("Added 1 user.\n");
  expect(existsSync(passwords)).toBe(false);
});

test("how far a long one is, in plain lines", async () => {
  put("name", ...Array.from({ length: 40 }, (_, at) => `u${at}`));
  const { err } = await imported();
  const expected = Array.from(
    { length: 10 },
    (_, at) => `Passwords: ${4 * (at + 1)} of 40 hashed\n`,
  );
  expect(err).toBe(expected.join(""));
});

test.each([
  ["a directory", () => here.root, /is a directory/],
  ["nothing", () => join(here.root, "none.csv"), /can't read .*ENOENT/],
])("%s is refused", async (_, path, text) => {
  const { code, err } = await here.moorage(["user", "import", path()]);
  expect(code).toBe(1);
  expect(err).toMatch(text);
});

test("what is no UTF-8, or too large, is refused", async () => {
  writeFileSync(file, Buffer.from([0x6e, 0xe4, 0x0a]));
  expect((await imported()).err).toContain("is not UTF-8");
  writeFileSync(file, Buffer.alloc(8 * 1024 * 1024 + 1, "a"));
  expect((await imported()).err).toContain("is larger than 8388608 bytes");
});
