import { describe, expect, it } from "vitest";
import { dateText, longname, modeText, ownerColumns } from "../../../src/sftp/longname.ts";
import { type ByteString, fromText } from "../../../src/vfs/path.ts";

const NOW = new Date(2026, 5, 15, 12, 0, 0).getTime() / 1000;
const seconds = (...parts: [number, number, number, number, number]) =>
  new Date(...parts).getTime() / 1000;

describe("modeText", () => {
  it("shows type and permissions as ls does", () => {
    const cases: [number, string][] = [
      [0o040755, "drwxr-xr-x"],
      [0o100644, "-rw-r--r--"],
      [0o120777, "lrwxrwxrwx"],
      [0o010600, "prw-------"],
      [0o020600, "crw-------"],
      [0o060600, "brw-------"],
      [0o140600, "srw-------"],
      [0o104755, "-rwsr-xr-x"],
      [0o104644, "-rwSr--r--"],
      [0o102755, "-rwxr-sr-x"],
      [0o102745, "-rwxr-Sr-x"],
      [0o041777, "drwxrwxrwt"],
      [0o041776, "drwxrwxrwT"],
      [0o100000, "----------"],
      [0o000644, "?rw-r--r--"],
    ];
    for (const [mode, text] of cases) expect(modeText(mode)).toBe(text);
  });
});

describe("dateText", () => {
  it("shows the time within the last half year, else the year", () => {
    expect(dateText(seconds(2026, 5, 5, 7, 3), NOW)).toBe("Jun  5 07:03");
    expect(dateText(NOW, NOW)).toBe("Jun 15 12:00");
    expect(dateText(seconds(2025, 10, 25, 23, 59), NOW)).toBe("Nov 25  2025");
    expect(dateText(NOW + 1, NOW)).toBe("Jun 15  2026");
    expect(dateText(NOW - 182.5 * 86400, NOW)).toMatch(/ {2}2025$/);
    expect(dateText(NOW - 182.5 * 86400 + 60, NOW)).toMatch(/:/);
  });
});

describe("longname", () => {
  const columns = ownerColumns({ uid: 1, gid: 2, user: "ada", group: "users" });

  it("has the columns of ls -l", () => {
    const stat = { mode: 0o100640, nlink: 1, size: 1234, atime: 0, mtime: NOW - 60 };
    const line = longname("name with space" as ByteString, stat, columns, NOW);
    expect(line).toBe("-rw-r-----   1 ada      users        1234 Jun 15 11:59 name with space");
  });

  it("does not cut large numbers or names", () => {
    const stat = { mode: 0o040700, nlink: 54321, size: 2 ** 45, atime: 0, mtime: NOW };
    const line = longname("\xff" as ByteString, stat, columns, NOW);
    expect(line).toBe(`drwx------ 54321 ada      users    ${2 ** 45} Jun 15 12:00 \xff`);
  });

  it("keeps spaces out of the owner's columns", () => {
    const odd = ownerColumns({ uid: 1, gid: 2, user: "a b", group: "ünïts" });
    expect(odd).toBe(`a_b      ${fromText("ünïts")} `);
  });
});
