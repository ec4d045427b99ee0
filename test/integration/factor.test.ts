import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { ClientChannel } from "ssh2";
import SftpClient from "ssh2-sftp-client";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FactorKey } from "../../src/auth/factor-key.ts";
import { Factors } from "../../src/auth/factors.ts";
import { FactorControl } from "../../src/control/factors.ts";
import { codeAt, STEP_MS, wrongCode } from "../support/authenticator-app.ts";
import {
  type ConfigChange,
  openInstance,
  spawnServer,
  startTestServer,
  type TestServer,
} from "../support/server.ts";
import { dial, type KeyPair, makeKey } from "../support/ssh-client.ts";

const KEY: KeyPair = makeKey("ed25519");
const PASSWORD = "correct horse";
const OPEN: ConfigChange = { penalties: { exempt: ["127.0.0.0/8"] } };

let server: TestServer;
const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function start(config: ConfigChange = OPEN, root?: string): Promise<TestServer> {
  const started = await startTestServer({ config, ...(root !== undefined && { root }) });
  ends.push(() => started.stop());
  return started;
}

type Instance = Pick<TestServer, "root" | "store" | "config">;

function controlOf({ root, store, config }: Instance): FactorControl {
  const key = new FactorKey(root, store.factors);
  const factors = new Factors({ store, key, settings: config.login });
  return new FactorControl({ store, factors, actor: "test", host: "harbour" });
}

interface Enrolled {
  readonly secret: string;
  readonly recovery: readonly string[];
}

async function enroll(name: string, at: Instance = server): Promise<Enrolled> {
  const factor = await controlOf(at).begin(name);
  return { secret: factor.secret, recovery: (await factor.accept(null)) ?? [] };
}

async function addUser(name: string, at = server): Promise<void> {
  await at.addUser({ name, password: PASSWORD, keys: [KEY.public] });
}

interface Attempt {
  readonly user?: string;
  readonly key?: boolean;
  readonly password?: string;
  /** of keyboard-interactive, in turn */
  readonly answers?: readonly string[];
  readonly port?: number;
}

interface Outcome {
  readonly isIn: boolean;
  /** every question, with "!" where what is typed is shown */
  readonly asked: readonly string[];
  readonly instructions: readonly string[];
  /** what the server said could go on after each refusal, "*" for a partial success */
  readonly goesOn: readonly string[];
  readonly banners: readonly string[];
  readonly disconnects: readonly string[];
}

/** Logs in by a key, a password, or by the answers; then leaves. */
async function attempt(how: Attempt): Promise<Outcome> {
  const { user = "ann", key = false, password, port = server.port } = how;
  const answers = [...(how.answers ?? [])];
  const asked: string[] = [];
  const instructions: string[] = [];
  const goesOn: string[] = [];
  const methods = [
    ...(key ? (["publickey"] as const) : []),
    ...(password === undefined ? [] : (["password"] as const)),
    ...(how.answers === undefined ? [] : (["keyboard-interactive"] as const)),
  ];
  const dialled = dial(
    { port },
    {
      username: user,
      ...(key && { privateKey: KEY.private }),
      ...(password !== undefined && { password }),
      tryKeyboard: true,
      authHandler: (left, partial, next) => {
        if (left !== null) goesOn.push(`${left.join(",")}${partial ? "*" : ""}`);
        const method = methods.shift();
        if (method === undefined) return next(false as never);
        if (method === "publickey") return next({ type: method, username: user, key: KEY.private });
        if (method === "password")
          return next({ type: method, username: user, password: password ?? "" });
        next({
          type: method,
          username: user,
          prompt: (_name, text, _language, prompts, finish) => {
            if (text !== "") instructions.push(text);
            asked.push(...prompts.map((one) => `${one.prompt}${one.echo ? "!" : ""}`));
            finish(prompts.map(() => answers.shift() ?? ""));
          },
        });
      },
    },
  );
  const { client, ready, closed, banners, disconnects } = dialled;
  const isIn = await ready.then(
    () => true,
    () => false,
  );
  client.end();
  await closed;
  return { isIn, asked, instructions, goesOn, banners, disconnects };
}

const CODE = "Verification code: !";

async function failures(user = "ann"): Promise<(string | undefined)[]> {
  const records = await server.store.audit.query({ user, kind: "login-failed" });
  return records.map(({ detail }) => detail);
}

