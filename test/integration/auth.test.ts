import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import argon2 from "argon2";
import ssh2, { type Client, type ParsedKey } from "ssh2";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { startTestServer, type TestServer } from "../support/server.ts";
import {
  dial,
  type KeyPair,
  login,
  makeKey,
  protocolOf,
  sftp,
  tcp,
} from "../support/ssh-client.ts";

const ed25519 = makeKey("ed25519");
const ecdsa = makeKey("ecdsa");
const rsa = makeKey("rsa");
const second = makeKey("ed25519");
const stranger = makeKey("ed25519");

const TOO_MANY = "Too many authentication failures";

let server: TestServer;
let keyFile: string;
let directory: string;
const clients: Client[] = [];

beforeAll(async () => {
  server = await startTestServer({
    users: [
      { name: "ann", password: "secret", keys: [ed25519, ecdsa, rsa, second].map((k) => k.public) },
      { name: "off", password: "secret", keys: [ed25519.public] },
      { name: "keyonly", keys: [ed25519.public] },
    ],
    config: { limits: { loginTries: 3 } },
  });
  await server.control.disable("off");
  directory = await mkdtemp(join(tmpdir(), "moorage-auth-"));
  keyFile = join(directory, "id");
  await writeFile(keyFile, ed25519.private, { mode: 0o600 });
});

afterAll(async () => {
  await server.stop();
  await rm(directory, { recursive: true, force: true });
});

afterEach(() => {
  for (const client of clients.splice(0)) client.destroy();
});

async function loggedIn(config: Parameters<typeof login>[1]): Promise<Client> {
  const client = await login(server, config);
  clients.push(client);
  return client;
}

/** Tries all passwords in turn by one method; resolves to how the connection ended. */
function attempt(
  username: string,
  passwords: string[],
  method: "password" | "keyboard-interactive",
) {
  const left = [...passwords];
  const methodsSeen: unknown[] = [];
  const dialed = dial(server, {
    username,
    authHandler: (methods, _partial, next) => {
      methodsSeen.push(methods);
      const password = left.shift();
      if (password === undefined) next(false as never);
      else if (method === "password") next({ type: "password", username, password });
      else {
        next({
          type: "keyboard-interactive",
          username,
          prompt: (_name, _instructions, _lang, prompts, finish) => {
            expect(prompts).toEqual([{ prompt: "Password: ", echo: false }]);
            finish([password]);
          },
        });
      }
    },
  });
  clients.push(dialed.client);
  return { ...dialed, methodsSeen };
}

describe("passwords", () => {
  test("password lets in", async () => {
    await loggedIn({ password: "secret" });
  });

  test("keyboard-interactive asks one question without echo and lets in", async () => {
    await attempt("ann", ["secret"], "keyboard-interactive").ready;
  });

  test("attack: two passwords of one account, where the bytes of one are not UTF-8", async () => {
    const set = Buffer.from("gr\xfc\xdfe-2026", "latin1").toString("utf8");
    const hash = await argon2.hash(set, { memoryCost: 1024, timeCost: 2, parallelism: 1 });
    const { id } = await server.addUser({ name: "grete" });
    await server.store.users.setPassword(id, hash);
    for (const method of ["password", "keyboard-interactive"] as const) {
      const tried = attempt("grete", [set], method);
      await expect(tried.ready).rejects.toThrow("authentication methods failed");
    }
  });

  test("OpenSSH's sftp logs in with a password", async () => {
    const result = await sftp(server, ["pwd"], { password: "secret" });
    expect(result.stdout).toContain("Remote working directory: /");
    expect(result.code).toBe(0);
  });

  test("none is answered with what is possible", async () => {
    const { methodsSeen, ready } = attempt("ann", ["secret"], "password");
    await ready;
    expect(methodsSeen).toEqual([null]);
    const asked: unknown[] = [];
    const dialed = dial(server, {
      authHandler: (methods, _partial, next) => {
        asked.push(methods);
        if (methods === null) next({ type: "none", username: "ann" });
        else next(false as never);
      },
    });
    clients.push(dialed.client);
    await dialed.closed;
    expect(asked).toEqual([null, ["publickey", "password", "keyboard-interactive"]]);
  });

  test.each(["password", "keyboard-interactive"] as const)(
    "two wrong ones by %s and then the right one let in",
    async (method) => {
      await attempt("ann", ["wrong", "wrong", "secret"], method).ready;
    },
  );

  // The same end for everyone: an attacker learns nothing about which accounts there are.
  test.each([
    ["a wrong password", "ann"],
    ["an unknown user", "nobody"],
    ["a disabled user", "off"],
    ["a user without a password", "keyonly"],
    ["a name that can't be one", "../../etc\u0000"],
  ])("%s ends the connection at the third try", async (_, username) => {
    const passwords = username === "ann" ? ["a", "b", "c", "secret"] : ["secret", "b", "c", "d"];
    const dialed = attempt(username, passwords, "password");
    await dialed.closed;
    await expect(dialed.ready).rejects.toThrow();
    expect(dialed.errors).toEqual([TOO_MANY]);
    expect(dialed.methodsSeen).toHaveLength(3);
  });

  test("more answers than questions are no password", async () => {
    const dialed = dial(server, {
      authHandler: (_methods, _partial, next) =>
        next({
          type: "keyboard-interactive",
          username: "ann",
          prompt: (_name, _instructions, _lang, _prompts, finish) => finish(["secret", "more"]),
        }),
    });
    clients.push(dialed.client);
    await expect(dialed.ready).rejects.toThrow();
  });

  test("failed logins are in the audit trail, the name escaped, the password nowhere", async () => {
    const dialed = attempt("eve\u001b[31m", ["hunter2-x", "b", "c"], "password");
    await dialed.closed;
    const records = await server.store.audit.query({ kind: "login-failed", limit: 3 });
    expect(records.map((record) => record.user)).toEqual(Array(3).fill("eve\\x1b[31m"));
    expect(JSON.stringify(records)).not.toContain("hunter2-x");
  });
});

