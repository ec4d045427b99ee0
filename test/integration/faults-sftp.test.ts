import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { measure } from "../../src/quota/rescan.ts";
import { serveSftp } from "../../src/sftp/session.ts";
import { PacketType, StatusCode } from "../../src/sftp/wire/constants.ts";
import type { Store } from "../../src/store/store.ts";
import { openHome } from "../../src/vfs/home.ts";
import { isId, originOf, TRASH } from "../../src/vfs/trash-names.ts";
import { openPaths } from "../support/descriptors.ts";
import { FAULTS, type Fault, faultyFs } from "../support/faulty-fs.ts";
import { TestInstance } from "../support/instance.ts";
import { MemoryChannel } from "../support/memory-channel.ts";
import { memoryWire, SftpClient } from "../support/sftp-client.ts";
import { type Reply, str, u64 } from "../support/sftp-client-packets.ts";

vi.mock("node:fs", async (original) => {
  const { faultyFs } = await import("../support/faulty-fs.ts");
  return faultyFs.callbacksAndSync(await original());
});
vi.mock("node:fs/promises", async (original) => {
  const { faultyFs } = await import("../support/faulty-fs.ts");
  return faultyFs.promises(await original());
});

const PIECE = 32_768;
const READ = 0x01;
const WRITE = 0x02;
const FRESH = 0x1a;

/** What is under each path: a directory's "/", a link's target after "->", a file's bytes. */
type Files = Map<string, string>;

/** A thing that a client does, on a home that it sees from without. */
interface Step {
  /** what it may change; all else is as it was, whatever fails */
  readonly names: readonly string[];
  /** the answers that it got; stops at the first that isn't well */
  readonly act: (client: SftpClient) => Promise<Reply[]>;
  /** what is there afterwards when all answers were well */
  readonly leaves: (before: Files) => Files;
  /** it has happened or it has not, nothing between */
  readonly whole?: boolean;
}

const CONTENT = Buffer.from(Array.from({ length: 3 * PIECE + 77 }, (_, i) => (i * 7) % 251));
const SHORT = CONTENT.subarray(5, 40_000);

const well = (reply: Reply): boolean =>
  reply.type !== PacketType.STATUS || reply.code === StatusCode.OK;

/** One request after the other, each made of the answers before it, until one isn't well. */
async function inTurn(
  client: SftpClient,
  ...requests: ((so: readonly Reply[]) => Buffer)[]
): Promise<Reply[]> {
  const replies: Reply[] = [];
  for (const make of requests) {
    const reply = await client.call(make(replies));
    replies.push(reply);
    if (!well(reply)) break;
  }
  return replies;
}

const one = (make: (client: SftpClient) => Buffer) => (client: SftpClient) =>
  inTurn(client, () => make(client));

/** Opens, does all of it at once, and closes whatever came of it. */
async function opened(
  client: SftpClient,
  open: Buffer,
  rest: (handle: Buffer) => Buffer[],
): Promise<Reply[]> {
  const first = await client.call(open);
  if (!well(first)) return [first];
  const { handle } = first;
  return [first, ...(await client.all(...rest(handle), client.requests.close(handle)))];
}

function pieces(client: SftpClient, handle: Buffer, data: Buffer, from = 0): Buffer[] {
  const all: Buffer[] = [];
  for (let at = 0; at < data.length; at += PIECE)
    all.push(client.requests.write(handle, from + at, data.subarray(at, at + PIECE)));
  return all;
}

const put = (name: string, data: Buffer): Step => ({
  names: [name],
  act: (client) =>
    opened(client, client.requests.open(name, FRESH), (handle) => [
      ...pieces(client, handle, data),
      client.requests.fsetstat(handle, { permissions: 0o640, times: [1, 2] }),
    ]),
  leaves: (before) => new Map(before).set(name, text(data)),
});

/** As a client goes on with what was cut, or as an editor writes. */
const overwrite = (name: string, from: number, data: Buffer): Step => ({
  names: [name],
  act: (client) =>
    opened(client, client.requests.open(name, WRITE), (handle) =>
      pieces(client, handle, data, from),
    ),
  leaves: (before) => {
    const old = bytes(before.get(name) ?? "");
    const whole = Buffer.alloc(Math.max(old.length, from + data.length));
    old.copy(whole);
    data.copy(whole, from);
    return new Map(before).set(name, text(whole));
  },
});

const get = (name: string): Step => ({
  names: [],
  act: async (client) => {
    const { requests } = client;
    const reads = [0, 1, 2, 3, 4].map((n) => n * PIECE);
    const all = await opened(client, requests.open(name, READ), (handle) =>
      reads.map((at) => requests.read(handle, at, PIECE)),
    );
    got = { name, data: all.filter((reply) => reply.type === PacketType.DATA) };
    return all.filter((reply) => reply.type !== PacketType.STATUS || reply.code !== StatusCode.EOF);
  },
  leaves: (before) => before,
});