describe("a user with a second factor", () => {
  let ann: Enrolled;

  beforeEach(async () => {
    server = await start();
    await addUser("ann");
    ann = await enroll("ann");
  });

  test("is asked for a code after the password, in one login", async () => {
    const outcome = await attempt({ answers: [PASSWORD, codeAt(ann.secret)] });
    expect(outcome).toMatchObject({ isIn: true, asked: ["Password: ", CODE], goesOn: [] });
    const [login] = await server.store.audit.query({ user: "ann", kind: "login" });
    expect(login?.detail).toMatch(/^keyboard-interactive and a code/);
  });

  test("by the method password has a partial success, and then the code alone is asked for", async () => {
    const outcome = await attempt({ password: PASSWORD, answers: [codeAt(ann.secret)] });
    expect(outcome).toMatchObject({
      isIn: true,
      asked: [CODE],
      goesOn: ["keyboard-interactive*"],
    });
  });

  test("by a key has a partial success, and then the code alone is asked for", async () => {
    const outcome = await attempt({ key: true, answers: [codeAt(ann.secret)] });
    expect(outcome).toMatchObject({
      isIn: true,
      asked: [CODE],
      goesOn: ["keyboard-interactive*"],
    });
    const [login] = await server.store.audit.query({ user: "ann", kind: "login" });
    expect(login?.detail).toMatch(/^publickey SHA256:\S+ and a code/);
  });

  test("comes in by a recovery code, once", async () => {
    const [code = ""] = ann.recovery;
    expect((await attempt({ answers: [PASSWORD, code] })).isIn).toBe(true);
    expect((await attempt({ answers: [PASSWORD, code] })).isIn).toBe(false);
    expect((await controlOf(server).status("ann"))?.recoveryCodes).toBe(9);
  });

  test("needs none any more once it is removed", async () => {
    await controlOf(server).remove("ann");
    expect(await attempt({ key: true })).toMatchObject({ isIn: true });
    const kinds = (await server.store.audit.query({ user: "ann" })).map(({ kind }) => kind);
    expect(kinds).toEqual(expect.arrayContaining(["totp-enroll", "totp-remove"]));
  });

  test("that a client with a password alone can't be asked for", async () => {
    const outcome = await attempt({ password: PASSWORD });
    expect(outcome).toMatchObject({ isIn: false, goesOn: ["keyboard-interactive*"] });
    expect((await attempt({ password: `${PASSWORD}+${codeAt(ann.secret)}` })).isIn).toBe(false);
  });

  test("ssh2-sftp-client answers by its own event", async () => {
    const client = new SftpClient();
    const answers = [PASSWORD, codeAt(ann.secret)];
    client.on("keyboard-interactive", (_name, _text, _language, prompts, finish) => {
      finish(prompts.map(() => answers.shift() ?? ""));
    });
    const place = { host: "127.0.0.1", port: server.port, username: "ann" };
    await client.connect({ ...place, tryKeyboard: true });
    expect(await client.list("/")).toEqual([]);
    await client.end();
  });

  describe("attack: a code is used twice", () => {
    test("on one connection after the other", async () => {
      const answers = [PASSWORD, codeAt(ann.secret)];
      expect((await attempt({ answers })).isIn).toBe(true);
      expect((await attempt({ answers })).isIn).toBe(false);
    });

    test("at once on several connections, of two servers on one instance", async () => {
      const other = await start(OPEN, server.root);
      const answers = [PASSWORD, codeAt(ann.secret)];
      const ports = [server.port, other.port, server.port, other.port];
      const outcomes = await Promise.all(ports.map((port) => attempt({ answers, port })));
      expect(outcomes.filter(({ isIn }) => isIn)).toHaveLength(1);
    });
  });

  test("attack: a code is used twice, at once in two processes with two workers each", async () => {
    const instance = await openInstance([{ name: "ann", password: PASSWORD }]);
    ends.push(() => instance.close());
    const { secret } = await enroll("ann", { ...instance, config: server.config });
    const servers = await Promise.all(
      [0, 1].map(() =>
        spawnServer(instance.root, ["--auth-argon2-memory", "1MiB"], { workers: 2 }),
      ),
    );
    for (const spawned of servers) ends.push(() => spawned.kill());
    const answers = [PASSWORD, codeAt(secret)];
    const ports = [...servers, ...servers, ...servers].map(({ port }) => port);
    const outcomes = await Promise.all(ports.map((port) => attempt({ answers, port })));
    expect(outcomes.filter(({ isIn }) => isIn)).toHaveLength(1);
  });

  test("keeps a server from starting without keys/factor.key, and none is made anew", async () => {
    rmSync(join(server.root, "keys", "factor.key"));
    const outcome = await attempt({ answers: [PASSWORD, codeAt(ann.secret)] });
    expect(outcome.isIn).toBe(false);
    await expect(spawnServer(server.root)).rejects.toThrow("keys/factor.key is missing");
    await expect(spawnServer(server.root, [], { workers: 2 })).rejects.toThrow(
      "keys/factor.key is missing",
    );
    expect(existsSync(join(server.root, "keys", "factor.key"))).toBe(false);
  });

  test("attack: another user's code", async () => {
    await addUser("bob");
    const bob = await enroll("bob");
    const outcome = await attempt({ answers: [PASSWORD, codeAt(bob.secret)] });
    expect(outcome.isIn).toBe(false);
    expect(await failures()).toEqual(["keyboard-interactive, wrong code"]);
  });

  test("attack: a code without the password", async () => {
    const code = codeAt(ann.secret);
    for (const answers of [[code], ["", code], [`+${code}`, code], ["wrong", code]]) {
      const outcome = await attempt({ answers });
      expect(outcome).toMatchObject({ isIn: false, asked: ["Password: "] });
    }
    expect((await attempt({ password: `+${code}` })).isIn).toBe(false);
  });

  test("attack: who has no right password looks for users, and for who has a factor", async () => {
    await addUser("bob");
    const looks = await Promise.all(
      ["ann", "bob", "nobody"].map(async (user) => [
        await attempt({ user, answers: ["wrong"] }),
        await attempt({ user, password: "wrong" }),
      ]),
    );
    expect(looks[0]).toEqual(looks[1]);
    expect(looks[0]).toEqual(looks[2]);
    expect(looks[0]?.[0]?.asked).toEqual(["Password: "]);
  });

  test("attack: the password is known, and codes are guessed over connections", async () => {
    const wrong = wrongCode(ann.secret);
    for (let guess = 0; guess < 10; guess += 1) await attempt({ answers: [PASSWORD, wrong] });
    const late = await attempt({ answers: [PASSWORD, codeAt(ann.secret)] });
    expect(late.isIn).toBe(false);
    expect(late.instructions[0]).toMatch(/^Too many wrong codes: the next one counts in /);
    expect((await failures())[0]).toBe("keyboard-interactive, codes are refused now");
    expect((await attempt({ answers: [PASSWORD, ann.recovery[0] ?? ""] })).isIn).toBe(true);
  });

  test("attack: a partial success is carried to another user's name", async () => {
    await addUser("bob");
    await enroll("bob");
    const asked: string[] = [];
    let step = 0;
    const client = dial(server, {
      username: "ann",
      authHandler: (_left, _partial, next) => {
        step += 1;
        if (step === 1) return next({ type: "password", username: "ann", password: PASSWORD });
        next({
          type: "keyboard-interactive",
          username: "bob",
          prompt: (_name, _text, _language, prompts, finish) => {
            asked.push(...prompts.map(({ prompt }) => prompt));
            finish(prompts.map(() => codeAt(ann.secret)));
          },
        });
      },
    });
    await client.closed;
    expect(step).toBe(2);
    expect(asked).toEqual([]);
    await expect(client.ready).rejects.toThrow("closed");
    expect(await server.server.sessions()).toEqual([]);
  });

  test("attack: they are guessed on one connection: it ends as with wrong passwords", async () => {
    const wrong = wrongCode(ann.secret);
    const client = dial(server, {
      username: "ann",
      authHandler: (_left, _partial, next) =>
        next({
          type: "keyboard-interactive",
          username: "ann",
          prompt: (_name, _text, _language, prompts, finish) =>
            finish(prompts.map(({ prompt }) => (prompt === "Password: " ? PASSWORD : wrong))),
        }),
    });
    await client.closed;
    expect(client.disconnects).toEqual(["14: Too many authentication failures"]);
    expect(await failures()).toHaveLength(3);
  });

  test("attack: something about codes is in the log, the audit trail or the database", async () => {
    const wrong = wrongCode(ann.secret);
    const right = codeAt(ann.secret);
    const [recovery = ""] = ann.recovery;
    await attempt({ answers: [PASSWORD, wrong] });
    await attempt({ answers: [PASSWORD, right] });
    await attempt({ answers: [PASSWORD, recovery] });
    const trail = JSON.stringify(await server.store.audit.query({ limit: 1_000 }));
    const database = ["", "-wal"].map((end) =>
      readFileSync(`${server.root}/db/moorage.sqlite${end}`, "latin1"),
    );
    const secrets = [PASSWORD, recovery, ann.secret, ann.secret.replaceAll(" ", "")];
    for (const secret of [...secrets, wrong, right]) expect(trail).not.toContain(secret);
    for (const secret of secrets) expect(database.join("")).not.toContain(secret);
  });
});

