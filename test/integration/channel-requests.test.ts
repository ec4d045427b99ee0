import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { FIRST_CHANNEL, type Field, Msg, message, RawClient } from "../support/raw-client.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

/** Our number of the channel, as the server says it back. */
const OURS = FIRST_CHANNEL;

let server: TestServer;
const clients: RawClient[] = [];

beforeAll(async () => {
  server = await startTestServer({ users: [{ name: "ann" }] });
});

afterEach(() => {
  for (const raw of clients.splice(0)) raw.close();
});

afterAll(() => server.stop());

/** A connection with a session channel: the server's number of it. */
async function opened(): Promise<{ raw: RawClient; channel: number }> {
  const raw = await RawClient.open(server);
  clients.push(raw);
  const channel = await raw.openSession();
  raw.received.length = 0;
  return { raw, channel };
}

function closes(raw: RawClient): Promise<void> {
  return raw.until(() => raw.log().includes(`CLOSE ${OURS}`));
}

const REQUESTS: [string, ...Field[]][] = [
  ["window-change", 80, 24, 0, 0],
  ["env", "LC_ALL", "C"],
  ["pty-req", "vt100", 80, 24, 0, 0, ""],
  ["winadj@putty.projects.tartarus.org"],
  ["keepalive@openssh.com"],
  ["signal", "TSTP"],
  ["exec", "echo hi"],
  ["shell"],
  ["subsystem", "sftp"],
  ["break", 500],
  ["xon-xoff", true],
  ["x11-req", false, "MIT-MAGIC-COOKIE-1", "abc", 0],
  ["auth-agent-req@openssh.com"],
  ["exit-status", 1],
  ["no such request"],
];

describe("every request that wants a reply gets one", () => {
  test.each([
    ["sftp", ["subsystem", "sftp"]],
    ["a command", ["exec", "cat"]],
    ["a shell", ["shell"]],
  ])("while %s runs", async (_, [type = "", ...fields]) => {
    const { raw, channel } = await opened();
    raw.request(channel, type, true, ...fields);
    await raw.settled();
    expect(raw.log()).toEqual([`SUCCESS ${OURS}`]);
    const answers: string[] = [];
    for (const [name, ...more] of REQUESTS) {
      raw.received.length = 0;
      raw.request(channel, name, true, ...more);
      await raw.settled();
      answers.push(`${name}: ${raw.log().join()}`);
    }
    const succeeds = (name: string): boolean =>
      name === "window-change" || (name === "signal" && type !== "subsystem");
    expect(answers).toEqual(
      REQUESTS.map(([name]) => `${name}: ${succeeds(name) ? "SUCCESS" : "FAILURE"} ${OURS}`),
    );
  });

  test("and what it started goes on", async () => {
    const { raw, channel } = await opened();
    raw.request(channel, "exec", true, "cat");
    for (const [name, ...more] of REQUESTS) raw.request(channel, name, true, ...more);
    raw.send(message(Msg.CHANNEL_DATA, channel, "still here"));
    raw.send(message(Msg.CHANNEL_EOF, channel));
    await closes(raw);
    const rest = raw.log().slice(1 + REQUESTS.length);
    expect(rest).toEqual([
      `DATA ${OURS} "still here"`,
      `REQUEST ${OURS} exit-status 0`,
      `EOF ${OURS}`,
      `CLOSE ${OURS}`,
    ]);
  });

  test("none that wants no reply gets one", async () => {
    const { raw, channel } = await opened();
    for (const [name, ...more] of REQUESTS) raw.request(channel, name, false, ...more);
    await raw.settled();
    expect(raw.log().filter((line) => /^(SUCCESS|FAILURE)/.test(line))).toEqual([]);
  });

  test("also before a program runs, and one that was refused leaves the way to another", async () => {
    const { raw, channel } = await opened();
    for (const name of ["no such request", "signal", "break"]) {
      raw.request(channel, name, true, "TERM");
    }
    raw.request(channel, "subsystem", true, "no such subsystem");
    raw.request(channel, "exec", true, "echo hi");
    await closes(raw);
    expect(raw.log().slice(0, 6)).toEqual([
      ...Array(4).fill(`FAILURE ${OURS}`),
      `SUCCESS ${OURS}`,
      `DATA ${OURS} "hi\\n"`,
    ]);
  });

  test("in the midst of a key exchange, once it is over", async () => {
    const { raw, channel } = await opened();
    raw.request(channel, "exec", true, "cat");
    await raw.settled();
    const protocol = (raw.client as unknown as { _protocol: { rekey(): void } })._protocol;
    protocol.rekey();
    raw.request(channel, "window-change", true, 80, 24, 0, 0);
    await raw.until(() => raw.log().filter((line) => line.startsWith("SUCCESS")).length === 2);
  });

  test("a command's name may hold bytes that are not UTF-8", async () => {
    const { raw, channel } = await opened();
    const name = Buffer.from("gr\xfc\xdfe", "latin1");
    writeFileSync(Buffer.concat([Buffer.from(`${server.home("ann")}/`), name]), "found");
    raw.request(channel, "exec", true, Buffer.concat([Buffer.from("cat "), name]));
    await closes(raw);
    expect(raw.log()[1]).toBe(`DATA ${OURS} "found"`);
  });
});

