import { once } from "node:events";
import type { Client, ClientChannel, ConnectConfig, PseudoTtyOptions } from "ssh2";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { startTestServer, type TestServer } from "../support/server.ts";
import {
  channelIds,
  dial,
  login,
  makeKey,
  openSubsystem,
  protocolOf,
} from "../support/ssh-client.ts";

// The way to an admin's screen over SSH. What draws it here is small enough to tell what it gets.

const PROGRAM = new URL("../support/tiny-screen.mjs", import.meta.url);
const PATIENCE = { timeout: 60_000 };
const key = makeKey();
const userKey = makeKey();

/** Has a password too, which ssh2 would try first. */
const BOSS: ConnectConfig = {
  username: "boss",
  privateKey: key.private,
  authHandler: ["publickey"],
};

let server: TestServer;
const clients: Client[] = [];

beforeAll(async () => {
  server = await startTestServer({
    adminProgram: PROGRAM,
    users: [
      { name: "boss", role: "admin", password: "secret", keys: [key.public] },
      // The last admin can't be demoted.
      { name: "spare", role: "admin" },
      { name: "ann", password: "secret", keys: [userKey.public], quotaFiles: 2 },
    ],
  });
});

afterAll(() => server.stop());

afterEach(() => {
  for (const client of clients.splice(0)) client.destroy();
});

async function boss(): Promise<Client> {
  const client = await login(server, BOSS);
  clients.push(client);
  return client;
}

async function withPassword(username: string): Promise<Client> {
  const client = await login(server, { username, password: "secret" });
  clients.push(client);
  return client;
}

const PTY: PseudoTtyOptions = { cols: 90, rows: 33, term: "xterm-256color" };

/** What a terminal gets. */
class Screen {
  text = "";
  readonly channel: ClientChannel;
  readonly closed: Promise<unknown>;

  constructor(channel: ClientChannel) {
    this.channel = channel;
    this.closed = once(channel, "close");
    channel.on("data", (data: Buffer) => {
      this.text += data.toString();
    });
  }

  async until(text: string): Promise<void> {
    await vi.waitFor(() => expect(this.text).toContain(text), PATIENCE);
  }
}

function shell(client: Client, pty: PseudoTtyOptions | false, env = {}): Promise<Screen> {
  return new Promise((resolve, reject) => {
    client.shell(pty, { env }, (error, channel) =>
      error ? reject(error) : resolve(new Screen(channel)),
    );
  });
}

function exec(client: Client, command: string, pty: PseudoTtyOptions | false): Promise<Screen> {
  return new Promise((resolve, reject) => {
    client.exec(command, pty === false ? {} : { pty }, (error, channel) =>
      error ? reject(error) : resolve(new Screen(channel)),
    );
  });
}

const DRAWN = "boss@127.0.0.1 [";

