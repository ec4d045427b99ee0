import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Peer, startOpenSsh } from "../bench/peers.ts";
import { FIRST_CHANNEL, type Field, Msg, message, RawClient } from "../support/raw-client.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { makeKey } from "../support/ssh-client.ts";

// The same messages of the connection protocol, sent to OpenSSH's server and to this one. What may
// differ stands below and in docs/differences.md.

const pair = makeKey();
let directory: string;
let sshd: Peer;
let server: TestServer;
const clients: RawClient[] = [];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "moorage-ssh-"));
  const key = join(directory, "key");
  writeFileSync(key, pair.private, { mode: 0o600 });
  writeFileSync(`${key}.pub`, `${pair.public}\n`);
  sshd = await startOpenSsh({ root: directory, key } as Parameters<typeof startOpenSsh>[0]);
  server = await startTestServer({ users: [{ name: "ann", keys: [pair.public] }] });
});

afterEach(() => {
  for (const raw of clients.splice(0)) raw.close();
});

afterAll(async () => {
  await sshd?.stop();
  await server?.stop();
  rmSync(directory, { recursive: true });
});

type Step = (raw: RawClient, channel: number) => void | Promise<void>;

const asks = (type: string, ...fields: Field[]): Step => {
  return (raw, channel) => raw.request(channel, type, true, ...fields);
};
const sends = (type: number, ...fields: Field[]): Step => {
  return (raw, channel) => raw.send(message(type, channel, ...fields));
};
/** A message that is not about the channel. */
const says = (type: number, ...fields: Field[]): Step => {
  return (raw) => raw.send(message(type, ...fields));
};
const settles: Step = (raw) => raw.settled();
const eof = sends(Msg.CHANNEL_EOF);
const close = sends(Msg.CHANNEL_CLOSE);
const closes: Step = (raw) => raw.until(() => raw.log().some((line) => line.startsWith("CLOSE")));
const init = (version: number): Step => {
  return sends(Msg.CHANNEL_DATA, Buffer.from([0, 0, 0, 5, 1, 0, 0, 0, version]));
};
const versions = (count: number): Step => {
  return (raw) =>
    raw.until(() => raw.log().filter((line) => line.startsWith("DATA")).length === count);
};

/** What every server is asked here, whatever runs. Signals: OpenSSH's may be forbidden them. */
const EVERYTHING: Step[] = [
  ["window-change", 80, 24, 0, 0],
  ["winadj@putty.projects.tartarus.org"],
  ["keepalive@openssh.com"],
  ["break", 500],
  ["xon-xoff", true],
  ["x11-req", false, "MIT-MAGIC-COOKIE-1", "abc", 0],
  ["exit-status", 1],
  ["no such request"],
].flatMap(([type, ...fields]) => [asks(type as string, ...(fields as Field[])), settles]);

const TOO_LATE: Step[] = [
  ["env", "LC_ALL", "C"],
  ["pty-req", "vt100", 80, 24, 0, 0, "\0"],
  ["exec", "echo hi"],
  ["shell"],
  ["subsystem", "sftp"],
].flatMap(([type, ...fields]) => [asks(type as string, ...(fields as Field[])), settles]);

