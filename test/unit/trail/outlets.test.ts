import { createSocket } from "node:dgram";
import { once } from "node:events";
import {
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { AuditRecord } from "../../../src/store/types.ts";
import { LogFiles } from "../../../src/trail/files.ts";
import { type Outlet, OutletFeed } from "../../../src/trail/outlet.ts";
import { syslogLine, syslogOutlet } from "../../../src/trail/syslog.ts";
import { storeAt, temporaryRoot, temporaryStore } from "../store/instance.ts";

const LOGIN: AuditRecord = { id: 1, at: 0, kind: "login", user: "ann" };
const BAN: AuditRecord = { id: 2, at: 0, kind: "penalty", remote: "192.0.2.1" };
const SET: AuditRecord = { id: 3, at: 0, kind: "user-set", user: "ann", actor: "me" };

const LIMITS = { size: 1_000_000, age: 0, keep: 2 };

class NotedOutlet implements Outlet {
  readonly ids: number[] = [];
  failure: Error | undefined;

  async write(records: readonly AuditRecord[]): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    this.ids.push(...records.map(({ id }) => id));
  }

  close(): void {}
}

test("each record is a line in the file of its kind, which only the server's user may read", async () => {
  const directory = join(await temporaryRoot(), "audit");
  await new LogFiles(directory, () => LIMITS).write([LOGIN, BAN, SET]);
  expect(readdirSync(directory).sort()).toEqual(["admin.log", "security.log", "users.log"]);
  expect(readFileSync(join(directory, "users.log"), "utf8")).toBe(
    '{"at":"1970-01-01T00:00:00.000Z","id":1,"kind":"login","user":"ann"}\n',
  );
  expect(statSync(join(directory, "admin.log")).mode & 0o777).toBe(0o600);
  expect(statSync(directory).mode & 0o777).toBe(0o700);
});

test("a file that is large enough is set aside, and only so many are kept", async () => {
  const directory = join(await temporaryRoot(), "audit");
  const files = new LogFiles(directory, () => ({ ...LIMITS, size: 10 }));
  for (let id = 1; id <= 5; id += 1) await files.write([{ ...LOGIN, id }]);
  expect(readdirSync(directory).sort()).toEqual(["users.log", "users.log.1", "users.log.2"]);
  expect(readFileSync(join(directory, "users.log.1"), "utf8")).toContain('"id":4');
  expect(readFileSync(join(directory, "users.log.2"), "utf8")).toContain('"id":3');
});

test("attack: a link in the place of a log file is not followed", async () => {
  const directory = await temporaryRoot();
  writeFileSync(join(directory, "secret"), "");
  symlinkSync(join(directory, "secret"), join(directory, "users.log"));
  utimesSync(join(directory, "secret"), 1, 1);
  const files = new LogFiles(directory, () => ({ ...LIMITS, size: 1e9 }));
  await expect(files.write([LOGIN])).rejects.toThrow(/ELOOP/);
  expect(readFileSync(join(directory, "secret"), "utf8")).toBe("");
});

test("everything that is recorded from now on is passed on once, by one process", async () => {
  const { root, store } = await temporaryStore();
  const other = await storeAt(root);
  store.audit.record({ kind: "login" });
  await store.audit.flush();
  const [one, two] = [new NotedOutlet(), new NotedOutlet()];
  const [mine, theirs] = [new OutletFeed("files", store, one), new OutletFeed("files", other, two)];
  await mine.feed();
  for (let n = 0; n < 1_200; n += 1) other.audit.record({ kind: "logout" });
  await other.audit.flush();
  await Promise.all([mine.feed(), theirs.feed()]);
  expect(one.ids).toEqual(Array.from({ length: 1_200 }, (_, n) => n + 2));
  expect(two.ids).toEqual([]);
});

test("another process goes on where one that is gone has stopped", async () => {
  const { root, store } = await temporaryStore();
  const [one, two] = [new NotedOutlet(), new NotedOutlet()];
  const gone = await storeAt(root);
  const before = new OutletFeed("files", gone, one);
  await before.feed();
  store.audit.record({ kind: "login" });
  await store.audit.flush();
  await before.feed();
  await gone.close();
  store.audit.record({ kind: "logout" });
  await new OutletFeed("files", store, two).feed();
  expect([one.ids, two.ids]).toEqual([[1], [2]]);
});

test("an outlet that takes nothing is asked less and less, and gets all in the end", async () => {
  const { store } = await temporaryStore();
  const outlet = new NotedOutlet();
  let now = 0;
  const feed = new OutletFeed("syslog", store, outlet, () => now);
  await feed.feed();
  store.audit.record({ kind: "login" });
  outlet.failure = new Error("down");
  await expect(feed.feed()).rejects.toThrow("down");
  outlet.failure = undefined;
  now = 999;
  await feed.feed();
  expect(outlet.ids).toEqual([]);
  now = 1_000;
  await feed.feed();
  expect(outlet.ids).toEqual([1]);
});

test("an output that nobody wants begins anew later", async () => {
  const { store } = await temporaryStore();
  const outlet = new NotedOutlet();
  await new OutletFeed("files", store, outlet).feed();
  await store.auditOutputs.forget("files");
  store.audit.record({ kind: "login" });
  await store.audit.flush();
  await new OutletFeed("files", store, outlet).feed();
  expect(outlet.ids).toEqual([]);
});

test("a line as RFC 5424 has it", () => {
  expect(syslogLine(SET, "a host")).toBe(
    `<85>1 1970-01-01T00:00:00.000Z ahost moorage ${process.pid} user-set - {"at":"1970-01-01T00:00:00.000Z","id":3,"kind":"user-set","user":"ann","actor":"me"}`,
  );
});

test("over TCP each record has its length before it; a collector that is gone is an error", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const outlet = syslogOutlet(`tcp:127.0.0.1:${port}`);
  onTestFinished(() => outlet.close());
  const connected = once(server, "connection");
  await outlet.write([LOGIN]);
  const [socket] = await connected;
  const [data] = await once(socket, "data");
  const [, length, rest] = /^(\d+) ([\s\S]*)$/.exec(String(data)) ?? [];
  expect(Number(length)).toBe(Buffer.byteLength(rest ?? ""));
  expect(rest).toContain('"kind":"login"');
  outlet.close();
  socket.destroy();
  server.close();
  await once(server, "close");
  await expect(outlet.write([LOGIN])).rejects.toThrow();
});

test("over UDP each record is a datagram", async () => {
  const socket = createSocket("udp4");
  onTestFinished(() => void socket.close());
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const got = once(socket, "message");
  await syslogOutlet(`udp:127.0.0.1:${socket.address().port}`).write([BAN]);
  expect(String((await got)[0])).toMatch(/^<84>1 .* moorage \d+ penalty - \{/);
});