describe("attack: wrong codes cost the address what wrong passwords cost", () => {
  test("each once", async () => {
    server = await start({ penalties: { exempt: [], failures: 3, recovery: 3_600_000 } });
    await addUser("ann");
    const { secret } = await enroll("ann");
    const wrong = wrongCode(secret);
    for (let guess = 0; guess < 2; guess += 1) await attempt({ answers: [PASSWORD, wrong] });
    expect(await server.store.penalties.refused(Date.now(), 9)).toEqual([]);
    await attempt({ answers: [PASSWORD, wrong] });
    expect(await server.store.penalties.refused(Date.now(), 9)).toMatchObject([{ failures: 3 }]);
  });
});

describe("a code in the password field, where the setting lets it", () => {
  let ann: Enrolled;

  beforeEach(async () => {
    server = await start({ ...OPEN, login: { totpInPassword: true } });
    await addUser("ann");
    await addUser("bob");
    ann = await enroll("ann");
  });

  test("lets in a client that has only that", async () => {
    const password = `${PASSWORD}+${codeAt(ann.secret)}`;
    expect((await attempt({ password })).isIn).toBe(true);
    expect((await attempt({ password })).isIn).toBe(false);
    expect(await failures()).toEqual(["password, wrong code"]);
  });

  test("also where the client answers the question for the password with it", async () => {
    const outcome = await attempt({ answers: [`${PASSWORD}+${codeAt(ann.secret)}`] });
    expect(outcome).toMatchObject({ isIn: true, asked: ["Password: "] });
  });

  test("is no help without the password", async () => {
    expect((await attempt({ password: `wrong+${codeAt(ann.secret)}` })).isIn).toBe(false);
    expect(await failures()).toEqual(["password"]);
  });

  test("changes nothing for who has no factor", async () => {
    expect((await attempt({ user: "bob", password: PASSWORD })).isIn).toBe(true);
    expect((await attempt({ user: "bob", password: `${PASSWORD}+123456` })).isIn).toBe(false);
  });
});

