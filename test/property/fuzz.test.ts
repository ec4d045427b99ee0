import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PublicKeyError, parsePublicKeys } from "../../src/auth/keys.ts";
import { ConfigError } from "../../src/config/errors.ts";
import { loadConfig } from "../../src/config/load.ts";
import { LineNotUtf8, LineReader, LineTooLong } from "../../src/control/lines.ts";
import { checkMethod, isMethod, parseLine } from "../../src/control/params.ts";
import { ShellSyntaxError } from "../../src/shell/errors.ts";
import { parse } from "../../src/shell/parser.ts";
import { bytes } from "../../src/vfs/path.ts";
import { MemoryFs } from "../support/memory-fs.ts";
import { Mutations } from "../support/mutations.ts";
import { Msg, message, RawClient } from "../support/raw-client.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { serveMemory } from "../support/sftp-client-memory.ts";
import { attrs, frame, Requests, str, u32, u64 } from "../support/sftp-client-packets.ts";
import { makeKey } from "../support/ssh-client.ts";

/** Messages for each: FUZZ_RUNS=1000000 for a long look, FUZZ_SEED for others than the usual ones. */
const RUNS = Number(process.env.FUZZ_RUNS ?? 4_000);
const SEED = Number(process.env.FUZZ_SEED ?? 7);
const LIMIT = 10_000 + RUNS * 20;

/** Of `RUNS` messages, those that a slow fuzzer sends. */
const few = (share: number): number => Math.ceil(RUNS / share);

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Each message goes to `take`, which throws where it should not. */
function each(samples: readonly Buffer[], runs: number, take: (message: Buffer) => void): void {
  const mutations = new Mutations(samples, SEED);
  for (let run = 1; run <= runs; run += 1) {
    const message = mutations.next();
    try {
      take(message);
    } catch (cause) {
      throw new Error(`message ${run}: ${message.toString("hex")}`, { cause });
    }
  }
}

/** A packet whose length is right, but for one in a hundred: a wrong one swallows what follows it. */
function withLength(mutations: Mutations): Buffer {
  const next = mutations.next();
  if (mutations.below(100) === 0) return next;
  const whole = next.length > 4 ? next : Buffer.alloc(5, 2);
  whole.writeUInt32BE(whole.length - 4, 0);
  return whole;
}

describe("SFTP", () => {
  const requests = new Requests();
  /** The server counts its handles: these are what each session opens first. */
  const handle = u64(1);
  const directory = u64(2);
  const extended = (name: string, ...fields: Buffer[]) => requests.extended(name, ...fields);
  const samples = [
    requests.open("a", 0x1a),
    requests.open("d/b", 0x03, { permissions: 0o600, size: 5 }),
    requests.write(handle, 0, "hello"),
    requests.write(handle, 1_000_000, Buffer.alloc(300, 1)),
    requests.read(handle, 0, 40_000),
    requests.close(handle),
    requests.fstat(handle),
    requests.setstat("a", { size: 10, times: [1, 2], owner: [0, 0] }),
    requests.fsetstat(handle, { extended: [["name", "data"]] }),
    requests.opendir("."),
    requests.readdir(directory),
    requests.close(directory),
    requests.remove("a"),
    requests.mkdir("d"),
    requests.rmdir("d"),
    requests.realpath("../d/./a"),
    requests.stat("a"),
    requests.lstat("soft"),
    requests.rename("a", "b"),
    requests.readlink("soft"),
    requests.symlink("a", "soft"),
    extended("posix-rename@openssh.com", str("b"), str("a")),
    extended("hardlink@openssh.com", str("a"), str("c")),
    extended("statvfs@openssh.com", str(".")),
    extended("fsync@openssh.com", str(handle)),
    extended("lsetstat@openssh.com", str("soft"), attrs({ times: [1, 2] })),
    extended("limits@openssh.com"),
    extended("expand-path@openssh.com", str("~/a")),
    extended("copy-data", str(handle), u64(0), u64(0), str(handle), u64(10)),
    extended("check-file-name", str("a"), str("sha256"), u64(0), u64(0), u32(0)),
    extended("users-groups-by-id@openssh.com", str(u32(0)), str(u32(0))),
    frame(2, u32(1)),
  ];

  it(
    "answers or ends, keeps nothing open and no memory, whatever a client sends",
    async () => {
      const mutations = new Mutations(samples, SEED);
      let answers = 0;
      for (let run = 0; run < RUNS; ) {
        const served = serveMemory(new MemoryFs());
        const { client, channel, session, fs } = served;
        await client.init();
        await client.open("a", 0x1b);
        await client.call(client.requests.opendir("."));
        const before = client.received;
        const sent: string[] = [];
        for (let step = 0; step < 100 && run < RUNS && !channel.closed; step += 1, run += 1) {
          const next = withLength(mutations);
          sent.push(next.toString("hex"));
          client.send(next);
          if (step % 8 === 0) await turn();
        }
        await turn();
        expect(channel.queuedBytes, sent.join("\n")).toBeLessThan(1 << 20);
        await session.close();
        answers += client.received - before;
        expect(fs.openFiles, sent.join("\n")).toBe(0);
        expect(served.errors.join("\n")).not.toMatch(/TypeError|RangeError|undefined/);
      }
      // Else the sessions ended at once, and nothing was tried.
      expect(answers).toBeGreaterThan(RUNS / 4);
    },
    LIMIT,
  );
});

