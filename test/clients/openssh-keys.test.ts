import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { parsePublicKey, parsePublicKeys } from "../../src/auth/keys.ts";
import { AuthorityControl } from "../../src/control/authorities.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { type Identity, startAgent } from "../support/agent.ts";
import { Desk } from "../support/desk.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { makeSigner, type Signer, TOUCHED, VERIFIED } from "../support/signer.ts";
import {
  type CommandResult,
  command,
  OPENSSH_OPTIONS,
  startMaster,
} from "../support/ssh-client.ts";

const run = promisify(execFile);
const HELLO = ["pwd"];
/** For a busy machine. */
const PATIENCE = { timeout: 20_000 };
const GREETING = "Remote working directory: /";

let server: TestServer;
let desk: Desk;
/** As on the command line: beside the server. */
let beside: Store;
let authorities: AuthorityControl;

beforeAll(async () => {
  desk = new Desk();
  server = await startTestServer({ users: [{ name: "ann" }, { name: "bob" }] });
  desk.target = server;
  beside = await openStore(server.root, "command", "test");
  authorities = new AuthorityControl({ store: beside, actor: "test" });
  for (const type of ["ed25519", "rsa"]) await keygen("-t", type, "-f", desk.path(`ca-${type}`));
  for (const name of ["ca-ed25519", "ca-rsa"]) {
    await authorities.add(desk.read(`${name}.pub`).toString());
  }
});

afterAll(async () => {
  await beside.close();
  await server.stop();
  desk.clear();
});

async function keygen(...args: readonly string[]): Promise<string> {
  const quiet = args.includes("-t") ? ["-q", "-N", ""] : [];
  return (await run("ssh-keygen", [...quiet, ...args])).stdout;
}

/** The login of stock `sftp`. */
async function login(user: string, options: readonly string[], key?: string): Promise<boolean> {
  const { code, stdout } = await attempt(user, options, key);
  expect(stdout.includes(GREETING)).toBe(code === 0);
  return code === 0;
}

function attempt(user: string, options: readonly string[], key?: string): Promise<CommandResult> {
  const only = ["-o", "PreferredAuthentications=publickey", ...options];
  return desk.sftp(HELLO, { user, options: only, ...(key !== undefined && { key }) });
}

describe("certificates that ssh-keygen makes", () => {
  let number = 0;

  /** @param more options of `ssh-keygen -s` @returns the key's file and the certificate's */
  async function certified(type: readonly string[], ca: string, more: readonly string[]) {
    number += 1;
    const key = desk.path(`user-${number}`);
    await keygen("-t", ...type, "-f", key);
    const serial = ["-z", `${number}`];
    await keygen("-s", desk.path(ca), "-I", `test ${number}`, ...serial, ...more, `${key}.pub`);
    return { key, options: ["-o", `CertificateFile=${key}-cert.pub`], number };
  }

  test.each([
    [["ed25519"], "ca-ed25519", []],
    [["ecdsa", "-b", "256"], "ca-ed25519", []],
    [["ecdsa", "-b", "384"], "ca-rsa", []],
    [["ecdsa", "-b", "521"], "ca-rsa", ["-t", "rsa-sha2-256"]],
    [["rsa", "-b", "2048"], "ca-rsa", []],
    [["rsa", "-b", "3072"], "ca-ed25519", []],
  ])("%j of %s let in whom they name, and nobody else", async (type, ca, more) => {
    const named = ["-n", "ann", "-V", "+1h", ...more];
    const { key, options } = await certified(type, ca, named);
    expect(await login("ann", options, key)).toBe(true);
    expect(await login("bob", options, key)).toBe(false);
    const [last] = await server.store.audit.query({ user: "ann", kind: "login", limit: 1 });
    expect(last?.detail).toMatch(/by certificate "test \d+" \(serial \d+\) of SHA256:/);
  });

  test.each([
    ["attack: signed with SHA-1", "ca-rsa", ["-n", "ann", "-t", "ssh-rsa"]],
    ["attack: one of a host", "ca-ed25519", ["-h", "-n", "ann"]],
    ["attack: one that names nobody", "ca-ed25519", []],
    ["one that has expired", "ca-ed25519", ["-n", "ann", "-V", "-2h:-1h"]],
    ["one that is not valid yet", "ca-ed25519", ["-n", "ann", "-V", "+1h:+2h"]],
    ["one for another address", "ca-ed25519", ["-n", "ann", "-O", "source-address=192.0.2.0/24"]],
    ["one that forces a command", "ca-ed25519", ["-n", "ann", "-O", "force-command=id"]],
  ])("%s is refused", async (_, ca, more) => {
    const { key, options } = await certified(["ed25519"], ca, more);
    expect(await login("ann", options, key)).toBe(false);
  });

  test("one for this address lets in, until it is revoked", async () => {
    const more = ["-n", "ann,carl", "-O", "source-address=127.0.0.1/32,::1/128"];
    const { key, options, number: serial } = await certified(["ed25519"], "ca-ed25519", more);
    expect(await login("ann", options, key)).toBe(true);
    const authority = parsePublicKey(desk.read("ca-ed25519.pub").toString()).fingerprint;
    const request = { serial: `${serial}`, authority };
    const revocation = await authorities.revoke(request);
    expect(await login("ann", options, key)).toBe(false);
    await authorities.unrevoke(revocation.number);
    expect(await login("ann", options, key)).toBe(true);
    await authorities.revoke({ key: desk.read(`user-${serial}-cert.pub`).toString() });
    expect(await login("ann", options, key)).toBe(false);
  });
});

