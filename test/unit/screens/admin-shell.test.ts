import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ProgramControl } from "../../../src/channel.ts";
import type { Control } from "../../../src/control/protocol.ts";
import type { Digests } from "../../../src/digests/types.ts";
import { plentyOfMemory } from "../../../src/memory/budget.ts";
import { AdminScreens } from "../../../src/screens/screens.ts";
import type { AdminServices } from "../../../src/screens/services.ts";
import { AuditedFileSystem } from "../../../src/session/audited.ts";
import { type CommandServices, Commands } from "../../../src/session/commands.ts";
import { makeRouter, type Router } from "../../../src/session/routes.ts";
import { type Login, Session, type SessionOptions } from "../../../src/session/session.ts";
import { NO_LIMITS } from "../../../src/store/login-limits.ts";
import type { Account, AuditEvent } from "../../../src/store/types.ts";
import { Turn } from "../../../src/turn.ts";
import { MemoryChannel, type MemoryChannelOptions } from "../../support/memory-channel.ts";
import { MemoryFs } from "../../support/memory-fs.ts";

const PROGRAM = new URL("../../support/tiny-screen.mjs", import.meta.url);
const PATIENCE = { timeout: 30_000 };
const RESTORED = "\x1b[?25h\x1b[0m\x1b[?1049l";

/** The client's end of a channel: everything its terminal got. */
class Client extends MemoryChannel {
  screen = "";

  constructor(options?: MemoryChannelOptions) {
    super(options);
    this.clientData = (data) => {
      this.screen += data.toString();
    };
  }

  writeError(data: Buffer): void {
    this.write(data);
  }

  type(text: string): void {
    this.send(Buffer.from(text));
  }

  async until(text: string): Promise<void> {
    await vi.waitFor(() => expect(this.screen).toContain(text), PATIENCE);
  }

  async untilClosed(): Promise<void> {
    await vi.waitFor(() => expect(this.closed).toBe(true), PATIENCE);
  }
}

function account(id: number, name: string, role: Account["role"]): Account {
  return {
    id,
    name,
    role,
    enabled: true,
    passwordHash: null,
    passwordChange: false,
    quotaBytes: null,
    quotaFiles: null,
    usedBytes: 0,
    usedFiles: 0,
    createdAt: 0,
    lastLoginAt: null,
    ...NO_LIMITS,
    own: NO_LIMITS,
    groups: [],
    origins: {},
    quotaOwn: true,
    quotaGroups: [],
  };
}

class FakeControl implements Control {
  readonly closed = new Promise<string>(() => {});
  readonly calls: string[] = [];
  ended = 0;
  tell: ((event: unknown) => void) | undefined;

  // biome-ignore lint/suspicious/noExplicitAny: what it answers is no method's result
  async call(method: string): Promise<any> {
    this.calls.push(method);
    return "the answer";
  }

  subscribe(_topic: string, _params: unknown, tell: (event: never) => void) {
    this.tell = tell as (event: unknown) => void;
    return {
      close: () => {
        this.tell = undefined;
      },
    };
  }

  close(): void {
    this.ended += 1;
  }
}

let accounts: Account[];
let control: FakeControl;
let events: AuditEvent[];
let overSsh: ReturnType<AdminServices["overSsh"]>;
let actors: string[];
let annsFiles: MemoryFs;
let home: () => Promise<MemoryFs>;
let screens: AdminScreens;
let route: Router;
const open: Client[] = [];

