import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import type { Client, ClientChannel, PseudoTtyOptions, SFTPWrapper } from "ssh2";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { startTestServer, type TestServer } from "../support/server.ts";
import { dial, login, makeKey, sftp, ssh } from "../support/ssh-client.ts";

const key = makeKey();
const USERS = [
  { name: "ann", password: "secret", keys: [key.public], quotaBytes: 50_000_000 },
  { name: "bob", password: "secret" },
];

let server: TestServer;
let directory: string;
let keyFile: string;
const clients: Client[] = [];

beforeAll(async () => {
  server = await startTestServer({ users: USERS });
  directory = mkdtempSync(`${tmpdir()}/moorage-shell-`);
  keyFile = `${directory}/id`;
  writeFileSync(keyFile, key.private, { mode: 0o600 });
});

afterAll(async () => {
  await server.stop();
  rmSync(directory, { recursive: true });
});

afterEach(() => {
  for (const client of clients.splice(0)) client.destroy();
});

async function loggedIn(username = "ann", password = "secret"): Promise<Client> {
  const client = await login(server, { username, password });
  clients.push(client);
  return client;
}

const openssh = (command: string, ...options: string[]) =>
  ssh(server, [command], { key: keyFile, options });

function exec(client: Client, command: string, pty?: PseudoTtyOptions): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    client.exec(command, pty === undefined ? {} : { pty }, (error, channel) =>
      error ? reject(error) : resolve(channel),
    );
  });
}

function shell(client: Client, pty: PseudoTtyOptions | false): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    client.shell(pty, (error, channel) => (error ? reject(error) : resolve(channel)));
  });
}

interface Ended {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

async function ended(channel: ClientChannel): Promise<Ended> {
  let output = "";
  let errors = "";
  let code: number | null = null;
  channel.on("data", (data: Buffer) => {
    output += data.toString("latin1");
  });
  channel.stderr.on("data", (data: Buffer) => {
    errors += data.toString("latin1");
  });
  channel.on("exit", (status: number) => {
    code = status;
  });
  await once(channel, "close");
  return { code, output, errors };
}

/** What a terminal shows. */
class Screen {
  #text = "";
  #changed: (() => void)[] = [];
  readonly channel: ClientChannel;