describe("keys of FIDO tokens, here in software", () => {
  let number = 0;

  /** The login of stock `sftp` by what an agent has. */
  async function agentLogin(identity: Identity): Promise<boolean> {
    number += 1;
    const path = desk.path(`agent-${number}`);
    const agent = await startAgent(path, [identity]);
    onTestFinished(() => agent.close());
    const batch = ["-b", desk.file("hello", `${HELLO.join("\n")}\n`)];
    // Of an option that is there twice the first counts.
    const options = ["-o", `IdentityAgent=${path}`, ...OPENSSH_OPTIONS, "-i", "/dev/null"];
    const place = ["-P", `${server.port}`, "ann@127.0.0.1"];
    const { code, stdout } = await command("sftp", [...batch, ...options, ...place]);
    expect(stdout.includes(GREETING)).toBe(code === 0);
    return code === 0;
  }

  async function letIn(signer: Signer, options = ""): Promise<void> {
    await server.control.addKeys("ann", parsePublicKeys(`${options} ${signer.line}`.trim()));
  }

  /** @returns whether it lets in with these flags */
  function tokenLogin(signer: Signer, flags: number): Promise<boolean> {
    return agentLogin({ blob: signer.blob, signer, options: { flags } });
  }

  test.each(["sk-ed25519", "sk-p256"] as const)("%s lets in when it is touched", async (type) => {
    const signer = makeSigner(type);
    expect(await tokenLogin(signer, TOUCHED)).toBe(false);
    await letIn(signer);
    expect(await tokenLogin(signer, TOUCHED)).toBe(true);
    expect(await tokenLogin(signer, 0)).toBe(false);
    await letIn(signer, "no-touch-required");
    expect(await tokenLogin(signer, 0)).toBe(true);
    await letIn(signer, "verify-required");
    expect(await tokenLogin(signer, TOUCHED)).toBe(false);
    expect(await tokenLogin(signer, TOUCHED | VERIFIED)).toBe(true);
  });

  test("the server says that it takes them (server-sig-algs, RFC 8308)", async () => {
    const place = ["-p", `${server.port}`, "-o", "BatchMode=yes", "ann@127.0.0.1", "true"];
    const loud = ["-o", "LogLevel=DEBUG1", ...OPENSSH_OPTIONS, "-i", "/dev/null", ...place];
    const { stderr } = await command("ssh", loud);
    const [, names = ""] = /server-sig-algs=<([^>]*)>/.exec(stderr) ?? [];
    expect(names.split(",")).toEqual([
      "ssh-ed25519",
      "ecdsa-sha2-nistp256",
      "ecdsa-sha2-nistp384",
      "ecdsa-sha2-nistp521",
      "sk-ssh-ed25519@openssh.com",
      "sk-ecdsa-sha2-nistp256@openssh.com",
      "rsa-sha2-512",
      "rsa-sha2-256",
    ]);
  });

  test("a certificate of one lets in", async () => {
    const signer = makeSigner("sk-ed25519");
    const file = desk.file("sk.pub", `${signer.line}\n`);
    await keygen("-s", desk.path("ca-ed25519"), "-I", "token", "-n", "ann", file);
    const blob = Buffer.from(desk.read("sk-cert.pub").toString().split(" ")[1] ?? "", "base64");
    expect(await agentLogin({ blob, signer })).toBe(true);
    expect(await agentLogin({ blob, signer, options: { flags: 0 } })).toBe(false);
  });
});