it(
  "the shell's parser ends with steps or its own error",
  () => {
    const lines = [
      "ls -la 'a b' > out 2>&1",
      'echo "$HOME" | md5sum && cat a* || rm -rf [a-z]?',
      "cd d; find . -name '*.txt' -type f | head -n 3 # all",
      "cp -r {a,b} c\\ d; test -e x && echo $? < in",
    ].map((line) => Buffer.from(line));
    each(lines, RUNS, (line) => {
      try {
        parse(bytes(line));
      } catch (thrown) {
        if (!(thrown instanceof ShellSyntaxError)) throw thrown;
      }
    });
  },
  LIMIT,
);

it(
  "the control socket's lines are understood or refused",
  () => {
    const lines = [
      { actor: "cli:root" },
      { id: 1, call: "users.page", params: { sort: { by: "name" }, offset: 0, limit: 100 } },
      { id: 2, call: "users.add", params: { name: "ann", role: "user", quotaBytes: 5, keys: "" } },
      { id: 3, call: "sessions.kick", params: { id: 4, reason: "x", disable: true } },
      { id: 4, call: "log", params: { kinds: ["login"], before: 10, limit: 50, user: "ann" } },
      { id: 5, subscribe: "overview", params: {} },
      { id: 5, unsubscribe: true },
    ].map((line) => Buffer.from(`${JSON.stringify(line)}\n`));
    each(lines, RUNS, (line) => {
      try {
        for (const text of new LineReader(1_000).push(line)) {
          const parsed = parseLine(text);
          if (parsed === undefined || !("call" in parsed) || !isMethod(parsed.call)) continue;
          checkMethod(parsed.call, parsed.params);
        }
      } catch (thrown) {
        if (!(thrown instanceof LineTooLong) && !(thrown instanceof LineNotUtf8)) throw thrown;
      }
    });
  },
  LIMIT,
);

it(
  "lines of public keys are taken or refused",
  () => {
    const lines = (["ed25519", "ecdsa"] as const).map((type) => Buffer.from(makeKey(type).public));
    const more = Buffer.from(`# a comment\n${lines[0]} ann@host\n\n`);
    each([...lines, more], RUNS, (line) => {
      try {
        parsePublicKeys(line.toString());
      } catch (thrown) {
        if (!(thrown instanceof PublicKeyError)) throw thrown;
      }
    });
  },
  LIMIT,
);