/** What the last download brought. */
let got: { readonly name: string; readonly data: readonly Reply[] } | undefined;

const list = (name: string): Step => ({
  names: [],
  act: async (client) => {
    const { requests } = client;
    const all = await opened(client, requests.opendir(name), (handle) => [
      requests.readdir(handle),
      requests.readdir(handle),
    ]);
    return all.filter((reply) => reply.type !== PacketType.STATUS || reply.code !== StatusCode.EOF);
  },
  leaves: (before) => before,
});

const change = (
  names: readonly string[],
  make: (client: SftpClient) => Buffer,
  how: (files: Files) => void,
): Step => ({
  names,
  act: one(make),
  leaves: (before) => {
    const files = new Map(before);
    how(files);
    return files;
  },
  whole: true,
});

function moves(files: Files, from: string, to: string): void {
  for (const [name, is] of [...files]) {
    if (name !== from && !name.startsWith(`${from}/`)) continue;
    files.delete(name);
    files.set(to + name.slice(from.length), is);
  }
}

const look = (make: (client: SftpClient) => Buffer): Step => ({
  names: [],
  act: one(make),
  leaves: (before) => before,
});

const SCRIPT: readonly Step[] = [
  put("a", CONTENT),
  get("a"),
  change(
    ["d"],
    ({ requests: r }) => r.mkdir("d"),
    (files) => files.set("d", "/"),
  ),
  put("d/b", SHORT),
  put("a", SHORT),
  overwrite("a", 30_000, CONTENT),
  get("a"),
  list("."),
  change(
    ["d/hard"],
    ({ requests: r }) => r.extended("hardlink@openssh.com", str("a"), str("d/hard")),
    (files) => files.set("d/hard", files.get("a") ?? ""),
  ),
  change(
    ["soft"],
    ({ requests: r }) => r.symlink("a", "soft"),
    (files) => files.set("soft", "->a"),
  ),
  look(({ requests: r }) => r.readlink("soft")),
  look(({ requests: r }) => r.stat("soft")),
  look(({ requests: r }) => r.realpath("soft/../d")),
  look(({ requests: r }) => r.extended("statvfs@openssh.com", str("."))),
  change(
    ["d/b"],
    ({ requests: r }) => r.setstat("d/b", { size: 100 }),
    (files) => files.set("d/b", (files.get("d/b") ?? "").slice(0, 100).padEnd(100, "\0")),
  ),
  change(
    ["c", "a"],
    ({ requests: r }) => r.rename("a", "c"),
    (files) => moves(files, "a", "c"),
  ),
  put("e", SHORT),
  {
    names: ["copy"],
    act: async (client) => {
      const { requests: r } = client;
      const from = await client.call(r.open("e", READ));
      if (!well(from)) return [from];
      const all = await opened(client, r.open("copy", FRESH), (to) => [
        r.extended("copy-data", str(from.handle), u64(0), u64(0), str(to), u64(0)),
      ]);
      return [from, ...all, await client.call(r.close(from.handle))];
    },
    leaves: (before) => new Map(before).set("copy", before.get("e") ?? ""),
  },
  change(
    ["e", "d/b"],
    ({ requests: r }) => r.extended("posix-rename@openssh.com", str("e"), str("d/b")),
    (files) => moves(files, "e", "d/b"),
  ),
  change(
    ["d", "f"],
    ({ requests: r }) => r.rename("d", "f"),
    (files) => moves(files, "d", "f"),
  ),
  list("f"),
  ...["c", "f/hard", "soft", "f/b", "copy"].map((name) =>
    change(
      [name],
      ({ requests: r }) => r.remove(name),
      (files) => files.delete(name),
    ),
  ),
  change(
    ["f"],
    ({ requests: r }) => r.rmdir("f"),
    (files) => files.delete("f"),
  ),
];

const text = (data: Buffer): string => data.toString("latin1");
const bytes = (content: string): Buffer => Buffer.from(content, "latin1");

function filesIn(top: string, under = ""): Files {
  const files: Files = new Map();
  for (const entry of readdirSync(join(top, under), { withFileTypes: true })) {
    if (under === "" && entry.name === TRASH) continue;
    const name = under === "" ? entry.name : `${under}/${entry.name}`;
    const at = join(top, name);
    if (entry.isSymbolicLink()) files.set(name, `->${readlinkSync(at)}`);
    else if (entry.isFile()) files.set(name, text(readFileSync(at)));
    else {
      files.set(name, "/");
      for (const [inner, is] of filesIn(top, name)) files.set(inner, is);
    }
  }
  return files;
}