/** A connection of stock `ssh` that is let in. */
async function connected(key: string, options: readonly string[] = []) {
  const ids = async () => (await server.store.sessions.list()).map(({ id }) => id);
  const before = Math.max(0, ...(await ids()));
  const master = startMaster(server, { key, options });
  await vi.waitFor(
    async () => expect(Math.max(0, ...(await ids()))).toBeGreaterThan(before),
    PATIENCE,
  );
  return master;
}

describe("attack: somebody stays when the right to come in is gone", () => {
  test.each([
    ["revoked", async () => void (await authorities.revoke({ id: "stays" }))],
    [
      "removed",
      async () => {
        const { fingerprint } = parsePublicKey(desk.read("ca-rsa.pub").toString());
        await authorities.remove(fingerprint);
      },
    ],
  ])("the certificate's session ends when it, or its authority, is %s", async (what, end) => {
    const key = desk.path(`stays-${what}`);
    await keygen("-t", "ed25519", "-f", key);
    const id = what === "revoked" ? "stays" : "stays otherwise";
    await keygen("-s", desk.path("ca-rsa"), "-I", id, "-n", "ann", `${key}.pub`);
    const master = await connected(key);
    await end();
    const { code, stderr } = await master.result;
    expect(code).not.toBe(0);
    expect(stderr).toContain(`has been ${what}`);
    expect(await login("ann", [], key)).toBe(false);
  });

  test("the key's session ends when the key's time, which is set meanwhile, is over", async () => {
    const key = desk.path("short");
    await keygen("-t", "ed25519", "-f", key);
    const line = desk.read("short.pub").toString();
    await server.control.addKeys("ann", parsePublicKeys(line));
    const master = await connected(key);
    const soon = new Date(Date.now() + 1_500).toISOString().slice(0, 19);
    const options = `expiry-time="${soon.replace(/\D/g, "")}Z"`;
    await server.control.addKeys("ann", parsePublicKeys(`${options} ${line}`));
    expect((await master.result).stderr).toContain("has expired");
  });
});

test("no-pty: commands, and no terminal", async () => {
  const key = desk.path("plain");
  await keygen("-t", "ed25519", "-f", key);
  const line = desk.read("plain.pub").toString();
  const echo = async (options: string, ...flags: readonly string[]) => {
    await server.control.addKeys("ann", parsePublicKeys(`${options} ${line}`));
    const place = ["-p", `${server.port}`, "-i", key, ...flags, "ann@127.0.0.1", "echo here"];
    return command("ssh", [...OPENSSH_OPTIONS, ...place]);
  };
  expect(await echo("restrict")).toMatchObject({ code: 0, stdout: "here\n", stderr: "" });
  expect((await echo("restrict", "-tt")).stderr).toContain("PTY allocation request failed");
  expect(await echo("restrict,pty", "-tt")).toMatchObject({ code: 0, stdout: "here\r\n" });
});

test("key options: from and an end", async () => {
  const key = desk.path("limited");
  await keygen("-t", "ed25519", "-f", key);
  const line = desk.read("limited.pub").toString();
  const lets = async (options: string): Promise<boolean> => {
    await server.control.addKeys("ann", parsePublicKeys(`${options} ${line}`));
    return login("ann", [], key);
  };
  expect(await lets('from="127.0.0.0/8"')).toBe(true);
  expect(await lets('from="192.0.2.1"')).toBe(false);
  expect(await lets('expiry-time="29991231Z"')).toBe(true);
  expect(await lets('expiry-time="20200101Z"')).toBe(false);
  expect(await lets("restrict")).toBe(true);
});