describe("an admin's shell", () => {
  it("gets the client's size, TERM and NO_COLOR, and follows its window", async () => {
    const screen = await shell(await boss(), PTY, { NO_COLOR: "1" });
    await screen.until(`<90x33 xterm-256color false ${DRAWN}`);
    screen.channel.setWindow(40, 120, 0, 0);
    await screen.until('{"type":"resize","columns":120,"rows":40}');
    screen.channel.write("q");
    await screen.closed;
    expect(screen.text.endsWith("\x1b[?25h\x1b[?1049l")).toBe(true);
  });

  it("is there several times at once, each for itself", async () => {
    const client = await boss();
    const [one, two] = [await shell(client, PTY), await shell(client, { ...PTY, cols: 50 })];
    await one.until("<90x33");
    await two.until("<50x33");
    one.channel.write("x");
    await one.until("The admin screen failed.");
    two.channel.write("o");
    await two.until('"version"');
  });

  it("asks control as the admin at that address", async () => {
    const screen = await shell(await boss(), PTY);
    await screen.until(DRAWN);
    screen.channel.write("a");
    await screen.until('"id":3,"result":{"name":"eve"');
    await vi.waitFor(async () => {
      const [added] = await server.store.audit.query({ user: "eve", kind: "user-add" });
      expect(added?.actor).toBe("boss@127.0.0.1");
    }, PATIENCE);
  });

  it("opens a user's files, on that user's quota, without a login of the user", async () => {
    const screen = await shell(await boss(), PTY);
    await screen.until(DRAWN);
    screen.channel.write("c");
    await screen.until(":/$ ");
    screen.channel.write("mkdir one two three\rwhoami\rexit\r");
    await screen.until('"type":"shell-ended"');
    expect(screen.text).toMatch(/mkdir: .*three.*Quota exceeded: 2 of 2 files used/);
    expect(screen.text).toContain("\r\nann\r\n");
    const { account } = await server.control.show("ann");
    expect(account.lastLoginAt).toBeNull();
    expect(account.usedFiles).toBe(2);
    await vi.waitFor(async () => {
      const events = await server.store.audit.query({ user: "ann" });
      const kinds = new Set(events.map(({ kind, actor }) => `${kind} by ${actor}`));
      expect(kinds).toContain("connect by boss@127.0.0.1");
      expect(kinds).toContain("mkdir by boss@127.0.0.1");
      expect([...kinds].filter((kind) => kind.startsWith("login"))).toEqual([]);
    }, PATIENCE);
  });

  it("is no obstacle to the admin's own files", async () => {
    const client = await boss();
    await openSubsystem(client);
    const plain = await shell(client, false);
    plain.channel.end("whoami\n");
    await plain.closed;
    expect(plain.text).toBe("boss\n");
    const command = await exec(client, "echo $?; pwd", PTY);
    await command.closed;
    expect(command.text).toBe("0\r\n/\r\n");
  });
});

describe("the end of an admin's screen", () => {
  it("gives the terminal back when the session is kicked", async () => {
    const { client, ready, closed, disconnects, channelPackets } = dial(server, BOSS);
    clients.push(client);
    await ready;
    const screen = await shell(client, PTY);
    await screen.until(DRAWN);
    const [session] = (await server.server.sessions()).filter((one) => one.user === "boss");
    const before = channelPackets.length;
    server.server.kick(session?.id ?? 0, "off you go");
    await closed;
    expect(disconnects.join()).toContain("off you go");
    // ssh2 drops what comes right before the end.
    expect(channelPackets.slice(before).join()).toMatch(/^CHANNEL_DATA/);
  });

  it("comes at once with the end of the role, and sftp goes on", async () => {
    const client = await boss();
    const files = await openSubsystem(client);
    const screen = await shell(client, PTY);
    await screen.until(DRAWN);
    try {
      await server.control.set("boss", { role: "user" });
      await screen.closed;
      expect(screen.text).toContain("You are not an admin any more.");
      const again = await shell(client, PTY);
      await again.until("You are not an admin any more.");
      await again.until(":/$ ");
      expect(files.closed).toBe(false);
    } finally {
      await server.control.set("boss", { role: "admin" });
    }
  });

  it("comes with a disabled account", async () => {
    const client = await boss();
    const gone = once(client, "close");
    const screen = await shell(client, PTY);
    await screen.until(DRAWN);
    try {
      await server.control.disable("boss");
      await gone;
    } finally {
      await server.control.enable("boss");
    }
  });

  it("comes with the idle time when nobody touches it, however much it draws", async () => {
    const impatient = await startTestServer({
      adminProgram: PROGRAM,
      users: [{ name: "boss", role: "admin", keys: [key.public] }],
      config: { limits: { idleTimeout: 1_000 } },
    });
    try {
      const { client, ready, closed, disconnects } = dial(impatient, BOSS);
      clients.push(client);
      await ready;
      const screen = await shell(client, PTY);
      await screen.until(DRAWN);
      // Subscribed to what comes each second.
      screen.channel.write("v");
      await closed;
      expect(disconnects.join()).toContain("idle for too long");
    } finally {
      await impatient.stop();
    }
  });
});

