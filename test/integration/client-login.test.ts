import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { FactorKey } from "../../src/auth/factor-key.ts";
import { Factors } from "../../src/auth/factors.ts";
import { LoginError } from "../../src/client/errors.ts";
import { openRemote } from "../../src/client/login/login.ts";
import type { LoginOptions, Prompts } from "../../src/client/types.ts";
import { FactorControl } from "../../src/control/factors.ts";
import { codeAt } from "../support/authenticator-app.ts";
import { type ClientHome, makeClientHome, NOBODY } from "../support/engine.ts";
import { DIRECTORY, startHostileServer } from "../support/hostile-server.ts";
import { startProxy } from "../support/proxy.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

let server: TestServer;
let home: ClientHome;

beforeAll(async () => {
  server = await startTestServer({ users: [{ name: "ann", password: "open sesame" }] });
});
afterAll(() => server?.stop());
beforeEach(async () => {
  home = await makeClientHome();
});
afterEach(() => home.remove());

/** Answers in turn, and remembers what it was asked. */
function person(
  answers: readonly string[],
  confirmed = true,
): Prompts & { asked: string[]; told: string[] } {
  const asked: string[] = [];
  const told: string[] = [];
  let next = 0;
  return {
    asked,
    told,
    secret: (prompt) => {
      asked.push(prompt);
      return Promise.resolve(answers[next++]);
    },
    confirm: (question) => {
      asked.push(question);
      return Promise.resolve(confirmed);
    },
    notice: (text) => {
      told.push(text);
    },
  };
}

function options(change: Partial<LoginOptions> = {}): LoginOptions {
  return { ...home.login(server.port), identities: [], ...change };
}

async function failureOf(login: Promise<unknown>): Promise<LoginError> {
  const error = await login.then(
    () => new Error("it logged in"),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof LoginError)) throw error;
  return error;
}

async function logIn(login: LoginOptions, prompts: Prompts): Promise<string> {
  const connection = await openRemote(login, prompts);
  const path = await connection.realpath(".");
  await connection.close();
  return path;
}

describe("a password", () => {
  it("is asked for without echo until it is right", async () => {
    const asked = person(["wrong", "open sesame"]);
    expect(await logIn(options(), asked)).toBe("/");
    expect(asked.asked).toHaveLength(2);
    expect(asked.asked[0]).toMatch(/ann@127\.0\.0\.1/);
  });

  it("is asked for three times, then the login is refused", async () => {
    const asked = person(["a", "b", "c", "open sesame"]);
    const error = await failureOf(openRemote(options(), asked));
    expect(error.failure).toBe("refused");
    expect(error.message).toMatch(/^ann@127\.0\.0\.1: /);
    expect(asked.asked).toHaveLength(3);
    expect(asked.told.filter((text) => /left/.test(text))).toEqual([
      "That was not accepted; 2 tries are left.",
      "That was not accepted; 1 try is left.",
    ]);
  });

  it("is not asked for again when a lost connection is made anew", async () => {
    const asked = person(["open sesame"]);
    const proxy = await startProxy({ target: () => server.port });
    const connection = await openRemote(options({ port: proxy.port }), asked);
    connection.retry = { tries: 20, firstMs: 20, longestMs: 200 };
    proxy.cut();
    await expect.poll(() => connection.connected, { timeout: 20_000 }).toBe(false);
    expect((await connection.stat("/")).type).toBe("directory");
    expect(asked.asked).toHaveLength(1);
    expect(proxy.connections).toBe(2);
    await connection.close();
    await proxy.close();
  });

  it("that nobody can give ends the login as refused", async () => {
    const error = await failureOf(openRemote(options(), { ...NOBODY, canAsk: false }));
    expect(error.failure).toBe("refused");
    expect(error.message).toMatch(/; there is no terminal to ask on$/);
  });
});