beforeEach(() => {
  accounts = [account(1, "boss", "admin"), account(2, "ann", "user")];
  control = new FakeControl();
  events = [];
  actors = [];
  overSsh = "publickey";
  annsFiles = new MemoryFs();
  home = async () => annsFiles;
  const unused = async (): Promise<never> => Promise.reject(new Error("not asked in this test"));
  const admin: AdminServices = {
    overSsh: () => overSsh,
    program: PROGRAM,
    log: pino({ level: "silent" }),
    control(actor) {
      actors.push(actor);
      return control;
    },
    accounts: {
      byId: async (id) => accounts.find((one) => one.id === id),
      byName: async (name) => accounts.find((one) => one.name === name),
    },
    openHome: () => home(),
    follow: (_userId, files) => files.reload(),
    digestsOf: () => ({}) as Digests,
    contextOf: (session) => commands.contextOf(session),
    contextFor: (of) => commands.contextFor(of),
    record: (event) => void events.push(event),
    traffic: { bytesIn: 0, bytesOut: 0 },
  };
  const services: CommandServices = {
    host: "harbour",
    startedAt: 0,
    limits: () => ({ commandsPerUser: 8, commandQueue: 64 }),
    uploads: async () => [],
    usage: async () => ({ usedBytes: 0, usedFiles: 0, quotaBytes: null, quotaFiles: null }),
    sessions: async () => [],
    newPasswords: () => ({ rule: "", refusal: unused }),
    changePassword: unused,
    wrongPassword() {},
    totp: () => ({
      mustEnrol: false,
      status: unused,
      begin: unused,
      remove: unused,
      renewCodes: unused,
    }),
  };
  const commands = new Commands(services);
  screens = new AdminScreens(admin);
  route = makeRouter({
    limits: { handlesPerChannel: 64 },
    commands,
    adminShell: (...shell) => screens.serve(...shell),
  });
});

afterEach(() => {
  for (const client of open.splice(0)) client.disconnect();
});

interface Opened {
  readonly client: Client;
  readonly session: Session;
  readonly started: ProgramControl | undefined;
  readonly disconnects: string[];
}

const TERMINAL = { columns: 100, rows: 30, term: "xterm-256color", colour: true };

function shell(
  terminal: Partial<typeof TERMINAL> | null = {},
  login: Partial<Login> = {},
  options: MemoryChannelOptions = {},
): Opened {
  const disconnects: string[] = [];
  const gone = new AbortController();
  const session = new Session({
    id: 7,
    login: { account: accounts[0] as Account, method: "publickey", key: "SHA256:x", ...login },
    peer: {
      remote: "192.0.2.1:4711",
      address: "192.0.2.1",
      client: "OpenSSH",
      gone: gone.signal,
      notice() {},
      disconnect(text) {
        disconnects.push(text);
        client.disconnect();
      },
    },
    files: new AuditedFileSystem(new MemoryFs(), () => {}),
    digests: {} as Digests,
    turn: new Turn(),
    memory: plentyOfMemory(),
    node: "node",
    onProtocolError() {},
  } satisfies SessionOptions);
  const client = new Client(options);
  open.push(client);
  const pty = terminal === null ? undefined : { ...TERMINAL, ...terminal };
  const started = route(session, { type: "shell", pty })?.(client);
  return { client, session, started, disconnects };
}

describe("an admin's shell at a terminal", () => {
  it("is the screen, with the client's size and name, and nothing of the server's environment", async () => {
    const { client } = shell({ colour: false });
    await client.until("<100x30 xterm-256color false boss@192.0.2.1 [LANG NO_COLOR TERM]>");
    expect(actors).toEqual(["boss@192.0.2.1"]);
  });

  it("passes keys, window and answers on, and ends with code 0", async () => {
    const { client, started } = shell();
    client.type("zydo");
    await client.until("<key d>");
    await client.until('<{"type":"control","line":{"id":1,"result":"the answer"}}>');
    expect(control.calls).toEqual(["overview"]);
    started?.resize({ columns: 0, rows: 1_000_000 });
    await client.until('<{"type":"resize","columns":80,"rows":200}>');
    client.type("q");
    await client.untilClosed();
    expect(client.exitStatus).toBe(0);
    expect(control.ended).toBe(1);
    expect(client.screen.endsWith("\x1b[?25h\x1b[?1049l")).toBe(true);
  });

  it("ends that channel alone when the screen fails, and gives the terminal back", async () => {
    for (const key of ["x", "X"]) {
      const other = shell();
      const { client, disconnects } = shell();
      await client.until(">");
      client.type(key);
      await client.untilClosed();
      expect(client.exitStatus).toBe(1);
      expect(client.screen).toContain(`${RESTORED}The admin screen failed.\r\n`);
      expect(client.screen).not.toContain("secret");
      expect(disconnects).toEqual([]);
      await other.client.until("boss@");
      expect(other.client.closed).toBe(false);
    }
  });

  it("ends with the channel, also while it is being opened or hangs", async () => {
    const early = shell();
    early.client.disconnect();
    await early.session.close();
    const hanging = shell();
    await hanging.client.until(">");
    hanging.client.type("l");
    hanging.client.disconnect();
    await hanging.session.close();
    expect(control.ended).toBe(1);
  });

  it("ends when the client sends no more, and on signals", async () => {
    const { client } = shell();
    await client.until(">");
    client.sendEof();
    await client.untilClosed();
    const other = shell();
    await other.client.until(">");
    other.started?.signal("HUP");
    await other.client.untilClosed();
    expect([client.exitStatus, other.client.exitStatus]).toEqual([129, 129]);
  });

  it("takes as much of a client's keys as the window, and no more", async () => {
    const { client } = shell({}, {}, { window: 1000, chunk: 100 });
    await client.until(">");
    client.type("l");
    client.type(" ".repeat(5000));
    await new Promise((resolve) => setImmediate(resolve));
    expect(client.consumed).toBe(0);
  });
});