describe("keys", () => {
  test.each([
    ["ed25519", ed25519],
    ["ecdsa", ecdsa],
    ["rsa with sha2", rsa],
  ])("%s lets in", async (_, pair) => {
    await loggedIn({ password: undefined as never, privateKey: pair.private });
  });

  test.each(["rsa-sha2-256", "rsa-sha2-512"])("OpenSSH signs with %s", async (algorithm) => {
    const file = join(directory, `id-${algorithm}`);
    await writeFile(file, rsa.private, { mode: 0o600 });
    const options = ["-o", `PubkeyAcceptedAlgorithms=${algorithm}`];
    const result = await sftp(server, ["pwd"], { key: file, options });
    expect(result).toMatchObject({ code: 0, stderr: "" });
  });

  test("a key of nobody is refused, and not counted as a failure", async () => {
    const options = ["-o", "PreferredAuthentications=publickey"];
    const file = join(directory, "stranger");
    await writeFile(file, stranger.private, { mode: 0o600 });
    const result = await sftp(server, ["pwd"], { key: file, options });
    expect(result.code).not.toBe(0);
    expect(result.stderr).toContain("Permission denied (publickey,password,keyboard-interactive)");
  });

  test.each(["off", "nobody"])("a listed key of %s is not even known", async (username) => {
    const dialed = dial(server, { username, privateKey: ed25519.private });
    clients.push(dialed.client);
    await expect(dialed.ready).rejects.toThrow();
  });

  /** Signs `right` keys well and spoils the signatures of others. */
  function agentOf(right: KeyPair[], spoiled: KeyPair[]): ssh2.BaseAgent {
    const parse = (pair: KeyPair): ParsedKey => ssh2.utils.parseKey(pair.private) as ParsedKey;
    class Agent extends ssh2.BaseAgent<ParsedKey> {
      override getIdentities(done: (error: Error | undefined, keys: ParsedKey[]) => void): void {
        done(undefined, [...spoiled, ...right].map(parse));
      }

      override sign(
        key: ParsedKey,
        data: Buffer,
        options: unknown,
        done?: (error: Error | undefined, signature: Buffer) => void,
      ): void {
        const finish = (typeof options === "function" ? options : done) as typeof done;
        const signature = key.sign(data);
        if (spoiled.some((pair) => parse(pair).getPublicSSH().equals(key.getPublicSSH()))) {
          signature[10] = (signature[10] as number) ^ 1;
        }
        finish?.(undefined, signature);
      }
    }
    return new Agent() as unknown as ssh2.BaseAgent;
  }

  test("a key that is only offered, signed badly, does not log in", async () => {
    const dialed = dial(server, { agent: agentOf([], [ed25519]) });
    clients.push(dialed.client);
    await expect(dialed.ready).rejects.toThrow();
  });

  test("the key that was proven counts, not the one offered before it", async () => {
    const dialed = dial(server, { agent: agentOf([second], [ed25519]) });
    clients.push(dialed.client);
    await dialed.ready;
    const [record] = await server.store.audit.query({ kind: "login", user: "ann", limit: 1 });
    const keys = await server.store.keys.list((await server.control.account("ann")).id);
    const blob = (ssh2.utils.parseKey(second.public) as ParsedKey).getPublicSSH();
    const proven = keys.find((key) => key.blob.equals(blob));
    expect(record?.detail).toContain(`publickey ${proven?.fingerprint}`);
  });

  test("a signature with SHA-1 is refused", async () => {
    const parsed = ssh2.utils.parseKey(rsa.private) as ParsedKey;
    const answers: string[] = [];
    const dialed = dial(server, {
      authHandler: (methods, _partial, next) => {
        answers.push(methods === null ? "start" : "refused");
        if (methods === null) return next({ type: "none", username: "ann" });
        if (answers.length > 2) return next(false as never);
        protocolOf(dialed.client).authPK("ann", parsed, "ssh-rsa", (data, done) => {
          done(parsed.sign(data, "sha1"));
        });
      },
    });
    clients.push(dialed.client);
    await dialed.closed;
    expect(answers).toEqual(["start", "refused", "refused"]);
    await expect(dialed.ready).rejects.toThrow();
  });

  test("a key offered after an unfinished question is answered", async () => {
    const dialed = dial(server, {
      authHandler: (_methods, _partial, next) =>
        next({
          type: "keyboard-interactive",
          username: "ann",
          prompt: () => {
            const parsed = ssh2.utils.parseKey(ed25519.private) as ParsedKey;
            const protocol = protocolOf(dialed.client);
            protocol._authsQueue.shift();
            protocol.authPK("ann", parsed, "ssh-ed25519", (data, done) => done(parsed.sign(data)));
          },
        }),
    });
    clients.push(dialed.client);
    await dialed.ready;
  });

  test("requests without end are cut off", async () => {
    let asked = 0;
    const dialed = dial(server, {
      authHandler: (_methods, _partial, next) => {
        asked += 1;
        next({ type: "publickey", username: "ann", key: stranger.private });
      },
    });
    clients.push(dialed.client);
    await dialed.closed;
    expect(dialed.errors).toEqual(["Too many authentication requests"]);
    expect(asked).toBe(21);
  });
});