describe("a second factor", () => {
  async function enrol(name: string): Promise<string> {
    const { store, root, config } = server;
    const factors = new Factors({
      store,
      key: new FactorKey(root, store.factors),
      settings: config.login,
    });
    const control = new FactorControl({ store, factors, actor: "test", host: "harbour" });
    const factor = await control.begin(name);
    await factor.accept(null);
    return factor.secret;
  }

  it("is asked for after the password", async () => {
    await server.addUser({ name: "cat", password: "open sesame" });
    const code = codeAt(await enrol("cat"));
    const asked = person(["open sesame", code]);
    const login = options({ target: { host: "127.0.0.1", user: "cat" } });
    expect(await logIn(login, asked)).toBe("/");
    expect(asked.asked[1]).toMatch(/Verification code:/);
  });

  it("is asked for after a key", async () => {
    const file = home.path("plain");
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", file]);
    await server.addUser({ name: "dan", keys: [readFileSync(`${file}.pub`, "utf8")] });
    const code = codeAt(await enrol("dan"));
    const asked = person([code]);
    const login = options({ target: { host: "127.0.0.1", user: "dan" }, identities: [file] });
    expect(await logIn(login, asked)).toBe("/");
    expect(asked.asked).toHaveLength(1);
  });

  it("is never answered with the password that a lost connection is made anew with", async () => {
    await server.addUser({ name: "eve", password: "open sesame" });
    const code = codeAt(await enrol("eve"));
    const asked = person(["open sesame", code]);
    const proxy = await startProxy({ target: () => server.port });
    const login = options({ target: { host: "127.0.0.1", user: "eve" }, port: proxy.port });
    const connection = await openRemote(login, asked);
    connection.retry = { tries: 1, firstMs: 20, longestMs: 20 };
    proxy.cut();
    await expect.poll(() => connection.connected, { timeout: 20_000 }).toBe(false);
    await expect(connection.stat("/")).rejects.toThrow();
    expect(asked.asked).toHaveLength(2);
    const [failed] = await server.store.audit.query({ user: "eve", kind: "login-failed" });
    // What came for the code was nothing, and not the password.
    expect(failed?.detail).toBe("keyboard-interactive");
    await connection.close();
    await proxy.close();
  });

  it("and a new password that has to be set are asked for", async () => {
    await server.addUser({ name: "fay", password: "open sesame" });
    await server.control.set("fay", { passwordChange: true });
    const asked = person(["open sesame", "close sesame", "close sesame"]);
    const login = options({ target: { host: "127.0.0.1", user: "fay" } });
    expect(await logIn(login, asked)).toBe("/");
    expect(await logIn(login, person(["close sesame"]))).toBe("/");
  });
});

describe("a key", () => {
  it("with a passphrase is unlocked by the person", async () => {
    const file = home.path("locked");
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "let me in", "-f", file]);
    await server.addUser({ name: "bob", keys: [readFileSync(`${file}.pub`, "utf8")] });
    const asked = person(["no", "let me in"]);
    const login = options({ target: { host: "127.0.0.1", user: "bob" }, identities: [file] });
    expect(await logIn(login, asked)).toBe("/");
    expect(asked.asked).toEqual([
      `Enter passphrase for key '${file}': `,
      `Enter passphrase for key '${file}': `,
    ]);
  });

  it("of no use is not asked for its passphrase", async () => {
    const file = home.path("locked");
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "let me in", "-f", file]);
    const asked = person(["open sesame"]);
    expect(await logIn(options({ identities: [file] }), asked)).toBe("/");
    expect(asked.asked[0]).not.toMatch(/passphrase/);
  });

  it("of the agent is used", async () => {
    const file = home.path("agent-key");
    const socket = home.path("agent.sock");
    execFileSync("ssh-keygen", ["-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", file]);
    await server.addUser({ name: "cleo", keys: [readFileSync(`${file}.pub`, "utf8")] });
    const agent = await startAgent(socket);
    const before = process.env.SSH_AUTH_SOCK;
    try {
      execFileSync("ssh-add", ["-q", file], { env: { ...process.env, SSH_AUTH_SOCK: socket } });
      process.env.SSH_AUTH_SOCK = socket;
      const login = options({ target: { host: "127.0.0.1", user: "cleo" } });
      expect(await logIn(login, NOBODY)).toBe("/");
    } finally {
      if (before === undefined) delete process.env.SSH_AUTH_SOCK;
      else process.env.SSH_AUTH_SOCK = before;
      agent.kill();
      await once(agent, "exit");
    }
  });
});