describe("settings", () => {
  let root: string;

  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), "moorage-fuzz-"));
  });

  afterAll(() => rmSync(root, { recursive: true }));

  it(
    "are taken, or refused with their places",
    () => {
      const file = Buffer.from(
        [
          '[server]\nhost = "127.0.0.1"\nport = 2022\n',
          "[limits]\nmax_sessions = 100\nmemory = '1GiB'\n[quota]\ndefault = \"10GB\"\n",
          '[access]\nallow = ["10.0.0.0/8", "2001:db8::/32"]\n[audit]\nkeep = "90d"\n',
          '[auth]\npassword_min_length = 10\n[log]\nlevel = "info"\n',
        ].join(""),
      );
      each([file], few(4), (text) => {
        writeFileSync(join(root, "moorage.toml"), text);
        try {
          loadConfig({ root, env: {} });
        } catch (thrown) {
          if (!(thrown instanceof ConfigError)) throw thrown;
          for (const problem of thrown.problems) expect(problem).not.toMatch(/\n/);
        }
      });
    },
    LIMIT,
  );
});

describe("SSH", () => {
  let server: TestServer;
  const password = "secret";

  beforeAll(async () => {
    server = await startTestServer({
      users: [{ name: "ann", password }],
      config: { penalties: { failures: 0 } },
    });
  });

  afterAll(() => server.stop());

  const key = Buffer.from(makeKey("ed25519").public.split(" ")[1] ?? "", "base64");
  const before = [
    message(Msg.USERAUTH_REQUEST, "ann", "ssh-connection", "none"),
    message(Msg.USERAUTH_REQUEST, "ann", "ssh-connection", "password", false, "wrong"),
    message(Msg.USERAUTH_REQUEST, "ann", "ssh-connection", "password", true, "a", "b"),
    message(Msg.USERAUTH_REQUEST, "x", "ssh-connection", "publickey", false, "ssh-ed25519", key),
    message(
      ...[Msg.USERAUTH_REQUEST, "x", "ssh-connection", "publickey", true, "ssh-ed25519", key],
      Buffer.alloc(83, 1),
    ),
    message(Msg.USERAUTH_REQUEST, "x", "ssh-connection", "keyboard-interactive", "", ""),
    message(61, 1, "answer"),
    message(Msg.IGNORE, "data"),
    message(4, true, "debug", ""),
    message(5, "ssh-userauth"),
    message(Msg.GLOBAL_REQUEST, "keepalive@openssh.com", true),
  ];
  const after = [
    ...before,
    message(Msg.CHANNEL_OPEN, "session", 100, 1 << 20, 32_768),
    message(Msg.CHANNEL_OPEN, "direct-tcpip", 101, 1 << 20, 32_768, "h", 1, "h", 2),
    message(Msg.CHANNEL_REQUEST, 0, "exec", true, "ls -la"),
    message(Msg.CHANNEL_REQUEST, 0, "subsystem", true, "sftp"),
    message(Msg.CHANNEL_REQUEST, 0, "pty-req", true, "xterm", 80, 24, 0, 0, Buffer.from([0])),
    message(Msg.CHANNEL_REQUEST, 0, "env", false, "LANG", "C"),
    message(Msg.CHANNEL_REQUEST, 0, "window-change", false, 80, 24, 0, 0),
    message(Msg.CHANNEL_REQUEST, 0, "signal", false, "INT"),
    message(Msg.CHANNEL_DATA, 0, Buffer.alloc(50, 2)),
    message(Msg.CHANNEL_EXTENDED_DATA, 0, 1, "x"),
    message(Msg.CHANNEL_WINDOW_ADJUST, 0, 1_000),
    message(Msg.CHANNEL_EOF, 0),
    message(Msg.CHANNEL_CLOSE, 0),
    message(Msg.CHANNEL_SUCCESS, 0),
  ];

  it.each([
    ["before", before, (target: TestServer) => RawClient.stranger(target, { username: "ann" })],
    ["after", after, (target: TestServer) => RawClient.open(target, { username: "ann", password })],
  ] as const)(
    "the server goes on, whatever is sent %s the login",
    async (_when, samples, connect) => {
      const mutations = new Mutations(samples, SEED);
      const runs = few(10);
      for (let run = 0; run < runs; ) {
        const client = await connect(server);
        for (let step = 0; step < 40 && run < runs && !client.isClosed; step += 1, run += 1) {
          const next = mutations.next();
          if (next.length > 0) client.send(next);
          if (step % 4 === 3) await client.settled();
        }
        client.close();
        await client.ending.closed;
      }
      const last = await RawClient.open(server, { username: "ann", password });
      await last.openSession();
      last.close();
    },
    LIMIT,
  );
});