/** Names that a step may not change, whatever became of it. */
function others(files: Files, { names }: Step): Files {
  const isOwn = (name: string) => names.some((own) => name === own || name.startsWith(`${own}/`));
  return new Map([...files].filter(([name]) => !isOwn(name)));
}

function checkText(reply: Reply): void {
  if (reply.type !== PacketType.STATUS) return;
  expect(reply.text).not.toMatch(/host|moorage-test|a fault/);
  if (reply.code === StatusCode.FAILURE) expect(reply.text).not.toBe("Failure");
}

/** One step, its answers, and what it left. */
async function take(step: Step, client: SftpClient, top: string, where: string): Promise<void> {
  const before = filesIn(top);
  got = undefined;
  faultyFs.rearm();
  const replies = await step.act(client);
  faultyFs.disarm();
  for (const reply of replies) checkText(reply);
  const after = filesIn(top);
  // A hard link shows what is written under its other name.
  expect(others(after, step), where).toEqual(others(before, step));
  if (!replies.every(well)) {
    if (step.whole) expect([before, step.leaves(before)], where).toContainEqual(after);
    return;
  }
  expect(after, where).toEqual(step.leaves(before));
  checkGot(before, where);
}

function checkGot(files: Files, where: string): void {
  if (got === undefined) return;
  const data = Buffer.concat(got.data.map((reply) => reply.data));
  expect(data, where).toEqual(bytes(files.get(got.name) ?? ""));
}

async function exact(instance: TestInstance, store: Store, id: number) {
  await instance.ledger.settleLate();
  await instance.ledger.giveBack(id);
  await instance.ledger.tend();
  const { usedBytes: bytes, usedFiles: files } = await store.ledger.usage(id);
  return { bytes, files };
}

/** Each file that is kept says where it was; at most one thing that says so, or is new, is left over. */
function checkTrash(trash: string, where: string): void {
  const names = existsSync(trash) ? readdirSync(trash) : [];
  const files = names.filter(isId);
  const rest = names.filter((name) => !isId(name));
  expect(rest, where).toEqual(expect.arrayContaining(files.map(originOf)));
  expect(rest.length, where).toBeLessThanOrEqual(files.length + 1);
}

/** A session of a new user in which the Nth call fails; what failed, undefined: none did. */
async function session(instance: TestInstance, fault: Fault, n: number, keep: number) {
  const account = await instance.addUser(`u${n}`, 10_000_000);
  const home = await openHome({
    root: instance.root,
    account,
    books: instance.ledger,
    keep: () => keep,
  });
  const channel = new MemoryChannel();
  const client = new SftpClient(memoryWire(channel));
  const errors: string[] = [];
  const served = serveSftp(channel, home, {
    maxHandles: 64,
    clientIdent: "SSH-2.0-test",
    onError: (error) => errors.push(error),
  });
  await client.init();
  faultyFs.arm(fault, n);
  for (const [index, step] of SCRIPT.entries()) {
    faultyFs.disarm();
    const where = `${fault} ${n} (${faultyFs.failed}), step ${index}`;
    await take(step, client, instance.path(account.name), where);
  }
  expect(served.openHandles).toBe(0);
  client.end();
  await served.close();
  await home.close();
  const left = await exact(instance, instance.store, account.id);
  const { bytes, files } = await measure(instance.path(account.name), new Map());
  expect(left, `${fault} ${n}, ${faultyFs.failed}`).toEqual({ bytes, files });
  checkTrash(instance.path(account.name, TRASH), `${fault} ${n}, ${faultyFs.failed}`);
  expect(errors.join("\n")).not.toMatch(/host/);
  return faultyFs.failed;
}

/** Of the errors that are handled as EIO is, each so many-th call fails: FAULT_STEP=1 for all. */
const STEP = Number(process.env.FAULT_STEP ?? 7);

const WAYS = [
  ["held", { holds: true, keep: 0 }],
  ["shared", { holds: false, keep: 0 }],
  ["held, with a trash", { holds: true, keep: 86_400_000 }],
] as const;

test.each(FAULTS.flatMap((fault) => WAYS.map(([how, way]) => [fault, how, way] as const)))(
  "%s of the Nth system call, for every N: answers are true and clear, nothing is left open, usage equals the disk (%s)",
  async (fault, _how, { holds, keep }) => {
    const instance = await TestInstance.create({ holds });
    onTestFinished(() => instance.close());
    onTestFinished(() => faultyFs.disarm());
    await session(instance, fault, 0, keep);
    const open = openPaths().length;
    const every = (fault === "EIO" && holds) || fault === "short";
    const step = every ? 1 : STEP;
    let n = 1;
    while ((await session(instance, fault, n, keep)) !== undefined) n += step;
    expect(openPaths().length).toBe(open);
    expect(n).toBeGreaterThan(fault === "short" ? 5 : 100);
  },
  120_000,
);