async function startAgent(socket: string): Promise<ChildProcess> {
  const agent = spawn("ssh-agent", ["-D", "-a", socket], { stdio: "ignore" });
  await vi.waitFor(() => expect(existsSync(socket)).toBe(true), { timeout: 20_000 });
  return agent;
}

describe("a configuration file", () => {
  it("gives the host's address, port, user and key", async () => {
    await server.addUser({ name: "dora", keys: [home.key.public] });
    writeFileSync(
      home.path("config"),
      `Host shore\n  HostName 127.0.0.1\n  Port ${server.port}\n  User dora\n  IdentityFile ${home.path("key")}\n  IdentitiesOnly yes\n  UserKnownHostsFile ${home.path("kh2")}\n`,
    );
    const login: LoginOptions = {
      target: { host: "shore" },
      identities: [],
      acceptNew: true,
      configFile: home.path("config"),
    };
    const connection = await openRemote(login, NOBODY);
    expect(connection.name).toBe("dora@shore");
    await connection.close();
    expect(readFileSync(home.path("kh2"), "utf8")).toContain(
      `[127.0.0.1]:${server.port} ssh-ed25519 `,
    );
  });

  it("that asks for a jump is refused in one line", async () => {
    writeFileSync(home.path("config"), "Host *\n  ProxyJump gate\n");
    const error = await failureOf(openRemote(options({ configFile: home.path("config") }), NOBODY));
    expect(error.failure).toBe("unreachable");
    expect(error.message).toMatch(/ProxyJump \(gate\)/);
  });
});

