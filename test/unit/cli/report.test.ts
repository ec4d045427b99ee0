import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import type { Io } from "../../../src/cli/io.ts";
import { report, startError } from "../../../src/cli/report.ts";
import { ControlError } from "../../../src/control/errors.ts";
import { DatabaseGone } from "../../../src/store/database-errors.ts";

function reported(thrown: unknown, env: Io["env"] = {}): { code: number; err: string } {
  let err = "";
  const io: Io = {
    env,
    stdin: new PassThrough(),
    out: () => {},
    err: (text) => {
      err += text;
    },
    colour: false,
  };
  return { code: report(thrown, io), err };
}

function systemError(fields: Record<string, unknown>): Error {
  return Object.assign(new Error("EXXX: long text of Node's, '/a/path'"), fields);
}

describe("report", () => {
  test("something unexpected is one line, without a stack, and a hint", () => {
    const { code, err } = reported(new TypeError("x is not\n    a function"));
    expect(code).toBe(1);
    expect(err).toBe(
      "moorage: unexpected error: x is not a function; set MOORAGE_LOG_LEVEL=debug to see more\n",
    );
  });

  test("what somebody else named steers no terminal", () => {
    const { err } = reported(new ControlError("no user \u001b[2J\u202ean\u2028n"));
    expect(err).toBe("moorage: no user \\x1b[2J\\u{202e}an\\u{2028}n\n");
  });

  test("the stack is for those who ask for it", () => {
    const { err } = reported(new TypeError("x"), { MOORAGE_LOG_LEVEL: "debug" });
    expect(err).toMatch(/^TypeError: x\n +at /);
  });

  test.each([undefined, null, "text", 5])("even %j, thrown, is one line", (thrown) => {
    expect(reported(thrown).err).toMatch(/^moorage: unexpected error: [^\n]+\n$/);
  });

  test("a database that isn't there is said as it is", () => {
    const { err } = reported(new DatabaseGone("it is starting or stopping"));
    expect(err).toBe("moorage: the database can't be reached: it is starting or stopping\n");
  });

  test.each([
    ["SQLITE_BUSY_SNAPSHOT", /busy: try again/],
    ["SQLITE_READONLY_DIRECTORY", /can't be written/],
    ["SQLITE_CANTOPEN", /can't be opened/],
    ["SQLITE_FULL", /disk of db\/ is full/],
    ["SQLITE_NOTADB", /damaged/],
  ])("%s says what to do", (code, text) => {
    expect(reported(systemError({ code })).err).toMatch(text);
  });

  test("a system error names the call and the file", () => {
    const { err } = reported(systemError({ code: "EACCES", syscall: "open", path: "/a/b" }));
    expect(err).toBe("moorage: open /a/b failed (EACCES): check that this user may do that\n");
  });

  test("a use-case's error has its own exit code", () => {
    expect(reported(new ControlError("no server runs", 3))).toEqual({
      code: 3,
      err: "moorage: no server runs\n",
    });
  });
});

describe("startError", () => {
  const server = { host: "0.0.0.0", port: 22 };

  test.each([
    ["EADDRINUSE", /in use/],
    ["EACCES", /privileges/],
    ["EADDRNOTAVAIL", /no such address/],
  ])("%s while listening", (code, text) => {
    const error = startError(systemError({ code, syscall: "listen" }), server);
    expect(error).toBeInstanceOf(ControlError);
    expect((error as Error).message).toMatch(/^can't listen on 0\.0\.0\.0 port 22: /);
    expect((error as Error).message).toMatch(text);
  });

  test("EACCES of a file is not taken for the port's", () => {
    const error = systemError({ code: "EACCES", syscall: "open", path: "/a" });
    expect(startError(error, server)).toBe(error);
  });

  test("a clear error of ours becomes the command's; a bug stays a bug", () => {
    expect(startError(new Error("keys/x can be read by others"), server)).toBeInstanceOf(
      ControlError,
    );
    const bug = new TypeError("x");
    expect(startError(bug, server)).toBe(bug);
  });
});
