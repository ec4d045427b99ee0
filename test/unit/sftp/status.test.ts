import { describe, expect, it } from "vitest";
import { FS_ERROR_CODES, FsError, type FsErrorCode } from "../../../src/errors.ts";
import { toStatus } from "../../../src/sftp/status.ts";
import { MalformedError } from "../../../src/sftp/wire/reader.ts";

const EXPECTED: Readonly<Partial<Record<FsErrorCode, number>>> = {
  ENOENT: 2,
  ENOTDIR: 2,
  ELOOP: 2,
  EACCES: 3,
  EPERM: 3,
  EROFS: 3,
  EINVAL: 5,
  ENAMETOOLONG: 5,
  EOPNOTSUPP: 8,
};

describe("toStatus", () => {
  it("maps every code as the design says, with a text", () => {
    for (const code of FS_ERROR_CODES) {
      const status = toStatus(new FsError(code));
      expect([code, status.code]).toEqual([code, EXPECTED[code] ?? 4]);
      expect(status.text).toMatch(/^[A-Z][a-z -]/);
      expect(status.text).not.toBe("Failure");
    }
  });

  it("says what OpenSSH's server says, whatever the error's own text: node-ssh goes by it", () => {
    const texts = { 2: "No such file", 3: "Permission denied", 5: "Bad message" };
    const all: Record<number, string> = { ...texts, 8: "Operation unsupported" };
    for (const code of FS_ERROR_CODES) {
      const number = EXPECTED[code];
      if (number === undefined) continue;
      const expected = { code: number, text: all[number] };
      expect(toStatus(new FsError(code))).toEqual(expected);
      expect(toStatus(new FsError(code, "what a shell would say"))).toEqual(expected);
    }
    expect(toStatus(new MalformedError())).toEqual({ code: 5, text: "Bad message" });
  });

  it("passes a text meant for the client on", () => {
    const text = "Quota exceeded: 5 of 4 bytes used, 1 needed";
    expect(toStatus(new FsError("EDQUOT", text))).toEqual({ code: 4, text });
  });

  it("never shows what Node says", () => {
    const node = Object.assign(new Error("ENOENT: no such file, open '/srv/secret'"), {
      code: "ENOENT",
    });
    expect(toStatus(node)).toEqual({ code: 2, text: "No such file" });
    for (const thrown of [new Error("/srv/secret"), "/srv/secret", undefined, null, 7]) {
      expect(toStatus(thrown)).toEqual({ code: 4, text: "Input/output error" });
    }
  });
});