describe("a client that doesn't read", () => {
  it("gets no more than the thread was allowed to send", async () => {
    const { client } = shell({}, {}, { reading: false });
    client.type("f");
    await vi.waitFor(() => expect(client.queuedBytes).toBeGreaterThan(64 * 4096), PATIENCE);
    expect(client.screen).toBe("");
    client.resume();
    await vi.waitFor(() => {
      client.type("t");
      const sent = [...client.screen.matchAll(/<(\d+) sent>/g)].map(([, bytes]) => Number(bytes));
      expect(Math.max(...sent)).toBeGreaterThan(64 * 4096);
    }, PATIENCE);
  });

  it("gets the newest of what happened in between, and every record of the trail", async () => {
    const { client } = shell();
    client.type("s");
    await vi.waitFor(() => expect(control.tell).toBeDefined(), PATIENCE);
    for (let id = 1; id <= 5; id++) control.tell?.([{ id }]);
    await client.until('"event":[{"id":1}]');
    client.type("n");
    await client.until('"event":[{"id":2},{"id":3},{"id":4},{"id":5}]');
    client.type("u");
    await vi.waitFor(() => expect(control.tell).toBeUndefined(), PATIENCE);
  });
});

describe("who gets no screen", () => {
  const PROMPT = "boss@harbour:/$ ";

  it("is told why in one line, and has the file shell", async () => {
    const password = { method: "password", key: undefined } as const;
    const cases: [() => Opened, string][] = [
      [() => shell({}, password), "needs a login with a public key"],
      [() => shell({}, { ...password, method: "keyboard-interactive" }), "needs a login with a p"],
      [() => shell({ term: "dumb" }), "needs a terminal that can move its cursor"],
      [() => shell({ term: "" }), "needs a terminal that can move its cursor"],
    ];
    for (const [begin, why] of cases) {
      const { client } = begin();
      client.type("exit 3\r");
      await client.untilClosed();
      expect(client.screen.split("\r\n")[0]).toContain(why);
      expect(client.screen).toContain(PROMPT);
      expect(client.exitStatus).toBe(3);
    }
    expect(actors).toEqual([]);
  });

  it("is everybody when the setting says off; with any, passwords do", async () => {
    overSsh = "off";
    const { client } = shell();
    await client.until("switched off");
    await client.until(PROMPT);
    overSsh = "any";
    const other = shell({}, { method: "password", key: undefined });
    await other.client.until("boss@192.0.2.1");
  });

  it("is the 17th at once", async () => {
    const screens = Array.from({ length: 16 }, () => shell());
    await Promise.all(screens.map(({ client }) => client.until("boss@192.0.2.1")));
    const { client } = shell();
    await client.until("too many admin screens");
    screens[0]?.client.type("q");
    await screens[0]?.client.untilClosed();
    await shell().client.until("boss@192.0.2.1");
  });

  it("is the 17th of those asked for in one breath, and who left meanwhile holds no place", async () => {
    for (const { client } of Array.from({ length: 16 }, () => shell())) client.disconnect();
    const all = Array.from({ length: 20 }, () => shell());
    const drawn = (text: string): number =>
      all.filter(({ client }) => client.screen.includes(text)).length;
    await vi.waitFor(() => {
      expect(drawn("too many admin screens")).toBe(4);
      expect(drawn("boss@192.0.2.1")).toBe(16);
    }, PATIENCE);
  });
});