describe("who needs a factor and has none", () => {
  let client: ReturnType<typeof dial>;

  beforeEach(async () => {
    server = await start();
    await addUser("ann");
    await server.control.set("ann", { require: ["totp"] });
    client = dial(server, { username: "ann", password: PASSWORD });
    await client.ready;
    ends.push(async () => {
      client.client.end();
    });
  });

  function run(
    begin: (use: (error: Error | undefined, channel: ClientChannel) => void) => void,
    onText: (text: string, channel: ClientChannel) => void = () => {},
  ): Promise<{ out: string; err: string; code: number }> {
    return new Promise((resolve, reject) => {
      begin((error, channel) => {
        if (error !== undefined) return reject(error);
        let [out, err, code] = ["", "", -1];
        channel.on("data", (chunk: Buffer) => {
          out += chunk;
          onText(String(chunk), channel);
        });
        channel.stderr.on("data", (chunk: Buffer) => {
          err += chunk;
        });
        channel.on("exit", (status: number) => {
          code = status;
        });
        channel.on("close", () => resolve({ out, err, code }));
      });
    });
  }

  test("is told so before anything else", () => {
    expect(client.banners.join()).toMatch(/^This account needs a second factor/);
  });

  test("has neither sftp nor commands, with a text that says how to enrol", async () => {
    const all = await Promise.all([
      run((use) => client.client.subsys("sftp", use)),
      run((use) => client.client.exec("ls -la", use)),
      run((use) => client.client.exec("ls -la", { pty: true }, use)),
      run((use) => client.client.exec("totp; ls", { pty: true }, use)),
      run((use) => client.client.exec("scp -t .", use)),
      run((use) => client.client.shell(false, use)),
    ]);
    for (const { out, err, code } of all) {
      expect({ out, code }).toEqual({ out: "", code: 1 });
      expect(err).toMatch(/^This account needs a second factor.*log in with ssh in a terminal/);
    }
  });

  test("sets one up in a shell, and has everything from the next login on", async () => {
    let secret = "";
    let seen = "";
    const { out, code } = await run(
      (use) => client.client.shell(use),
      (text, channel) => {
        seen += text;
        secret ||= /Secret: ([A-Z2-7 ]+)\r?\n/.exec(seen)?.[1] ?? "";
        if (/Verification code: $/.test(seen)) {
          seen = "";
          channel.write(`${codeAt(secret)}\r`);
        }
      },
    );
    expect(code).toBe(0);
    expect(out).toMatch(/otpauth:\/\/totp\/Moorage:ann/);
    expect(out.match(/^ {2}[a-z2-9]{5}(-[a-z2-9]{5}){3}\r?$/gm)).toHaveLength(10);
    expect(out).toMatch(/Log in again/);
    const still = await run((use) => client.client.exec("ls", use));
    expect(still.code).toBe(1);
    const code2 = codeAt(secret, Date.now() + STEP_MS);
    expect((await attempt({ answers: [PASSWORD, code2] })).isIn).toBe(true);
  });
});