describe("a host key", () => {
  it("that is unknown is shown and asked for, then remembered for the owner alone", async () => {
    const asked = person(["open sesame"]);
    await logIn(options({ acceptNew: false }), asked);
    const [{ sha256 } = { sha256: "" }] = server.server.fingerprints;
    expect(asked.asked[0]).toContain(sha256);
    expect(statSync(home.path("known_hosts")).mode & 0o777).toBe(0o600);
    const again = person(["open sesame"]);
    await logIn(options({ acceptNew: false }), again);
    expect(again.asked).toHaveLength(1);
  });

  it("that is unknown and not confirmed ends the connection before any password", async () => {
    const asked = person(["open sesame"], false);
    const error = await failureOf(openRemote(options({ acceptNew: false }), asked));
    expect(error.failure).toBe("unknown-host-key");
    expect(error.message).toContain("--accept-new");
    expect(asked.asked).toHaveLength(1);
    expect(existsSync(home.path("known_hosts"))).toBe(false);
  });

  it("that is unknown is taken or refused without asking as StrictHostKeyChecking has it", async () => {
    const configFile = home.path("config");
    writeFileSync(configFile, "StrictHostKeyChecking yes\n");
    const asked = person(["open sesame"]);
    const strict = options({ acceptNew: false, configFile });
    const error = await failureOf(openRemote(strict, asked));
    expect(error.failure).toBe("unknown-host-key");
    expect(asked.asked).toEqual([]);
    writeFileSync(configFile, "StrictHostKeyChecking accept-new\n");
    expect(await logIn(strict, asked)).toBe("/");
    expect(asked.asked).toHaveLength(1);
    expect(existsSync(home.path("known_hosts"))).toBe(true);
  });

  it("that has changed is refused also when new ones are accepted, with what to do", async () => {
    const other = execKey("other");
    writeFileSync(home.path("known_hosts"), `[127.0.0.1]:${server.port} ${other}\n`);
    const asked = person(["open sesame"]);
    const error = await failureOf(openRemote(options(), asked));
    expect(error.failure).toBe("changed-host-key");
    expect(error.message).toContain(
      `ssh-keygen -f '${home.path("known_hosts")}' -R '[127.0.0.1]:${server.port}'`,
    );
    expect(asked.asked).toEqual([]);
  });

  it("written by OpenSSH in hashed form is known, and ours is known to OpenSSH", async () => {
    await logIn(options(), person(["open sesame"]));
    const file = home.path("known_hosts");
    execFileSync("ssh-keygen", ["-q", "-H", "-f", file], { stdio: "ignore" });
    expect(readFileSync(file, "utf8")).toMatch(/^\|1\|/);
    expect(await logIn(options({ acceptNew: false }), person(["open sesame"]))).toBe("/");
    const found = execFileSync("ssh-keygen", ["-F", `[127.0.0.1]:${server.port}`, "-f", file]);
    expect(found.toString()).toContain("ssh-ed25519");
  });

  it("that is known in another type is asked for in that type", async () => {
    const ecdsa = readFileSync(`${server.root}/keys/ssh_host_ecdsa_key`);
    writeFileSync(home.path("host"), ecdsa, { mode: 0o600 });
    const line = execFileSync("ssh-keygen", ["-y", "-f", home.path("host")]).toString();
    writeFileSync(home.path("known_hosts"), `[127.0.0.1]:${server.port} ${line}`);
    expect(await logIn(options({ acceptNew: false }), person(["open sesame"], false))).toBe("/");
  });

  it("that changes while the connection lasts is not taken, also where none is remembered", async () => {
    const impostor = await startHostileServer({
      list: () => [],
      attrs: () => ({ mode: DIRECTORY }),
    });
    const proxy = await startProxy({ target: () => (taken ? impostor.port : server.port) });
    let taken = false;
    await server.addUser({ name: "emma", keys: [home.key.public] });
    const login = { ...home.login(proxy.port, "emma"), knownHosts: "/dev/null" };
    const connection = await openRemote(login, NOBODY);
    connection.retry = { tries: 60, firstMs: 20, longestMs: 100 };
    const cut = (): Promise<void> => {
      proxy.cut();
      return expect.poll(() => connection.connected, { timeout: 30_000 }).toBe(false);
    };
    await cut();
    expect(await connection.realpath(".")).toBe("/");
    taken = true;
    await cut();
    await expect(connection.realpath(".")).rejects.toThrow(/HAS CHANGED since/);
    await connection.close();
    await proxy.close();
    await impostor.close();
  });

  it("is the one of HostKeyAlias where there is one", async () => {
    await server.addUser({ name: "fred", keys: [home.key.public] });
    writeFileSync(home.path("config"), "Host *\n  HostKeyAlias harbour\n");
    const login = { ...home.login(server.port, "fred"), configFile: home.path("config") };
    expect(await logIn(login, NOBODY)).toBe("/");
    expect(readFileSync(home.path("known_hosts"), "utf8")).toMatch(/^harbour ssh-ed25519 /);
  });

  it("that is revoked is refused", async () => {
    await logIn(options(), person(["open sesame"]));
    const [, ...key] = readFileSync(home.path("known_hosts"), "utf8").trim().split(" ");
    writeFileSync(home.path("known_hosts"), `@revoked * ${key.join(" ")}\n`);
    const error = await failureOf(openRemote(options(), person(["open sesame"])));
    expect(error.message).toMatch(/revoked/);
  });

  function execKey(name: string): string {
    const file = home.path(name);
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", file]);
    return readFileSync(`${file}.pub`, "utf8").trim();
  }
});

describe("a server that isn't one", () => {
  async function listen(answer: string): Promise<{ port: number; close(): Promise<void> }> {
    const fake = createServer((socket) => {
      socket.on("error", () => {});
      socket.write(answer);
    });
    fake.listen(0, "127.0.0.1");
    await once(fake, "listening");
    const close = async (): Promise<void> => {
      fake.close();
    };
    return { port: (fake.address() as AddressInfo).port, close };
  }

  it("because nothing listens is unreachable", async () => {
    const fake = await listen("");
    await fake.close();
    const error = await failureOf(openRemote(options({ port: fake.port }), NOBODY));
    expect(error.failure).toBe("unreachable");
    expect(error.message).toMatch(/nothing listens/);
  });

  it("because it never says a word is given up", async () => {
    const fake = await listen("");
    const error = await failureOf(openRemote(options({ port: fake.port }), NOBODY, 300));
    expect(error.failure).toBe("unreachable");
    await fake.close();
  });

  it("because it speaks something else is a matter of protocol or reach, in one line", async () => {
    const fake = await listen("HTTP/1.1 400 Bad Request\r\n\r\n".repeat(50));
    const error = await failureOf(openRemote(options({ port: fake.port }), NOBODY, 2_000));
    expect(["protocol", "unreachable"]).toContain(error.failure);
    expect(error.message).not.toMatch(/\n/);
    await fake.close();
  });
});
