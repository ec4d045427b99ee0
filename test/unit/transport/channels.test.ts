import { EventEmitter } from "node:events";
import { Socket } from "node:net";
import type { Connection } from "ssh2";
import { beforeEach, describe, expect, test } from "vitest";
import type { SessionChannel } from "../../../src/channel.ts";
import { MemoryBudget, type SessionMemory } from "../../../src/memory/budget.ts";
import type { ChannelRequest, Router } from "../../../src/session/routes.ts";
import type { Session } from "../../../src/session/session.ts";
import type { Protocol } from "../../../src/ssh/internals.ts";
import { Messages } from "../../../src/ssh/messages.ts";
import { Outbox } from "../../../src/ssh/outbox.ts";
import { SMALLEST_WINDOW } from "../../../src/ssh/receive-window.ts";
import { Channels, type ChannelsOwner } from "../../../src/transport/channels.ts";
import { type Field, Msg, message } from "../../support/raw-client.ts";

const MAX = 2;
const MEMORY = 256 * 1024 * 1024;
/** The client counts its channels from here. */
const THEIRS = 100;

/** Writes down what is sent: ssh2's functions by their names. */
class FakeProtocol {
  readonly sent: string[] = [];
  readonly _handlers = {};
  readonly _authenticated = true;
  _onPayload: (payload: Buffer) => unknown = (payload) => {
    this.sent.push(`passed on ${payload[0]}`);
  };
  readonly _onPacket = (): void => {};
  readonly channelOpenFail = this.#writes("refuse");
  readonly channelSuccess = this.#writes("success");
  readonly channelFailure = this.#writes("failure");
  readonly channelWindowAdjust = this.#writes("adjust");
  readonly channelEOF = this.#writes("eof");
  readonly channelClose = this.#writes("close");
  readonly exitStatus = this.#writes("exit-status");
  readonly exitSignal = this.#writes("exit-signal");
  readonly channelOpenConfirm = (theirs: number, ours: number): void => {
    this.sent.push(`confirm ${theirs} as ${ours}`);
  };

  #writes(name: string): (channel: number, ...rest: readonly unknown[]) => void {
    return (channel, ...rest) => void this.sent.push([name, channel, ...rest].join(" ").trim());
  }
}

let protocol: FakeProtocol;
let connection: { readonly noMoreSessions: boolean };
let memory: SessionMemory;
let channels: Channels;
let requests: ChannelRequest[];
let running: SessionChannel[];
let violations: string[];

beforeEach(() => begin(MEMORY));

function begin(bytes: number): void {
  requests = [];
  running = [];
  violations = [];
  protocol = new FakeProtocol();
  memory = new MemoryBudget(bytes).user().session();
  connection = Object.assign(new EventEmitter(), { _protocol: protocol, noMoreSessions: false });
  const violation = (text: string): void => void violations.push(text);
  const messages = new Messages(protocol as unknown as Protocol, {
    keyExchange: () => true,
    violation,
  });
  const owner: ChannelsOwner = {
    protocol: protocol as unknown as Protocol,
    outbox: new Outbox(new Socket()),
    memory,
    roundTrip: 0,
    client: "SSH-2.0-OpenSSH_9.2",
    answered() {},
    activity() {},
    violation,
  };
  const route: Router = (_session, request) => {
    requests.push(request);
    if (request.type === "shell") return undefined;
    return (channel) => {
      running.push(channel);
      return undefined;
    };
  };
  const session = { memory, touch() {} } as unknown as Session;
  const served = { route, max: MAX };
  channels = new Channels(connection as Connection, messages, session, owner, served);
}

function receive(type: number, ...fields: readonly Field[]): void {
  protocol._onPayload(message(type, ...fields));
}

function open(theirs = THEIRS, type = "session", packetSize = 32_768): void {
  receive(Msg.CHANNEL_OPEN, type, theirs, 1 << 20, packetSize);
}

function ask(ours: number, type: string, ...fields: readonly Field[]): void {
  receive(Msg.CHANNEL_REQUEST, ours, type, true, ...fields);
}

/** What was sent since the last look. */
function sent(): string[] {
  return protocol.sent.splice(0);
}

describe("a channel is not opened", () => {
  test.each([
    ["of a type that nobody knows", "x11", "refuse 100 3 Unknown channel type"],
    ["to forward a port", "direct-tcpip", "refuse 100 1 Forwarding is not allowed"],
    ["to forward a device", "tun@openssh.com", "refuse 100 1 Forwarding is not allowed"],
  ])("%s", (_, type, line) => {
    open(THEIRS, type);
    expect(sent()).toEqual([line]);
    expect(memory.user.used).toBe(0);
  });

  test("after the client said that it opens no more", () => {
    Object.assign(connection, { noMoreSessions: true });
    open();
    expect(sent()).toEqual(["refuse 100 1 No more sessions"]);
  });

  test("for packets in which nearly nothing fits", () => {
    open(THEIRS, "session", 511);
    open(THEIRS, "session", 512);
    expect(sent()).toEqual(["refuse 100 4 The packets are too small", "confirm 100 as 0"]);
  });

  test("when there are too many, until one is closed by both ends", () => {
    for (let i = 0; i < MAX; i++) open(THEIRS + i);
    open(THEIRS + MAX);
    expect(sent().at(-1)).toBe("refuse 102 4 Too many channels");
    ask(0, "subsystem", "sftp");
    running[0]?.destroy();
    open(THEIRS + MAX);
    expect(sent()).toEqual(["success 100", "close 100", "refuse 102 4 Too many channels"]);
    receive(Msg.CHANNEL_CLOSE, 0);
    open(THEIRS + MAX);
    expect(sent()).toEqual(["confirm 102 as 2"]);
  });

  test("for want of memory, but for the session's first", () => {
    begin(1024 * 1024);
    memory.user.force(900 * 1024);
    open();
    open(THEIRS + 1);
    expect(sent()).toEqual(["confirm 100 as 0", "refuse 101 4 Too much memory in use"]);
    expect(memory.user.used).toBe(900 * 1024 + SMALLEST_WINDOW);
  });

  test("when the connection is gone, nor is any that was open heard", () => {
    open();
    sent();
    channels.close();
    open(THEIRS + 1);
    receive(Msg.CHANNEL_DATA, 0, Buffer.alloc(100));
    receive(Msg.CHANNEL_CLOSE, 0);
    expect(sent()).toEqual([]);
  });
});