  constructor(channel: ClientChannel) {
    this.channel = channel;
    channel.on("data", (data: Buffer) => {
      this.#text += data.toString();
      for (const wake of this.#changed.splice(0)) wake();
    });
  }

  type(text: string): void {
    this.channel.write(text);
  }

  /** Resolves when the text appears behind what was seen before; gives what led up to it. */
  async until(text: string): Promise<string> {
    for (;;) {
      const at = this.#text.indexOf(text);
      if (at >= 0) {
        const seen = this.#text.slice(0, at + text.length);
        this.#text = this.#text.slice(at + text.length);
        return seen;
      }
      await new Promise<void>((resolve) => this.#changed.push(resolve));
    }
  }
}

/** Uploads without end, until the connection is cut; then waits until the server has noticed. */
async function cutUpload(name: string, bytes: number): Promise<void> {
  const client = await loggedIn();
  const sftp = await new Promise<SFTPWrapper>((resolve, reject) =>
    client.sftp((error, wrapper) => (error ? reject(error) : resolve(wrapper))),
  );
  const handle = await new Promise<Buffer>((resolve, reject) =>
    sftp.open(name, "w", (error, opened) => (error ? reject(error) : resolve(opened))),
  );
  await new Promise<void>((resolve, reject) =>
    sftp.write(handle, Buffer.alloc(bytes), 0, bytes, 0, (error) =>
      error ? reject(error) : resolve(),
    ),
  );
  client.destroy();
  await vi.waitFor(
    async () => {
      const records = await server.store.audit.query({ user: "ann", kind: "upload" });
      expect(records.find(({ path }) => path === `/${name}`)?.detail).toContain("unfinished");
    },
    { timeout: 20_000 },
  );
}

describe("unfinished uploads", () => {
  const PROMPT = /ann@[^$]*\$ $/;

  async function greeting(): Promise<string> {
    const client = await loggedIn();
    const screen = new Screen(await shell(client, { cols: 80, rows: 24 }));
    const text = await screen.until("$ ");
    expect(text).toMatch(PROMPT);
    client.end();
    return text;
  }

  it("are listed at log-in until they are completed, removed or renamed", async () => {
    expect(await greeting()).not.toContain("Unfinished");
    for (const name of ["whole later", "removed", "broken"]) await cutUpload(name, 20_000);
    const first = await greeting();
    expect(first).toContain("Unfinished uploads");
    for (const name of ["whole later", "removed", "broken"]) {
      expect(first).toMatch(new RegExp(`20K {2}\\S+ \\S+ {2}/${name}\r`));
    }
    const script = `${directory}/put`;
    writeFileSync(script, "the whole file");
    const done = await sftp(server, [`put ${script} "whole later"`, "rm removed"], {
      key: keyFile,
    });
    expect(done.code).toBe(0);
    const second = await greeting();
    expect(second).toContain("/broken\r");
    expect(second).not.toContain("whole later");
    expect(second).not.toContain("/removed");
  });
});

describe("ssh with a command", () => {
  it("runs it and gives output, errors and exit code", async () => {
    expect(await openssh("echo hello; ls missing")).toEqual({
      code: 2,
      stdout: "hello\n",
      stderr: "ls: cannot access 'missing': No such file or directory\n",
    });
    expect((await openssh("nonsense")).code).toBe(127);
    expect((await openssh("echo $(id)")).code).toBe(2);
    expect((await openssh("exit 42")).code).toBe(42);
  });

  it("runs it at a terminal with -t", async () => {
    const done = await openssh("echo one; echo $?", "-tt");
    expect(done).toMatchObject({ code: 0, stdout: "one\r\n0\r\n" });
  });

  it("answers when the client's EOF comes at once, in the right order", async () => {
    const { client, ready, channelPackets } = dial(server, { password: "secret" });
    clients.push(client);
    await ready;
    const channel = await exec(client, "md5sum");
    channel.end();
    expect(await ended(channel)).toMatchObject({
      code: 0,
      output: "d41d8cd98f00b204e9800998ecf8427e  -\n",
    });
    const kinds = channelPackets.map((packet) => packet.split(/[ ,]/).slice(0, 2).join(" "));
    const tail = kinds.filter((kind) => /DATA|REQUEST|EOF|CLOSE/.test(kind)).join("; ");
    expect(tail).toMatch(/DATA.*REQUEST.*EOF.*CLOSE/);
  });

  it("takes input as long as it likes and hands it on", async () => {
    const client = await loggedIn();
    const channel = await exec(client, "cat | sha256sum; wc -c");
    const result = ended(channel);
    for (let sent = 0; sent < 20; sent += 1) {
      if (!channel.write(Buffer.alloc(1_000_000, sent))) await once(channel, "drain");
    }
    channel.end();
    expect((await result).output).toMatch(/^[0-9a-f]{64} {2}-\n0\n$/);
  });

  it("takes a long command line, and refuses one over 64 KiB", async () => {
    const client = await loggedIn();
    // An SSH packet holds 35,000 bytes at most, and so does a command.
    const long = await ended(await exec(client, `echo ${"x".repeat(30_000)}`));
    expect(long.output).toHaveLength(30_001);
    const channel = await shell(client, false);
    const result = ended(channel);
    channel.end(`echo ${"x".repeat(70_000)}\necho not\n`);
    expect(await result).toMatchObject({ code: 2, output: "" });
  });

  it("is ended by a signal, and when the client goes away", async () => {
    const client = await loggedIn();
    const channel = await exec(client, "cat");
    const result = ended(channel);
    channel.signal("TERM");
    expect(await result).toMatchObject({ code: 143 });
    const other = await loggedIn("bob");
    await exec(other, "cat");
    other.destroy();
    const again = await loggedIn("bob");
    expect(await ended(await exec(again, "echo alive"))).toMatchObject({ output: "alive\n" });
  });

  it("shows each user the own home and sessions only", async () => {
    const client = await loggedIn("bob");
    await ended(await exec(client, "mkdir of-bob"));
    const other = await loggedIn();
    const listed = await ended(await exec(other, "ls -a /; ls -a ..; find / -name of-bob; who"));
    expect(listed.output).not.toContain("bob");
    expect(listed.output).toMatch(/^ann ssh\/\d+ .*\(127\.0\.0\.1:\d+\) /m);
  });
});

describe("a shell", () => {
  const pty: PseudoTtyOptions = { cols: 80, rows: 24, term: "xterm" };

  it("has a prompt, runs commands, completes, follows the window and ends", async () => {
    const screen = new Screen(await shell(await loggedIn(), pty));
    await screen.until(":/$ ");
    screen.type("mkdir -p boxes/in\rcd bo\tin\rpwd\r");
    await screen.until("\r\n/boxes/in\r\n");
    for (const name of "abcdefgh") screen.type(`touch ${name.repeat(20)}\r`);
    screen.type("ls\recho listed\r");
    const wide = (await screen.until("\nlisted\r\n")).split("aaaaaaaaaaaaaaaaaaaa");
    expect(wide.at(-1)).toMatch(/^ {2}/);
    screen.channel.setWindow(10, 30, 0, 0);
    screen.type("ls\recho again\r");
    const narrow = (await screen.until("\nagain\r\n")).split("aaaaaaaaaaaaaaaaaaaa");
    expect(narrow.at(-1)).toMatch(/^\r\n/);
    const result = ended(screen.channel);
    screen.type("false\r\x04");
    expect((await result).code).toBe(1);
  });

  it("ends a running command on Ctrl-C and stays", async () => {
    const screen = new Screen(await shell(await loggedIn(), pty));
    await screen.until("$ ");
    screen.type("cat\r");
    await screen.until("cat\r\n");
    screen.type("\x03");
    await screen.until("^C\r\n");
    screen.type("echo $?\r");
    await screen.until("\r\n130\r\n");
  });

  it("changes the password, which the next login then needs", async () => {
    await server.addUser({ name: "eve", password: "old one" });
    const screen = new Screen(await shell(await loggedIn("eve", "old one"), pty));
    await screen.until("$ ");
    screen.type("passwd\rwrong\rbrand-new-1\rbrand-new-1\r");
    await screen.until("passwd: that is not your current password\r\n");
    const latin1 = Buffer.from("gr\u00fc\u00dfe-2026\r", "latin1");
    screen.channel.write(Buffer.concat([Buffer.from("passwd\rold one\r"), latin1]));
    await screen.until("passwd: the password is not UTF-8: set the terminal to UTF-8\r\n");
    screen.type("passwd\rold one\rbrand-new-1\rbrand-new-1\r");
    await screen.until("Password changed.\r\n");
    const client = await loggedIn("eve", "brand-new-1");
    expect(await ended(await exec(client, "whoami"))).toMatchObject({ output: "eve\n" });
    await expect(login(server, { username: "eve", password: "old one" })).rejects.toThrow();
  });

  it("ends when somebody guesses at the password, and the audit trail tells", async () => {
    await server.addUser({ name: "kim", password: "the old one" });
    const client = await loggedIn("kim", "the old one");
    const gone = once(client, "close");
    const screen = new Screen(await shell(client, pty));
    await screen.until("$ ");
    for (let guess = 0; guess < 3; guess++) {
      screen.type(`passwd\rguess ${guess}\rbrand-new-1\rbrand-new-1\r`);
      if (guess < 2) await screen.until("not your current password\r\n");
    }
    await gone;
    await loggedIn("kim", "the old one");
    await vi.waitFor(async () => {
      const failed = await server.store.audit.query({ user: "kim", kind: "login-failed" });
      expect(failed.some(({ detail }) => detail?.includes("passwd"))).toBe(true);
    });
  });

  it("without a terminal runs a script", async () => {
    const channel = await shell(await loggedIn(), false);
    const result = ended(channel);
    channel.end("cd missing\necho $?\nexit 5\n");
    expect(await result).toMatchObject({ code: 5, output: "1\n" });
  });
});