describe("a factor that is required from now on", () => {
  test("ends the user's sessions that began without one, in force at once", async () => {
    server = await start();
    await addUser("ann");
    await addUser("bob");
    const [ann, bob] = ["ann", "bob"].map((username) =>
      dial(server, { username, password: PASSWORD }),
    );
    await Promise.all([ann?.ready, bob?.ready]);
    ends.push(async () => void bob?.client.end());
    await server.control.set("ann", { require: ["totp"] });
    await ann?.closed;
    expect(ann?.disconnects.join()).toMatch(/This account now needs a code at each login/);
    expect(await server.server.sessions()).toMatchObject([{ user: "bob" }]);
  });

  test("by login.require_totp holds for admins alone, or for all", async () => {
    server = await start({ ...OPEN, login: { requireTotp: "admins" } });
    await addUser("ann");
    await server.addUser({ name: "root", password: PASSWORD, role: "admin" });
    expect((await attempt({ answers: [PASSWORD] })).banners).toEqual([]);
    const { banners } = await attempt({ user: "root", answers: [PASSWORD] });
    expect(banners.join()).toMatch(/needs a second factor/);
  });
});

describe("a password that has to be changed", () => {
  beforeEach(async () => {
    server = await start({ ...OPEN, auth: { passwordMinLength: 8 } });
    await addUser("ann");
    await server.control.set("ann", { passwordChange: true });
  });

  const ASKED = ["Password: ", "New password: ", "Again: "];

  test("is asked for after the old one, by the rules, and then no more", async () => {
    const outcome = await attempt({
      answers: [PASSWORD, "short", "short", "longer now", "other now", PASSWORD, PASSWORD].concat([
        "longer now",
        "longer now",
      ]),
    });
    const again = ASKED.slice(1);
    expect(outcome.asked).toEqual([...ASKED, ...again, ...again, ...again]);
    expect(outcome.instructions[0]).toBe("Your password has to be changed.");
    expect(outcome.instructions[1]).toMatch(/5 characters: take 8 or more/);
    expect(outcome.instructions[2]).toMatch(/not the same/);
    expect(outcome.instructions[3]).toMatch(/The new password is the current one/);
    expect(outcome.isIn).toBe(true);
    const next = await attempt({ answers: ["longer now"] });
    expect(next).toMatchObject({ isIn: true, asked: ["Password: "] });
    expect((await attempt({ answers: [PASSWORD] })).isIn).toBe(false);
    const [changed] = await server.store.audit.query({ user: "ann", kind: "user-passwd" });
    expect(changed?.actor).toBe("ann");
  });

  test("by the method password goes on by keyboard-interactive, where it is asked for", async () => {
    const outcome = await attempt({ password: PASSWORD, answers: ["longer now", "longer now"] });
    expect(outcome).toMatchObject({
      isIn: true,
      asked: ASKED.slice(1),
      goesOn: ["keyboard-interactive*"],
    });
  });

  test("does not keep a key out", async () => {
    expect((await attempt({ key: true })).isIn).toBe(true);
  });

  test("is refused a few times, then the connection ends, and nothing was changed", async () => {
    const outcome = await attempt({ answers: [PASSWORD, ...Array<string>(40).fill("short")] });
    expect(outcome.isIn).toBe(false);
    expect(outcome.instructions).toHaveLength(5);
    expect(outcome.disconnects).toEqual(["14: The password has to be changed: log in again"]);
    expect((await server.store.users.byName("ann"))?.passwordChange).toBe(true);
  });

  test("with a second factor comes after the code", async () => {
    const { secret } = await enroll("ann");
    const answers = [PASSWORD, codeAt(secret), "longer now", "longer now"];
    const outcome = await attempt({ answers });
    expect(outcome).toMatchObject({
      isIn: true,
      asked: ["Password: ", CODE, "New password: ", "Again: "],
    });
  });

  test("attack: without the code it can't be changed", async () => {
    const { secret } = await enroll("ann");
    const answers = [PASSWORD, wrongCode(secret), "longer now", "longer now"];
    const outcome = await attempt({ answers });
    expect(outcome).toMatchObject({ isIn: false, asked: ["Password: ", CODE] });
  });
});
