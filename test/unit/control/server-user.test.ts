import { chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ControlError } from "../../../src/control/errors.ts";
import {
  type Accounts,
  refuseLeftovers,
  refuseStrangersFiles,
  serverIdentity,
} from "../../../src/control/server-user.ts";

const IDS = new Map(Object.entries({ root: 0, moorage: 990, other: 991 }));

function accounts(own: number): Accounts {
  const of = (name: string) => IDS.get(name);
  return { own, uid: of, gidOf: of, gid: of };
}

describe("whom a server becomes", () => {
  const as = (own: number, user: string, group = "") =>
    serverIdentity({ user, group }, accounts(own));

  test("nobody without the setting, or when it is that user already", () => {
    expect(as(0, "")).toBeUndefined();
    expect(as(990, "")).toBeUndefined();
    expect(as(990, "moorage")).toBeUndefined();
  });

  test("started by root: that user, in its own group or another", () => {
    expect(as(0, "moorage")).toEqual({ uid: 990, gid: 990, name: "moorage:" });
    expect(as(0, "moorage", "other")).toEqual({ uid: 990, gid: 991, name: "moorage:other" });
  });

  test.each([
    [0, "nosuch", "", /there is no user nosuch/],
    [0, "moorage", "nosuch", /there is no group nosuch/],
    [0, "root", "", /server\.user is root/],
    [0, "moorage", "root", /server\.group is root's/],
    [991, "moorage", "", /only root can become another user: start this as root or as moorage/],
    [991, "nosuch", "", /there is no user nosuch/],
  ])("started by %i as %s %s is refused", (own, user, group, text) => {
    expect(() => as(own, user, group)).toThrow(ControlError);
    expect(() => as(own, user, group)).toThrow(text);
  });
});

describe("what may be left of what a process was", () => {
  const STATUS = {
    Uid: "990\t990\t990\t990",
    Gid: "990\t990\t990\t990",
    Groups: "990 ",
    CapInh: "0000000000000000",
    CapPrm: "0000000000000000",
    CapEff: "0000000000000000",
    CapAmb: "0000000000000000",
  };
  const look = (change: Partial<typeof STATUS> = {}): void => {
    const lines = Object.entries({ ...STATUS, ...change }).map(
      ([key, value]) => `${key}:\t${value}`,
    );
    refuseLeftovers(`Name:\tnode\n${lines.join("\n")}\n`, { uid: 990, gid: 990 });
  };

  test("nothing", () => {
    expect(() => look()).not.toThrow();
  });

  test.each([
    { Uid: "990\t990\t0\t990" },
    { Uid: "0\t0\t0\t0" },
    { Gid: "990\t990\t0\t990" },
    { Groups: "990 0 " },
    { Groups: "" },
    { CapEff: "0000000000000400" },
    { CapPrm: "000001ffffffffff" },
    { CapInh: "0000000000000400" },
    { CapAmb: "0000000000000400" },
  ])("not %o", (change) => {
    expect(() => look(change)).toThrow(/could not be dropped for good/);
  });

  test("and nothing that can't be read", () => {
    expect(() => refuseLeftovers("", { uid: 990, gid: 990 })).toThrow(/could not be dropped/);
  });
});

describe("whose an instance is", () => {
  let root: string;
  const own = process.getuid?.() ?? 0;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "moorage test-"));
    for (const name of ["keys", "db", "homes"]) mkdirSync(join(root, name), { mode: 0o700 });
  });

  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const refuse = (uid: number, at = root) =>
    refuseStrangersFiles(at, { uid, gid: 990, name: "moorage:staff" });

  test("the server's user's", () => {
    expect(() => refuse(own)).not.toThrow();
  });

  test("a stranger's: the error names the file and the command, as it can be pasted", () => {
    expect(() => refuse(own + 1)).toThrow(`run chown -R moorage:staff '${root}'`);
  });

  test.runIf(own === 0)("also when one file in it is, or one home", () => {
    for (const name of ["db/moorage.sqlite", "keys/ssh_host_rsa_key"]) {
      writeFileSync(join(root, name), "");
      chownSync(join(root, name), 12345, 12345);
      expect(() => refuse(own)).toThrow(`${join(root, name)} is not the server's user's`);
      rmSync(join(root, name));
    }
    mkdirSync(join(root, "homes", "ann"));
    chownSync(join(root, "homes", "ann"), 12345, 12345);
    expect(() => refuse(own)).toThrow("homes/ann is not");
  });

  test("none that is there: how to make it", () => {
    const missing = join(root, "nosuch");
    const command = `install -d -m 700 -o moorage -g staff '${missing}'`;
    expect(() => refuse(own, missing)).toThrow(command);
  });
});