describe("EOF before the program", () => {
  test.each([
    ["a command", ["exec", "cat"]],
    ["a shell", ["shell"]],
    ["sftp", ["subsystem", "sftp"]],
  ])("%s runs with nothing to read, and ends", async (_, [type = "", ...fields]) => {
    const { raw, channel } = await opened();
    raw.send(message(Msg.CHANNEL_EOF, channel));
    raw.request(channel, type, true, ...fields);
    await closes(raw);
    expect(raw.log()).toEqual([
      `SUCCESS ${OURS}`,
      `REQUEST ${OURS} exit-status 0`,
      `EOF ${OURS}`,
      `CLOSE ${OURS}`,
    ]);
  });

  test("a command that reads nothing says what it has to", async () => {
    const { raw, channel } = await opened();
    raw.sendAll([
      message(Msg.CHANNEL_EOF, channel),
      message(Msg.CHANNEL_REQUEST, channel, "exec", true, "echo hi"),
    ]);
    await closes(raw);
    expect(raw.log()[1]).toBe(`DATA ${OURS} "hi\\n"`);
  });
});

describe("what comes before the program", () => {
  test("a window that is opened then is open for it", async () => {
    const { raw } = await opened();
    const channel = await raw.openSession(OURS + 1, 0);
    raw.send(message(Msg.CHANNEL_WINDOW_ADJUST, channel, 1_000));
    raw.request(channel, "exec", true, "echo hi");
    await raw.until(() => raw.log().includes(`CLOSE ${OURS + 1}`));
    expect(raw.log()).toContain(`DATA ${OURS + 1} "hi\\n"`);
  });

  test("data is dropped, as OpenSSH's server does, and its window given back", async () => {
    const { raw, channel } = await opened();
    raw.send(message(Msg.CHANNEL_DATA, channel, "x".repeat(30_000)));
    await raw.settled();
    const [adjust] = raw.received.filter(([type]) => type === Msg.CHANNEL_WINDOW_ADJUST);
    expect(adjust?.readUInt32BE(5)).toBe(30_000);
    raw.request(channel, "exec", true, "cat");
    raw.send(message(Msg.CHANNEL_EOF, channel));
    await closes(raw);
    expect(raw.log().some((line) => line.startsWith("DATA"))).toBe(false);
  });

  test("extended data is dropped, and its window given back", async () => {
    const { raw, channel } = await opened();
    raw.request(channel, "exec", true, "cat");
    raw.send(message(Msg.CHANNEL_EXTENDED_DATA, channel, 1, "x".repeat(5_000)));
    await raw.settled();
    const [adjust] = raw.received.filter(([type]) => type === Msg.CHANNEL_WINDOW_ADJUST);
    expect(adjust?.readUInt32BE(5)).toBe(5_000);
  });
});