describe("attacks on the admin's screen over SSH", () => {
  const forbidden = (screen: Screen): void => {
    expect(screen.text).not.toContain("@127.0.0.1 [");
    expect(screen.text).not.toContain("\x1b[?1049h");
  };

  it("a user without the role asks for a shell with a terminal", async () => {
    const screen = await shell(await withPassword("ann"), PTY);
    await screen.until(":/$ ");
    forbidden(screen);
  });

  it("a user without the role tries commands that might open it", async () => {
    const client = await withPassword("ann");
    for (const command of ["admin", "moorage admin", "shell", "/bin/admin", "connect boss"]) {
      const screen = await exec(client, command, PTY);
      await screen.closed;
      expect(screen.text).toContain("not found");
      forbidden(screen);
    }
  });

  it("a user without the role, and an admin, ask for subsystems that might be it", async () => {
    for (const client of [await withPassword("ann"), await boss()]) {
      for (const name of ["admin", "tui", "control", "shell", "netconf", "SFTP", "sftp\0", ""]) {
        await expect(openSubsystem(client, name)).rejects.toThrow();
      }
    }
  });

  it("a user without the role sends an environment that speaks of one", async () => {
    const env = { USER: "boss", LOGNAME: "boss", MOORAGE_ADMIN: "1", MOORAGE_ROLE: "admin" };
    const screen = await shell(await withPassword("ann"), PTY, { ...env, TERM: "admin" });
    await screen.until(":/$ ");
    screen.channel.write("whoami\r");
    await screen.until("\r\nann\r\n");
    forbidden(screen);
  });

  it("an admin's password is enough for files, and not for the screen", async () => {
    const screen = await shell(await withPassword("boss"), PTY);
    await screen.until("needs a login with a public key");
    await screen.until(":/$ ");
    forbidden(screen);
  });

  it("a user is made an admin in mid-session: the next login counts", async () => {
    const client = await withPassword("ann");
    await server.control.set("ann", { role: "admin" });
    try {
      const screen = await shell(client, PTY);
      await screen.until(":/$ ");
      forbidden(screen);
    } finally {
      await server.control.set("ann", { role: "user" });
    }
  });

  it("a terminal and a shell are asked for where sftp is served already", async () => {
    const { client, ready, channelPackets } = dial(server, BOSS);
    clients.push(client);
    await ready;
    const channel = await openSubsystem(client);
    const { theirs } = channelIds(channel);
    const protocol = protocolOf(client);
    const before = channelPackets.length;
    protocol.pty(theirs, 24, 80, 0, 0, "xterm", {}, true);
    protocol.shell(theirs, true);
    await openSubsystem(client);
    const answers = channelPackets.slice(before).map((packet) => packet.split(" ")[0]);
    // That of the second subsystem.
    expect(answers.filter((answer) => answer === "CHANNEL_SUCCESS")).toHaveLength(1);
    expect(answers).not.toContain("CHANNEL_DATA");
  });

  it("a TERM that is a path, or as long as it may be, harms nothing", async () => {
    const client = await boss();
    for (const term of ["../../../../etc/passwd", "x".repeat(20_000), "\x1b]0;title\x07", "%s%n"]) {
      const screen = await shell(client, { ...PTY, term });
      await screen.until(DRAWN);
      expect(screen.text.length).toBeLessThan(1000);
      screen.channel.write("q");
      await screen.closed;
    }
  });

  it("a window of no size or four thousand million columns costs nothing", async () => {
    const client = await boss();
    const screen = await shell(client, { ...PTY, cols: 0xffffffff, rows: 0 });
    await screen.until("<500x24");
    for (let i = 0; i < 1000; i++) screen.channel.setWindow(i, 0xffffffff - i, 0, 0);
    await screen.until('"rows":200}');
  });
});
