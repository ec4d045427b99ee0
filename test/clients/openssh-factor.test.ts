import { chmodSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { FactorKey } from "../../src/auth/factor-key.ts";
import { Factors } from "../../src/auth/factors.ts";
import { FactorControl } from "../../src/control/factors.ts";
import { codeAt, STEP_MS } from "../support/authenticator-app.ts";
import { Desk } from "../support/desk.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { command, OPENSSH_OPTIONS } from "../support/ssh-client.ts";

const PASSWORD = "correct horse";

let server: TestServer;
let desk: Desk;

beforeAll(async () => {
  desk = new Desk();
  server = await startTestServer();
  desk.target = server;
});

afterAll(async () => {
  await server.stop();
  desk.clear();
});

async function enroll(name: string): Promise<string> {
  const { store, root, config } = server;
  const key = new FactorKey(root, store.factors);
  const factors = new Factors({ store, key, settings: config.login });
  const control = new FactorControl({ store, factors, actor: "test", host: "harbour" });
  const factor = await control.begin(name);
  await factor.accept(null);
  return factor.secret;
}

/**
 * OpenSSH's `ssh`, whose questions a program answers in turn (SSH_ASKPASS) and notes.
 * @returns the questions as well
 */
async function ssh(user: string, answers: readonly string[], options: readonly string[]) {
  const base = desk.path(`${user}-${answers.length}-${Math.random()}`);
  const lines = answers.map((answer, at) => `${at}) echo '${answer}';;`).join("\n");
  const askpass = desk.file(
    `${base.slice(desk.directory.length + 1)}.sh`,
    `#!/bin/sh\nn=$(cat '${base}.n' 2>/dev/null || echo 0)\necho $((n+1)) > '${base}.n'\n` +
      `echo "$1" >> '${base}.asked'\ncase $n in\n${lines}\nesac\n`,
  );
  chmodSync(askpass, 0o700);
  const result = await command("env", [
    `SSH_ASKPASS=${askpass}`,
    "SSH_ASKPASS_REQUIRE=force",
    "ssh",
    ...OPENSSH_OPTIONS,
    ...options,
    ...["-p", `${server.port}`, `${user}@127.0.0.1`, "whoami"],
  ]);
  const asked = desk.read(`${base.slice(desk.directory.length + 1)}.asked`).toString();
  return { ...result, asked: asked.trim().split("\n") };
}

const NO_KEY = ["-o", "PubkeyAuthentication=no"];

test.each(["keyboard-interactive", "password,keyboard-interactive"])(
  "with a password, by %s, ssh asks for the code",
  async (methods) => {
    const name = methods === "keyboard-interactive" ? "ann" : "bob";
    await server.addUser({ name, password: PASSWORD });
    const code = codeAt(await enroll(name));
    const preferred = ["-o", `PreferredAuthentications=${methods}`];
    const result = await ssh(name, [PASSWORD, code], [...NO_KEY, ...preferred]);
    expect(result).toMatchObject({ code: 0, stdout: `${name}\n` });
    expect(result.asked[1]).toMatch(/Verification code:$/);
  },
);

test("with a key, ssh asks for the code, and again when it is wrong", async () => {
  await server.addUser({ name: "cat", keys: [desk.key.public] });
  const secret = await enroll("cat");
  const key = ["-i", desk.keyFile, "-o", "IdentitiesOnly=yes"];
  const once = await ssh("cat", [codeAt(secret)], key);
  expect(once).toMatchObject({ code: 0, stdout: "cat\n" });
  const twice = await ssh("cat", [codeAt(secret), codeAt(secret, Date.now() + STEP_MS)], key);
  expect(twice).toMatchObject({ code: 0, stdout: "cat\n" });
  expect(twice.asked).toHaveLength(2);
});

test.each(["keyboard-interactive", "password,keyboard-interactive"])(
  "a password that has to be changed, by %s: ssh asks for the new one twice",
  async (methods) => {
    const name = methods === "keyboard-interactive" ? "dan" : "eve";
    await server.addUser({ name, password: PASSWORD });
    await server.control.set(name, { passwordChange: true });
    const preferred = ["-o", `PreferredAuthentications=${methods}`];
    const answers = [PASSWORD, "battery staple", "battery staple"];
    const result = await ssh(name, answers, [...NO_KEY, ...preferred]);
    expect(result).toMatchObject({ code: 0, stdout: `${name}\n` });
    expect(result.asked.slice(1).join()).toMatch(/New password: .*Again:$/);
    expect((await ssh(name, ["battery staple"], NO_KEY)).code).toBe(0);
  },
);

test("who has to enrol first reads how, in sftp as well", async () => {
  await server.addUser({ name: "fay", password: PASSWORD });
  await server.control.set("fay", { require: ["totp"] });
  const result = await desk.sftp(["ls"], { user: "fay", password: PASSWORD, options: NO_KEY });
  expect(result.code).not.toBe(0);
  expect(result.stderr).toMatch(/needs a second factor.*log in with ssh in a terminal/);
});