describe("the client's CLOSE", () => {
  test.each([
    ["a command that waits for input", "cat", 0],
    ["an upload that was refused", "scp -t no/such/place", 1],
    ["an upload that is over", "scp -t .", 0],
  ])("of %s is answered with its exit status", async (_, command, status) => {
    const { raw, channel } = await opened();
    raw.request(channel, "exec", true, command);
    if (command.startsWith("scp")) {
      const said = (): number => raw.log().filter((line) => line.startsWith("DATA")).length;
      await raw.until(() => said() === 1);
      raw.send(message(Msg.CHANNEL_DATA, channel, "C0644 2 name\n"));
      await raw.until(() => said() === 2);
      if (status === 0) {
        raw.send(message(Msg.CHANNEL_DATA, channel, "hi\0"));
        await raw.until(() => said() === 3);
      }
    } else await raw.settled();
    raw.received.length = 0;
    raw.send(message(Msg.CHANNEL_CLOSE, channel));
    await closes(raw);
    expect(raw.log()).toEqual([`REQUEST ${OURS} exit-status ${status}`, `CLOSE ${OURS}`]);
  });

  test("of sftp is answered with exit status 0, and what was asked before is done", async () => {
    const { raw, channel } = await opened();
    raw.request(channel, "subsystem", true, "sftp");
    raw.send(message(Msg.CHANNEL_DATA, channel, Buffer.from("\0\0\0\x05\x01\0\0\0\x03")));
    await raw.until(() => raw.log().some((line) => line.startsWith("DATA")));
    raw.send(message(Msg.CHANNEL_CLOSE, channel));
    await closes(raw);
    expect(raw.log().slice(-2)).toEqual([`REQUEST ${OURS} exit-status 0`, `CLOSE ${OURS}`]);
  });

  test("ends a command that goes on writing, by a signal", async () => {
    const { raw, channel } = await opened();
    writeFileSync(join(server.home("ann"), "large"), Buffer.alloc(8 << 20));
    raw.request(channel, "exec", true, "cat large large large");
    await raw.until(() => raw.log().some((line) => line.startsWith("DATA")));
    raw.send(message(Msg.CHANNEL_CLOSE, channel));
    await closes(raw);
    expect(raw.log().slice(-2)).toEqual([`REQUEST ${OURS} exit-signal`, `CLOSE ${OURS}`]);
  });

  test("hangs up a terminal", async () => {
    const { raw, channel } = await opened();
    raw.request(channel, "pty-req", true, "vt100", 80, 24, 0, 0, "");
    raw.request(channel, "shell", true);
    await raw.until(() => raw.log().some((line) => line.startsWith("DATA")));
    raw.send(message(Msg.CHANNEL_CLOSE, channel));
    await closes(raw);
    expect(raw.log().slice(-2)).toEqual([`REQUEST ${OURS} exit-signal`, `CLOSE ${OURS}`]);
  });

  test("attack: programs that go on behind it hold their places, and no more than those", async () => {
    const { raw } = await opened();
    const most = server.config.limits.channelsPerSession;
    // The channel that is open already is one of them.
    for (let i = 1; i <= most + 5; i++) {
      raw.send(message(Msg.CHANNEL_OPEN, "session", OURS + i, 0, 32_768));
      raw.request(i, "exec", false, "scp -f large");
    }
    await raw.settled();
    const opens = raw.log().filter((line) => line.startsWith("CONFIRM"));
    expect(opens).toHaveLength(most - 1);
    for (let i = 1; i < most; i++) raw.send(message(Msg.CHANNEL_CLOSE, i));
    await raw.until(() => raw.log().filter((line) => line.startsWith("CLOSE")).length === most - 1);
    expect(await raw.openSession(OURS + 200)).toBeGreaterThan(0);
  });
});

describe("channels that can't be opened are refused, and the connection goes on", () => {
  test.each([
    ["packets of 0 bytes", ["session", OURS, 1 << 20, 0], 4],
    ["packets of 100 bytes", ["session", OURS, 1 << 20, 100], 4],
    ["an unknown type", ["no such type", OURS, 1 << 20, 32_768], 3],
    ["forwarding", ["direct-tcpip", OURS, 1 << 20, 32_768, "127.0.0.1", 1, "127.0.0.1", 1], 1],
  ] as [string, Field[], number][])("%s", async (_, fields, reason) => {
    const { raw, channel } = await opened();
    raw.send(message(Msg.CHANNEL_OPEN, ...fields));
    await raw.settled();
    expect(raw.log()).toEqual([`OPEN_FAILURE ${OURS}, ${reason}`]);
    raw.request(channel, "exec", true, "echo hi");
    await closes(raw);
  });

  test("sessions after no-more-sessions@openssh.com", async () => {
    const { raw } = await opened();
    raw.send(message(Msg.GLOBAL_REQUEST, "no-more-sessions@openssh.com", false));
    raw.send(message(Msg.CHANNEL_OPEN, "session", OURS, 1 << 20, 32_768));
    await raw.settled();
    expect(raw.log()).toEqual([`OPEN_FAILURE ${OURS}, 1`]);
  });
});

describe("messages that mean nothing here", () => {
  test.each([5, 6, 7, 8, 19, 21, 30, 49, 50, 51, 60, 61, 79, 83, 101, 127, 191, 192, 255])(
    "%d is answered with UNIMPLEMENTED and its number in the sequence",
    async (type) => {
      const { raw } = await opened();
      // Sent one behind the other, their sequence numbers follow each other.
      raw.sendAll([message(type), message(Msg.IGNORE, ""), message(type)]);
      await raw.settled();
      const [first, second, ...more] = raw.received.filter(([kind]) => kind === 3);
      expect(more).toEqual([]);
      const numberOf = (payload: Buffer | undefined): number => payload?.readUInt32BE(1) ?? 0;
      expect(numberOf(second) - numberOf(first)).toBe(2);
      // strict key exchange counts from 0: SERVICE_REQUEST, USERAUTH_REQUEST, CHANNEL_OPEN, this
      expect(numberOf(first)).toBeGreaterThanOrEqual(3);
      expect(numberOf(first)).toBeLessThan(10);
    },
  );

  test("before the login, too", async () => {
    const raw = await RawClient.stranger(server);
    clients.push(raw);
    raw.send(message(200));
    await raw.settled();
    expect(raw.log()).toEqual(["UNIMPLEMENTED"]);
  });

  test("a malformed one ends the connection", async () => {
    const { raw, channel } = await opened();
    raw.send(Buffer.concat([message(Msg.CHANNEL_REQUEST, channel), Buffer.from([255, 0, 0, 0])]));
    await raw.ending.closed;
    expect(raw.ending.disconnects).toEqual(["2: Protocol error"]);
  });
});