describe("the rest of the login", () => {
  test("changing the name on one connection is refused", async () => {
    const dialed = dial(server, {
      authHandler: (methods, _partial, next) => {
        if (methods === null) next({ type: "password", username: "ann", password: "wrong" });
        else protocolOf(dialed.client).authPassword("off", "secret");
      },
    });
    clients.push(dialed.client);
    await dialed.closed;
    await expect(dialed.ready).rejects.toThrow();
  });

  test("who does not log in in time is shown out", async () => {
    const slow = await startTestServer({ config: { limits: { loginGrace: 200 } } });
    try {
      const silent = await tcp(slow);
      expect(await silent.said).toBe("SSH-2.0-Moorage\r\n");
      const dialed = dial(slow, { authHandler: () => {} });
      await dialed.closed;
      expect(dialed.disconnects).toEqual(["11: The login took too long"]);
    } finally {
      await slow.stop();
    }
  });

  test("connections that have not logged in are bounded, logged-in ones don't count", async () => {
    const small = await startTestServer({
      users: [{ name: "ann" }],
      config: { limits: { maxUnauthenticated: 2 } },
    });
    try {
      const inside = await login(small);
      const waiting = [await tcp(small), await tcp(small)];
      const third = await tcp(small);
      expect(await third.said).toBe("Not allowed at this time\r\n");
      waiting[0]?.socket.destroy();
      await vi.waitFor(async () => {
        const client = await login(small);
        client.end();
      }, 10_000);
      inside.end();
      for (const { socket } of waiting) socket.destroy();
    } finally {
      await small.stop();
    }
  });

  test("the banner is shown before the login", async () => {
    const polite = await startTestServer({
      users: [{ name: "ann" }],
      config: { server: { host: "127.0.0.1", port: 0, banner: "Private harbour" } },
    });
    try {
      const dialed = dial(polite, { password: "secret" });
      await dialed.ready;
      expect(dialed.banners).toEqual(["Private harbour"]);
      dialed.client.end();
      await dialed.closed;
    } finally {
      await polite.stop();
    }
  });
});