describe("attacks on the admin screen", () => {
  it("a user without the role asks for a shell with a terminal", async () => {
    const { client } = shell({}, { account: accounts[1] as Account });
    await client.until("ann@harbour:/$ ");
    client.type("admin\r");
    await client.until("admin: command not found");
    expect(actors).toEqual([]);
  });

  it("a user was an admin at login, and is none any more when the shell is asked for", async () => {
    const before = accounts[0] as Account;
    accounts[0] = { ...before, role: "user" };
    const { client } = shell({}, { account: before });
    await client.until("You are not an admin any more.");
    await client.until("boss@harbour:/$ ");
    expect(actors).toEqual([]);
  });

  it("a user became an admin after the login: the next login counts", async () => {
    const before = accounts[1] as Account;
    accounts[1] = { ...before, role: "admin" };
    const { client } = shell({}, { account: before });
    await client.until("ann@harbour:/$ ");
    expect(actors).toEqual([]);
  });

  it("an admin is demoted and goes on asking before anybody tells the screen", async () => {
    const { client } = shell();
    await client.until(">");
    accounts[0] = { ...(accounts[0] as Account), role: "user" };
    client.type("os");
    await client.until('"id":1,"error":{"message":"you are not an admin any more"');
    await client.until('"id":2,"error":{"message":"you are not an admin any more"');
    client.type("c");
    await client.until('"error":"you are no admin any more"');
    expect(control.calls).toEqual([]);
    expect(control.tell).toBeUndefined();
    expect(events).toEqual([]);
  });

  it("an admin is demoted: the screen ends at once, the session stays", async () => {
    const { client, disconnects } = shell();
    await client.until(">");
    const change = { id: 1, kind: "user-set", userId: 1, detail: "" } as const;
    screens.apply(change);
    screens.apply({ ...change, userId: 2 });
    client.type("o");
    await client.until("the answer");
    accounts[0] = { ...(accounts[0] as Account), role: "user" };
    screens.apply(change);
    await client.untilClosed();
    expect(client.screen).toContain(`${RESTORED}You are not an admin any more.\r\n`);
    expect(disconnects).toEqual([]);
  });

  it("screens are switched off while one is open: it ends at once, with a user's files", async () => {
    const { client, disconnects } = shell();
    const withFiles = shell();
    withFiles.client.type("c");
    await withFiles.client.until("ann@harbour:/$ ");
    await client.until(">");
    overSsh = "off";
    client.type("o");
    await client.until('"id":1,"error"');
    expect(control.calls).toEqual([]);
    screens.review();
    await client.untilClosed();
    await withFiles.client.untilClosed();
    expect(client.screen).toContain(`${RESTORED}The admin screen is switched off here`);
    expect(disconnects).toEqual([]);
  });

  it("a password's screen ends when screens are for keys only, a key's goes on", async () => {
    overSsh = "any";
    const guessed = shell({}, { method: "password", key: undefined });
    const proven = shell();
    await guessed.client.until(">");
    await proven.client.until(">");
    overSsh = "publickey";
    screens.review();
    await guessed.client.untilClosed();
    proven.client.type("o");
    await proven.client.until("the answer");
  });

  it("without a terminal there is no screen", async () => {
    const { client } = shell(null);
    client.type("echo plain\n");
    await client.until("plain\n");
    expect(actors).toEqual([]);
  });
});

