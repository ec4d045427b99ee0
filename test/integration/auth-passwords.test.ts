import { PassThrough } from "node:stream";
import argon2 from "argon2";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { run } from "../../src/cli/run.ts";
import { Msg, message, RawClient } from "../support/raw-client.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { login } from "../support/ssh-client.ts";

/** What ISO 8859-1 terminals send for two German words: different bytes, one text when decoded. */
const REAL = Buffer.from("gr\u00fc\u00dfe-2026", "latin1");
const OTHER = Buffer.from("gr\u00e4\u00f6e-2026", "latin1");
const DECODED = REAL.toString("utf8");

const REFUSED = "USERAUTH_FAILURE publickey,password,keyboard-interactive";
const MSG_INFO_RESPONSE = 61;
const MSG_INFO_REQUEST = 60;

let server: TestServer;
const open: { close(): void }[] = [];

beforeAll(async () => {
  const users = [{ name: "ann" }, { name: "old" }, { name: "nul", password: "secret" }];
  server = await startTestServer({ users });
  // As it was stored when bytes that are not UTF-8 were taken for U+FFFD.
  const hash = await argon2.hash(DECODED, { memoryCost: 1024, timeCost: 2, parallelism: 1 });
  const { id } = await server.control.account("old");
  await server.store.users.setPassword(id, hash);
});

afterAll(() => server.stop());

afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

async function stranger(): Promise<RawClient> {
  const raw = await RawClient.stranger(server);
  open.push(raw);
  return raw;
}

type Method = "password" | "keyboard-interactive";
const METHODS: readonly Method[] = ["password", "keyboard-interactive"];

/** What the server says to these bytes as a name and a password. */
async function answer(method: Method, name: string | Buffer, password: Buffer): Promise<string> {
  const raw = await stranger();
  const has = (...types: number[]): boolean =>
    raw.received.some((payload) => types.includes(payload[0] ?? 0));
  if (method === "password") {
    raw.send(message(Msg.USERAUTH_REQUEST, name, "ssh-connection", method, false, password));
  } else {
    raw.send(message(Msg.USERAUTH_REQUEST, name, "ssh-connection", method, "", ""));
    await raw.until(() => has(MSG_INFO_REQUEST));
    raw.send(message(MSG_INFO_RESPONSE, 1, password));
  }
  await raw.until(() => has(Msg.USERAUTH_SUCCESS, Msg.USERAUTH_FAILURE));
  return raw.log().find((line) => line.startsWith("USERAUTH")) ?? "";
}

describe.each(METHODS)("by %s", (method) => {
  test.each([
    ["other bytes that are not UTF-8", OTHER],
    ["the same bytes", REAL],
    ["the character they were taken for", Buffer.from(DECODED)],
  ])("attack: %s don't log in where the password was taken for U+FFFD", async (_, bytes) => {
    expect(await answer(method, "old", bytes)).toBe(REFUSED);
  });

  test("the right password lets in", async () => {
    expect(await answer(method, "ann", Buffer.from("secret"))).toBe("USERAUTH_SUCCESS");
  });

  test.each([
    ["a NUL behind it", Buffer.from("secret\0")],
    ["a NUL and more behind it", Buffer.from("secret\0x")],
    ["a byte order mark before it", Buffer.from("\ufeffsecret")],
  ])("attack: the password with %s is another one", async (_, bytes) => {
    expect(await answer(method, "nul", bytes)).toBe(REFUSED);
  });

  test.each([
    ["a byte that is not UTF-8", Buffer.from("ann\xff", "latin1")],
    ["a NUL", Buffer.from("ann\0")],
    ["a letter that looks alike", Buffer.from("\u0430nn")],
    ["another case", Buffer.from("Ann")],
  ])("attack: a name with %s is nobody's", async (_, name) => {
    expect(await answer(method, name, Buffer.from("secret"))).toBe(REFUSED);
  });
});

describe("a password that is not UTF-8 can't be set", () => {
  const WRONG = /the password is not UTF-8: set the terminal/;

  test.each([
    ["user", "add", "new"],
    ["user", "passwd", "ann"],
  ])("by `%s %s %s --password-stdin`", async (...args) => {
    const outcome = { out: "", err: "" };
    const io = {
      env: { MOORAGE_ROOT: server.root },
      stdin: new PassThrough(),
      out: (text: string) => {
        outcome.out += text;
      },
      err: (text: string) => {
        outcome.err += text;
      },
      colour: false,
    };
    io.stdin.end(Buffer.concat([REAL, Buffer.from("\n")]));
    expect(await run([...args, "--password-stdin"], io)).toBe(2);
    expect(outcome).toEqual({ out: "", err: expect.stringMatching(WRONG) });
    await expect(server.control.account("new")).rejects.toThrow(/no user/);
    await (await login(server)).end();
  });

  test.each([
    ["U+FFFD", DECODED],
    ["half a character of UTF-16", "secret-\ud83d"],
  ])("by the control protocol, as %s", async (_, password) => {
    const control = server.server.control("test");
    await expect(control.call("users.password", { name: "ann", password })).rejects.toThrow(WRONG);
    const user = { name: "new", password };
    await expect(control.call("users.add", user)).rejects.toThrow(WRONG);
    await expect(server.control.account("new")).rejects.toThrow(/no user/);
    control.close();
  });
});

test("bytes are compared: a letter and its two parts are different passwords", async () => {
  await server.control.setPassword("nul", "gr\u00fc\u00dfe-2026");
  expect(await answer("password", "nul", Buffer.from("gr\u00fc\u00dfe-2026"))).toBe(
    "USERAUTH_SUCCESS",
  );
  expect(await answer("password", "nul", Buffer.from("gru\u0308\u00dfe-2026"))).toBe(REFUSED);
});
