import type { Client } from "ssh2";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FactorKey } from "../../src/auth/factor-key.ts";
import { Factors } from "../../src/auth/factors.ts";
import { FactorControl } from "../../src/control/factors.ts";
import { codeAt, wrongCode } from "../support/authenticator-app.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { dial, login, makeKey } from "../support/ssh-client.ts";

let server: TestServer;
let client: Client;

beforeEach(async () => {
  server = await startTestServer({ users: [{ name: "ann" }] });
  client = await login(server);
});

afterEach(async () => {
  client.end();
  await server.stop();
});

/** Runs a command at a terminal; each question is answered from what was printed before. */
function command(line: string, answer: (printed: string) => string = () => "") {
  return new Promise<{ code: number; out: string }>((resolve, reject) => {
    client.exec(line, { pty: true }, (error, channel) => {
      if (error) return reject(error);
      let [out, code, answered] = ["", -1, 0];
      channel.on("data", (chunk: Buffer) => {
        out += chunk;
        const questions = out.match(/Verification code: /g)?.length ?? 0;
        for (; answered < questions; answered += 1) channel.write(`${answer(out)}\r`);
      });
      channel.on("exit", (status: number) => {
        code = status;
      });
      channel.on("close", () => resolve({ code, out }));
    });
  });
}

function control(): FactorControl {
  const { store, root, config } = server;
  const key = new FactorKey(root, store.factors);
  const factors = new Factors({ store, key, settings: config.login });
  return new FactorControl({ store, factors, actor: "test", host: "harbour" });
}

function secretIn(out: string): string {
  return /Secret: ([A-Z2-7 ]+)\r?$/m.exec(out)?.[1] ?? "";
}

/** @returns the secret and the recovery codes */
async function enroll(): Promise<{ secret: string; codes: string[] }> {
  const { code, out } = await command("totp", (printed) => codeAt(secretIn(printed)));
  expect(code).toBe(0);
  return { secret: secretIn(out), codes: recoveryIn(out) };
}

function recoveryIn(out: string): string[] {
  return (out.match(/^ {2}[a-z2-9]{5}(-[a-z2-9]{5}){3}/gm) ?? []).map((code) => code.trim());
}

test("totp sets one up, confirmed by a code, and says then that it is there", async () => {
  const { codes } = await enroll();
  expect(codes).toHaveLength(10);
  expect((await command("totp")).out).toMatch(/^Set up on .*; 10 recovery codes are left\.\r\n$/);
  const [record] = await server.store.audit.query({ kind: "totp-enroll" });
  expect(record).toMatchObject({ user: "ann", actor: "ann" });
});

test("totp with wrong codes sets up nothing", async () => {
  const { code, out } = await command("totp", (printed) => wrongCode(secretIn(printed)));
  expect(code).toBe(1);
  expect(out).toMatch(/nothing was set up/);
  expect(await control().status("ann")).toBeUndefined();
});

test("attack: somebody at an open session removes the factor, or makes new recovery codes", async () => {
  const { secret } = await enroll();
  for (const line of ["totp remove", "totp codes"]) {
    const { code, out } = await command(line, () => wrongCode(secret));
    expect({ line, code }).toEqual({ line, code: 1 });
    expect(out).toMatch(/that code is wrong/);
  }
  expect(await control().status("ann")).toMatchObject({ recoveryCodes: 10 });
  const failed = await server.store.audit.query({ kind: "login-failed" });
  expect(failed.map(({ detail }) => detail)).toEqual(["totp", "totp"]);
});

test("a recovery code stands in for a code, for new ones and for the removal", async () => {
  const { codes } = await enroll();
  const renewed = await command("totp codes", () => codes[0] ?? "");
  expect(renewed.code).toBe(0);
  const fresh = recoveryIn(renewed.out);
  expect(fresh).toHaveLength(10);
  expect((await command("totp remove", () => codes[1] ?? "")).code).toBe(1);
  expect((await command("totp remove", () => fresh[0] ?? "")).code).toBe(0);
  expect(await control().status("ann")).toBeUndefined();
  const [record] = await server.store.audit.query({ kind: "totp-remove" });
  expect(record).toMatchObject({ user: "ann", actor: "ann" });
});

test("without a terminal no secret is printed", async () => {
  const out = await new Promise<string>((resolve, reject) => {
    client.exec("totp", (error, channel) => {
      if (error) return reject(error);
      let text = "";
      channel.on("data", (chunk: Buffer) => {
        text += chunk;
      });
      channel.stderr.on("data", (chunk: Buffer) => {
        text += chunk;
      });
      channel.on("close", () => resolve(text));
    });
  });
  expect(out).toBe("totp: a terminal is needed: try ssh -t\n");
});

test("who logged in by key is told in the shell that the password has to be changed", async () => {
  const key = makeKey("ed25519");
  await server.addUser({ name: "bob", password: "secret", keys: [key.public] });
  await server.control.set("bob", { passwordChange: true });
  const { client: bob, ready } = dial(server, { username: "bob", privateKey: key.private });
  await ready;
  const shown = await new Promise<string>((resolve, reject) => {
    bob.shell((error, channel) => {
      if (error) return reject(error);
      let text = "";
      channel.on("data", (chunk: Buffer) => {
        text += chunk;
        if (text.includes("$ ")) resolve(text);
      });
    });
  });
  expect(shown).toMatch(/^Your password has to be changed: `passwd` does that\./);
  bob.end();
});
