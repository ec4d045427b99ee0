import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { OpenFlag, StatusCode } from "../../src/sftp/wire/constants.ts";
import { booksEqualDisk } from "../support/books.ts";
import { PacketConnection } from "../support/packet-client.ts";
import {
  type EmptyInstance,
  openInstance,
  type SpawnedServer,
  spawnServer,
} from "../support/server.ts";
import type { SftpClient } from "../support/sftp-client.ts";
import { str, u64 } from "../support/sftp-client-packets.ts";

const MIB = 1024 * 1024;
const SIZE = 150 * MIB;

let instance: EmptyInstance;
let server: SpawnedServer;
let copier: PacketConnection;
let truncater: PacketConnection;
let sftp: SftpClient;

beforeAll(async () => {
  instance = await openInstance([{ name: "ann" }]);
  server = await spawnServer(instance.root);
  const login = { ident: "test", methods: ["password"], password: "secret" } as const;
  copier = await PacketConnection.open(server, login);
  truncater = await PacketConnection.open(server, login);
  sftp = await truncater.sftp();
  await sftp.init();
});

afterAll(async () => {
  await server?.kill();
  await instance?.close();
});

async function makeSource(): Promise<void> {
  const flags = OpenFlag.WRITE | OpenFlag.CREAT | OpenFlag.TRUNC;
  const handle = await sftp.open("source", flags);
  await sftp.call(sftp.requests.fsetstat(handle, { size: SIZE }));
  await sftp.call(sftp.requests.close(handle));
}

/** Makes the source shorter as soon as its copy has begun. */
async function shorten(copy: string, size: number): Promise<void> {
  const path = join(instance.home("ann"), copy);
  while (!existsSync(path) || statSync(path).size === 0) await turn();
  const reply = await sftp.call(sftp.requests.setstat("source", { size }));
  expect(reply.code).toBe(StatusCode.OK);
}

test.each([0, 1, 5 * MIB + 1])(
  "`cp` of a file that another session cuts to %i bytes ends, and the usage is the disk's",
  async (size) => {
    await makeSource();
    const copying = copier.exec("cp source copy");
    await shorten("copy", size);
    expect(await copying).toEqual({ code: 0, stdout: "", stderr: "" });
    await booksEqualDisk(instance);
    expect(await copier.exec("rm copy source")).toMatchObject({ code: 0 });
    await booksEqualDisk(instance);
  },
);

test("copy-data of a file that another session cuts ends, and the usage is the disk's", async () => {
  await makeSource();
  const own = await copier.sftp();
  await own.init();
  const source = await own.open("source", OpenFlag.READ);
  const target = await own.open("copy", OpenFlag.WRITE | OpenFlag.CREAT);
  const copying = own.call(
    own.requests.extended("copy-data", str(source), u64(0), u64(0), str(target), u64(0)),
  );
  await shorten("copy", 3 * MIB);
  expect((await copying).code).toBe(StatusCode.OK);
  await own.all(own.requests.close(source), own.requests.close(target));
  await booksEqualDisk(instance);
});

test("a session that is gone ends its copy", async () => {
  await makeSource();
  const gone = await PacketConnection.open(server, {
    ident: "test",
    methods: ["password"],
    password: "secret",
  });
  const copying = gone.exec("cp source left").catch(() => undefined);
  const path = join(instance.home("ann"), "left");
  while (!existsSync(path) || statSync(path).size === 0) await turn();
  gone.drop();
  await copying;
  // It ended when its size does not change any more; the server ends when nothing is under way.
  await Promise.all([copier.close(), truncater.close()]);
  server.child.kill("SIGTERM");
  expect(await server.exited).toBe(0);
  expect(statSync(path).size).toBeLessThan(SIZE);
  await booksEqualDisk(instance);
});