describe("the memory of a channel's window is given back once", () => {
  test("closed by the client before a program runs", () => {
    open();
    expect(memory.user.used).toBeGreaterThan(0);
    receive(Msg.CHANNEL_CLOSE, 0);
    receive(Msg.CHANNEL_CLOSE, 0);
    expect(sent()).toEqual(["confirm 100 as 0", "close 100"]);
    expect(memory.user.used).toBe(0);
  });

  test("closed by the client first, and by its program later", () => {
    open();
    ask(0, "subsystem", "sftp");
    receive(Msg.CHANNEL_CLOSE, 0);
    running[0]?.destroy();
    running[0]?.destroy();
    expect(sent()).toEqual(["confirm 100 as 0", "success 100", "close 100"]);
    expect(memory.user.used).toBe(0);
  });

  test("closed by the program first, with data of the client under way", () => {
    open();
    ask(0, "subsystem", "sftp");
    const held = memory.user.used;
    receive(Msg.CHANNEL_DATA, 0, Buffer.alloc(10_000));
    running[0]?.destroy();
    expect(memory.user.used).toBe(0);
    receive(Msg.CHANNEL_DATA, 0, Buffer.alloc(10_000));
    running[0]?.consume(20_000);
    receive(Msg.CHANNEL_CLOSE, 0);
    expect(held).toBeGreaterThan(0);
    expect(memory.user.used).toBe(0);
    expect(violations).toEqual([]);
  });

  test("with the connection, whatever runs", () => {
    open();
    open(THEIRS + 1);
    ask(1, "subsystem", "sftp");
    let isTold = 0;
    for (const channel of running) channel.onClose = () => (isTold += 1);
    channels.close();
    channels.close();
    expect(memory.user.used).toBe(0);
    expect(isTold).toBe(1);
  });
});

test("what is sent before a program runs is dropped, and the client's window stays as it was", () => {
  open();
  receive(Msg.CHANNEL_DATA, 0, Buffer.alloc(5_000));
  receive(Msg.CHANNEL_EXTENDED_DATA, 0, 1, Buffer.alloc(300));
  expect(sent()).toEqual(["confirm 100 as 0", "adjust 100 5000", "adjust 100 300"]);
});

describe("what is asked of a channel", () => {
  test("that is closed has no answer and starts nothing", () => {
    open();
    receive(Msg.CHANNEL_CLOSE, 0);
    sent();
    ask(0, "subsystem", "sftp");
    channels.close();
    ask(0, "subsystem", "sftp");
    expect(sent()).toEqual([]);
    expect(requests).toEqual([]);
  });

  test("that its program has closed has no answer either", () => {
    open();
    ask(0, "subsystem", "sftp");
    running[0]?.destroy();
    sent();
    ask(0, "exec", "ls");
    expect(sent()).toEqual([]);
    expect(requests).toHaveLength(1);
  });

  test("that never was is no error", () => {
    for (const type of [Msg.CHANNEL_EOF, Msg.CHANNEL_CLOSE]) receive(type, 7);
    receive(Msg.CHANNEL_WINDOW_ADJUST, 7, 1);
    ask(7, "subsystem", "sftp");
    expect(sent()).toEqual([]);
    expect(violations).toEqual([]);
  });

  test("starts one program: what is refused may be followed by something else, once", () => {
    open();
    ask(0, "shell");
    ask(0, "subsystem", "sftp");
    ask(0, "exec", "ls");
    ask(0, "keepalive@openssh.com");
    expect(sent().slice(1)).toEqual(["failure 100", "success 100", "failure 100", "failure 100"]);
    expect(requests.map(({ type }) => type)).toEqual(["shell", "subsystem"]);
  });
});

test("attack: a message that ends before its fields do ends the connection", () => {
  open();
  receive(Msg.CHANNEL_REQUEST, 0, "exec", true, 4_000_000);
  expect(violations).toEqual(["malformed message 98"]);
  expect(requests).toEqual([]);
});

test("attack: more data than the window allows ends the connection", () => {
  open();
  ask(0, "subsystem", "sftp");
  receive(Msg.CHANNEL_DATA, 0, Buffer.alloc(memory.user.used));
  expect(violations).toEqual([]);
  receive(Msg.CHANNEL_DATA, 0, Buffer.alloc(1));
  expect(violations).toEqual(["the client sent more than the channel's window allows"]);
});

test("a number is given again only after all others", () => {
  open();
  receive(Msg.CHANNEL_CLOSE, 0);
  open(THEIRS + 1);
  expect(sent().filter((line) => line.startsWith("confirm"))).toEqual([
    "confirm 100 as 0",
    "confirm 101 as 1",
  ]);
});