/** The answers; whether EOF or the exit status comes first is up to chance in OpenSSH. */
function answers(raw: RawClient): string[] {
  return raw
    .log()
    .map((line) => line.replace(/^(DATA \d+) "\\u0000\\u0000.*/, "$1 of SFTP"))
    .map((line) => line.replace(/^(OPEN_FAILURE \d+).*/, "$1"))
    .filter((line) => !line.startsWith("EOF"));
}

async function run(port: number, username: string, steps: readonly Step[]): Promise<string[]> {
  const raw = await RawClient.open({ port }, { username, privateKey: pair.private });
  clients.push(raw);
  const channel = await raw.openSession();
  raw.received.length = 0;
  for (const step of steps) await step(raw, channel);
  return [...answers(raw), ...(raw.isClosed ? ["the end"] : [])];
}

async function both(steps: readonly Step[]): Promise<{ theirs: string[]; ours: string[] }> {
  const theirs = await run(sshd.port, sshd.user, steps);
  return { theirs, ours: await run(server.port, "ann", steps) };
}

const SAME: [string, Step[]][] = [
  ["requests before a program", [...EVERYTHING, asks("subsystem", "none such"), settles]],
  ["requests while sftp runs", [asks("subsystem", "sftp"), ...EVERYTHING, ...TOO_LATE]],
  ["requests while a command runs", [asks("exec", "cat"), ...EVERYTHING, ...TOO_LATE]],
  ["requests while a shell runs", [asks("shell"), ...EVERYTHING, ...TOO_LATE]],
  [
    "a program after one that was refused",
    [asks("subsystem", "none such"), asks("exec", "echo hi"), closes],
  ],
  ["a command without a reply", [(raw, n) => raw.request(n, "exec", false, "echo hi"), closes]],
  ["an empty command", [asks("exec", ""), eof, closes]],
  ["data before the program", [sends(94, "abc"), asks("exec", "cat"), settles, eof, closes]],
  ["extended data", [asks("exec", "cat"), settles, sends(95, 1, "abc"), eof, closes]],
  ["EOF twice, and data behind it", [asks("exec", "cat"), eof, eof, sends(94, "x"), closes]],
  ["CLOSE while a command waits", [asks("exec", "cat"), settles, close, closes]],
  ["CLOSE while sftp waits", [asks("subsystem", "sftp"), init(3), versions(1), close, closes]],
  ["CLOSE of a channel without a program", [close, closes]],
  [
    "INIT of version 0, 2 and again",
    [asks("subsystem", "sftp"), init(0), versions(1), init(2), versions(2), eof, closes],
  ],
  [
    "a window that is opened before the program",
    [
      (raw) => raw.send(message(Msg.CHANNEL_OPEN, "session", FIRST_CHANNEL + 1, 0, 32_768)),
      settles,
      (raw) => raw.send(message(Msg.CHANNEL_WINDOW_ADJUST, 1, 1_000)),
      (raw) => raw.request(1, "exec", true, "echo hi"),
      closes,
    ],
  ],
  [
    "channels of unknown types, and forwarding back",
    [
      says(90, "none such", 300, 1_000, 32_768),
      says(90, "x11", 300, 1_000, 32_768, "h", 1),
      settles,
    ],
  ],
  [
    "messages that mean nothing",
    [5, 6, 7, 8, 19, 21, 30, 49, 50, 51, 60, 61, 79, 83, 101, 127, 191].map((type) => says(type)),
  ],
];

test.each(SAME)("%s: both answer the same", async (_, steps) => {
  const { theirs, ours } = await both([...steps, settles]);
  expect(ours).toEqual(theirs);
});

/** What differs, and how. */
const DIFFERENT: [string, Step[], string[], string[]][] = [
  [
    "EOF before the program: it ends, where OpenSSH's waits for ever",
    [eof, asks("exec", "cat"), settles],
    ["SUCCESS 100"],
    ["SUCCESS 100", "REQUEST 100 exit-status 0", "CLOSE 100"],
  ],
  [
    "packets of less than 512 bytes: no channel",
    [says(90, "session", 300, 1_000, 100), settles],
    ["CONFIRM 300"],
    ["OPEN_FAILURE 300"],
  ],
  [
    "a request for a channel that is not there: nothing happens",
    [(raw) => raw.request(77, "exec", true, "echo hi"), settles],
    ["DISCONNECT 2", "the end"],
    [],
  ],
  [
    "a second terminal replaces the first",
    [0, 1].map(() => asks("pty-req", "vt100", 80, 24, 0, 0, "\0")).concat(settles),
    ["SUCCESS 100", "DISCONNECT 2", "the end"],
    ["SUCCESS 100", "SUCCESS 100"],
  ],
  [
    "messages that no document numbers are as unknown as others",
    [says(192), settles],
    ["DISCONNECT 2", "the end"],
    ["UNIMPLEMENTED"],
  ],
  [
    "a session after no-more-sessions is refused",
    [says(80, "no-more-sessions@openssh.com", false), says(90, "session", 300, 9, 32_768), settles],
    ["DISCONNECT 2", "the end"],
    ["OPEN_FAILURE 300"],
  ],
];

describe("what differs", () => {
  test.each(DIFFERENT)("%s", async (_, steps, expected, own) => {
    const { theirs, ours } = await both(steps);
    expect(theirs).toEqual(expected);
    // A program's end is not waited for above, where it may never come.
    const raw = clients.at(-1) as RawClient;
    if (own.at(-1)?.startsWith("CLOSE")) await closes(raw, 0);
    expect(own.at(-1)?.startsWith("CLOSE") ? answers(raw) : ours).toEqual(own);
  });
});

test.each(["gssapi-with-mic", "foo", "none"])(
  "before the login, both refuse the method %s with a list",
  async (method) => {
    for (const { port } of [sshd, server]) {
      const raw = await RawClient.stranger({ port });
      clients.push(raw);
      raw.send(message(Msg.USERAUTH_REQUEST, "root", "ssh-connection", method));
      await raw.until(() => raw.received.length > 0);
      expect(raw.log()).toEqual([expect.stringMatching(/^USERAUTH_FAILURE publickey/)]);
    }
  },
);
