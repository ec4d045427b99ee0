import { existsSync, readdirSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { parsePublicKey } from "../../src/auth/keys.ts";
import { Desk } from "../support/desk.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { type KeyPair, makeKey, startMaster } from "../support/ssh-client.ts";

const KEYS: readonly (readonly [string, KeyPair])[] = [
  ["ed25519", makeKey("ed25519")],
  ["ecdsa", makeKey("ecdsa")],
  ["rsa", makeKey("rsa")],
];
const PASSWORD = "correct horse, battery 'staple' ☃";
const DENIED = /Permission denied \(publickey,password,keyboard-interactive\)/;

let server: TestServer;
let desk: Desk;
let stranger: string;

beforeAll(async () => {
  desk = new Desk();
  const keys = KEYS.map(([, key]) => key.public);
  server = await startTestServer({
    users: [
      { name: "ann", password: PASSWORD, keys },
      { name: "off", password: PASSWORD, keys },
    ],
  });
  await server.control.disable("off");
  desk.target = server;
  for (const [name, key] of KEYS) desk.addKey(name, key);
  stranger = desk.addKey("stranger", makeKey("ed25519"));
});

afterAll(async () => {
  await server.stop();
  desk.clear();
});

function only(method: string): string[] {
  return ["-o", `PreferredAuthentications=${method}`];
}

/** Without -b, which sftp needs to be able to ask, a failed command does not end it. */
const HELLO = ["pwd"];
const GREETING = "Remote working directory: /";

describe.each(["password", "keyboard-interactive"])("by %s", (method) => {
  const options = ["-o", "PubkeyAuthentication=no", ...only(method)];

  test("the right password lets in", async () => {
    const result = await desk.sftp(HELLO, { password: PASSWORD, options });
    expect(result.code).toBe(0);
    expect(result.stdout).toContain(GREETING);
  });

  test.each([
    ["a wrong password", "ann", "wrong"],
    ["an empty password", "ann", ""],
    ["the password of a disabled user", "off", PASSWORD],
    ["the password of nobody", "nobody", PASSWORD],
  ])("%s is refused", async (_, user, password) => {
    const once = [...options, "-o", "NumberOfPasswordPrompts=1"];
    const { code, stdout } = await desk.sftp(HELLO, { user, password, options: once });
    expect(code).not.toBe(0);
    expect(stdout).not.toContain(GREETING);
  });
});

test("the client tries a key first, then asks for the password", async () => {
  const result = await desk.sftp(HELLO, { key: stranger, password: PASSWORD });
  expect(result.code).toBe(0);
  expect(result.stdout).toContain(GREETING);
});

describe("by key", () => {
  test.each(KEYS.map(([name]) => name))("%s", async (name) => {
    const result = await desk.sftp(HELLO, { key: desk.path(name), options: only("publickey") });
    expect(result).toMatchObject({ code: 0, stderr: "" });
    expect(result.stdout).toContain(GREETING);
  });

  test("of several that the client has the right one is found", async () => {
    const more = ["-i", desk.path("rsa"), "-o", "IdentitiesOnly=yes", ...only("publickey")];
    const result = await desk.sftp(HELLO, { key: stranger, options: more });
    expect(result).toMatchObject({ code: 0, stderr: "" });
    const logins = await server.store.audit.query({ user: "ann", kind: "login", limit: 1 });
    expect(logins[0]?.detail).toMatch(/^publickey SHA256:/);
  });

  test("a key of nobody, and a key of a disabled user, is refused", async () => {
    for (const [user, key] of [
      ["ann", stranger],
      ["off", desk.path("ed25519")],
      ["nobody", desk.path("ed25519")],
    ] as const) {
      const { code, stdout, stderr } = await desk.sftp(HELLO, { user, key });
      expect(code).toBe(255);
      expect(stderr).toMatch(DENIED);
      expect(stdout).not.toContain(GREETING);
    }
  });

  test("a key that was removed lets in no more, the others do", async () => {
    const key = makeKey("ed25519");
    const file = desk.addKey("removed", key);
    const parsed = parsePublicKey(key.public);
    await server.control.addKeys("ann", [parsed]);
    expect((await desk.sftp(HELLO, { key: file })).code).toBe(0);
    await server.control.removeKey("ann", parsed.fingerprint);
    expect((await desk.sftp(HELLO, { key: file })).code).toBe(255);
    expect((await desk.sftp(HELLO, { key: desk.path("ecdsa") })).code).toBe(0);
  });
});

test("two sessions of one user at once see each other's files", async () => {
  const key = desk.path("ed25519");
  const file = desk.file("shared", 100_000);
  const results = await Promise.all([
    desk.sftp([`put ${file} one`, "ls"], { key }),
    desk.sftp([`put ${file} two`, "ls"], { key }),
  ]);
  for (const result of results) expect(result).toMatchObject({ code: 0, stderr: "" });
  const { stdout } = await desk.sftp(["ls -1"], { key });
  expect(stdout).toMatch(/one[\s\S]*two/);
});

test("one connection carries several sftp sessions, one of them in mid-upload", async () => {
  const socket = desk.path("control");
  const options = ["-o", `ControlPath=${socket}`];
  // From OpenSSH 10 on sftp itself never becomes the one that others share.
  const master = startMaster(server, { key: desk.path("ed25519"), options });
  await vi.waitFor(() => expect(existsSync(socket)).toBe(true), { timeout: 20_000 });
  const large = desk.file("large", 20 * 1024 * 1024);
  const upload = desk.startSftp([`put ${large}`], { options: [...options, "-l", "8000"] });
  const stored = server.home("ann");
  await vi.waitFor(() => expect(readdirSync(stored)).toContain("large"), { timeout: 20_000 });
  const file = desk.file("shared", 100_000);
  const results = await Promise.all(
    ["a", "b", "c"].map((name) => {
      return desk.sftp([`put ${file} ${name}`, `get ${name} ${desk.path(name)}`], { options });
    }),
  );
  for (const result of results) expect(result).toMatchObject({ code: 0, stderr: "" });
  for (const name of ["a", "b", "c"])
    expect(desk.read(name).equals(desk.read("shared"))).toBe(true);
  expect(await server.server.sessions()).toHaveLength(1);
  upload.child.kill("SIGKILL");
  master.child.kill("SIGKILL");
  await Promise.all([upload.result, master.result]);
});
