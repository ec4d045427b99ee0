import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { booksGetExact } from "../support/books.ts";
import { DONE, tree } from "../support/desk.ts";
import { onDisk } from "../support/instance.ts";
import { type ServedDesk, serveDesk } from "../support/served-desk.ts";
import { command } from "../support/ssh-client.ts";

// What every client must do is in suite/scenarios; here is what only this one is asked.

const MIB = 1024 * 1024;
const QUOTA = 40 * MIB;
/** 2001-02-03T04:05:06Z */
const LONG_AGO = 981_173_106;

/** Debian 11 has an scp that knows the old protocol only, unless told otherwise. */
const SFTP_MODE = ["-s"];

let server: ServedDesk["server"];
let desk: ServedDesk["desk"];
let stored: ServedDesk["stored"];
let close: ServedDesk["close"];

beforeAll(async () => {
  ({ server, desk, stored, close } = await serveDesk({ name: "ann", quotaBytes: QUOTA }));
});

afterAll(() => close());

afterEach(() => booksGetExact(server));

function copy(...paths: string[]) {
  return desk.scp(paths.slice(-2), { options: [...SFTP_MODE, ...paths.slice(0, -2)] });
}

describe("scp by the SFTP protocol", () => {
  test("to the home by names that scp allows: none, a dot, absolute, a directory", async () => {
    const file = desk.file("named", "content");
    mkdirSync(stored("d"));
    mkdirSync(stored("d/e"));
    await server.control.rescan("ann");
    for (const target of ["remote:", "remote:.", "remote:d", "remote:/d/e", "remote:d/renamed"]) {
      expect(await copy(file, target)).toMatchObject(DONE);
    }
    for (const path of ["named", "d/named", "d/e/named", "d/renamed"]) {
      expect(readFileSync(stored(path), "utf8")).toBe("content");
    }
  });

  test("-rp keeps those of directories", async () => {
    const top = desk.path("dates");
    mkdirSync(join(top, "inner"), { recursive: true });
    writeFileSync(join(top, "inner/f"), "x");
    chmodSync(join(top, "inner"), 0o750);
    for (const path of ["inner/f", "inner"]) utimesSync(join(top, path), LONG_AGO, LONG_AGO);
    expect(await copy("-rp", top, "remote:dates")).toMatchObject(DONE);
    for (const path of ["inner/f", "inner"]) {
      const [was, is] = [statSync(join(top, path)), statSync(stored("dates", path))];
      expect([path, is.mode, is.mtimeMs]).toEqual([path, was.mode, was.mtimeMs]);
    }
  });

  test("names with spaces, quotes and unicode, and a pattern", async () => {
    const names = ["two words", "it's", "日本語", "a.txt", "b.txt"];
    for (const name of names) {
      const file = desk.file(name, name);
      expect(await copy(file, `remote:${name}`)).toMatchObject(DONE);
      expect(readFileSync(stored(name), "utf8")).toBe(name);
    }
    const back = desk.path("matched");
    mkdirSync(back);
    expect(await copy("remote:*.txt", back)).toMatchObject(DONE);
    expect([...tree(back).keys()]).toEqual(["a.txt", "b.txt"]);
  });

  test("from one place on the server to another, through the client", async () => {
    const file = desk.file("here", 300_000);
    expect(await copy(file, "remote:here")).toMatchObject(DONE);
    // -3 goes through the client with two sessions; each has to log in with the same options.
    const options = ["-3", "-P", String(server.port)];
    const result = await desk.scp(["remote:here", "remote:there"], {
      options: [...SFTP_MODE, ...options],
    });
    expect(result.code).toBe(0);
    expect(readFileSync(stored("there")).equals(readFileSync(file))).toBe(true);
  });

  test("what is missing and what is over the quota is said, with exit code 1", async () => {
    const back = desk.path("missing.back");
    const missing = await copy("remote:missing", back);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain("No such file or directory");
    expect(existsSync(back)).toBe(false);

    const large = desk.file("large", QUOTA + 1);
    const over = await copy(large, "remote:large");
    expect(over.code).toBe(1);
    expect(over.stderr).toMatch(/write remote "large": Failure/);
    expect(onDisk(server.home("ann")).bytes).toBeLessThanOrEqual(QUOTA);
    const kept = readFileSync(stored("large"));
    expect(readFileSync(large).subarray(0, kept.length).equals(kept)).toBe(true);
    expect(await desk.sftp(["rm large"])).toMatchObject(DONE);
  });
});

test("a client that is missing is named with its package", async () => {
  vi.stubEnv("PATH", "/nonexistent");
  try {
    await expect(copy("remote:f", desk.path("f"))).rejects.toThrow(
      "scp is missing: install the package openssh-client",
    );
    await expect(desk.sftp(["pwd"])).rejects.toThrow(
      "sftp is missing: install the package openssh-client",
    );
    await expect(desk.sftp(["pwd"], { password: "x" })).rejects.toThrow(
      "sshpass is missing: install the package sshpass",
    );
    await expect(command("ssh-audit", [])).rejects.toThrow(
      "ssh-audit is missing: install the package ssh-audit",
    );
  } finally {
    vi.unstubAllEnvs();
  }
});