describe("the file shell of a user", () => {
  it("is opened from the screen, is recorded, and leads back", async () => {
    const { client, started } = shell();
    await client.until(">");
    client.type("c");
    await client.until(`${RESTORED}The files of ann; \`exit\` leads back.\r\n`);
    client.type("mkdir box\rpasswd\r");
    await client.until("ann@harbour:/$ ");
    expect(events[0]).toEqual({
      kind: "connect",
      user: "ann",
      actor: "boss@192.0.2.1",
      remote: "192.0.2.1:4711",
      session: 7,
    });
    await vi.waitFor(() => {
      expect(events[1]).toMatchObject({ kind: "mkdir", user: "ann", actor: "boss@192.0.2.1" });
    }, PATIENCE);
    client.type("my guess\rbrand-new-1\rbrand-new-1\r");
    await client.until("only the user's own sessions can do that");
    started?.resize({ columns: 90, rows: 20 });
    client.type("exit\r");
    await client.until('<{"type":"shell-ended"}>');
    client.type("o");
    await client.until("the answer");
  });

  it("gives credit for what its user typed and nobody read", async () => {
    const { client } = shell({}, {}, { window: 1000 });
    client.type("c");
    await client.until("ann@harbour:/$ ");
    for (let turn = 0; turn < 3; turn++) {
      client.type(`exit\r${"x".repeat(900)}`);
      await vi.waitFor(() => {
        expect(client.screen.split('<{"type":"shell-ended"}>')).toHaveLength(turn + 2);
      }, PATIENCE);
      client.screen = client.screen.replace("ann@harbour:/$ ", "");
      client.type("c");
      await client.until("ann@harbour:/$ ");
    }
  });

  it("is refused for who is disabled or not there", async () => {
    const { client } = shell();
    client.type("C");
    await client.until('"error":"there is no user nobody any more"');
    accounts[1] = { ...(accounts[1] as Account), enabled: false };
    client.type("c");
    await client.until('"error":"ann is disabled: enable the account first"');
    expect(events).toEqual([]);
  });

  it("ends when its user is disabled or removed, and when the admin is demoted", async () => {
    for (const kind of ["user-disabled", "user-removed"] as const) {
      const { client } = shell();
      client.type("c");
      await client.until("ann@harbour:/$ ");
      screens.apply({ id: 1, kind, userId: 2, detail: "" });
      await client.until('<{"type":"shell-ended"}>');
    }
    const { client } = shell();
    client.type("c");
    await client.until("ann@harbour:/$ ");
    accounts[0] = { ...(accounts[0] as Account), role: "user" };
    screens.apply({ id: 2, kind: "user-set", userId: 1, detail: "" });
    await client.untilClosed();
    expect(client.screen).toContain("You are not an admin any more.");
  });

  it("is closed with the session, also while it is being opened", async () => {
    let opened = (): void => {};
    const opening = new Promise<void>((resolve) => {
      opened = resolve;
    });
    const asked = vi.fn();
    home = async () => {
      asked();
      await opening;
      return annsFiles;
    };
    const close = vi.spyOn(annsFiles, "close");
    const { client, session } = shell();
    client.type("c");
    await vi.waitFor(() => expect(asked).toHaveBeenCalled(), PATIENCE);
    client.disconnect();
    const closed = session.close();
    setImmediate(opened);
    await closed;
    expect(close).toHaveBeenCalledOnce();
  });

  it("is closed with the session, files and all", async () => {
    const close = vi.spyOn(annsFiles, "close");
    const { client, session } = shell();
    client.type("c");
    await client.until("ann@harbour:/$ ");
    client.disconnect();
    await session.close();
    expect(close).toHaveBeenCalledOnce();
  });
});

describe("a session that is ended by somebody else", () => {
  it("gives the terminal back before the last words", async () => {
    const { client, session, disconnects } = shell();
    await client.until(">");
    session.end("enough");
    await vi.waitFor(() => expect(disconnects).toEqual(["enough"]), PATIENCE);
  });

  it("is idle when the screen only draws", async () => {
    const { client, session } = shell();
    await client.until(">");
    session.idleFor(0);
    expect(session.idleFor(1000)).toBe(1000);
    client.type("c");
    await client.until("ann@harbour:/$ ");
    expect(session.idleFor(1000)).toBe(2000);
  });
});
