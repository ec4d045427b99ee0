import { existsSync, statSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { OpenFlag } from "../../src/sftp/wire/constants.ts";
import type { AuditRecord } from "../../src/store/types.ts";
import { VERSION } from "../../src/version.ts";
import { DONE } from "../support/desk.ts";
import { PacketConnection } from "../support/packet-client.ts";
import { type ServedDesk, serveDesk } from "../support/served-desk.ts";
import { PROGRAM } from "../support/server.ts";
import { command } from "../support/ssh-client.ts";

const SIZE = 5 * 1024 * 1024;

let served: ServedDesk;
let file: string;
/** the last record that was there before a test */
let last = 0;

beforeAll(async () => {
  served = await serveDesk();
  file = served.desk.file("payload", SIZE);
});

afterAll(() => served.close());

/** What was recorded of files since the last call, oldest first. */
async function told(): Promise<AuditRecord[]> {
  const { server } = served;
  await vi.waitFor(async () => expect(await server.server.sessions()).toEqual([]));
  const records = await server.store.audit.query({ afterId: last, limit: 10_000 });
  last = records.at(-1)?.id ?? last;
  // Whoever made the server's users records that in a while of its own.
  return records.filter(({ kind }) => !["login", "logout", "user-add"].includes(kind));
}

async function clientOfLastLogin(): Promise<string | undefined> {
  const { lines } = await served.server.store.audit.page({ kinds: ["login"], limit: 1 });
  return lines[0]?.record.detail;
}

test("stock sftp put", async () => {
  await told();
  expect(await served.desk.sftp([`put ${file} plain`])).toMatchObject(DONE);
  expect(await told()).toMatchObject([{ kind: "upload", path: "/plain", bytes: SIZE, size: SIZE }]);
  expect(await clientOfLastLogin()).toContain("SSH-2.0-OpenSSH");
});

test("stock sftp: a put that was cut says how far, and reput goes on from there", async () => {
  const { desk, stored } = served;
  const { child, result } = desk.startSftp([`put ${file} cut`], { options: ["-l", "32000"] });
  const reached = () => (existsSync(stored("cut")) ? statSync(stored("cut")).size : 0);
  await vi.waitFor(() => expect(reached()).toBeGreaterThan(1024 * 1024), { timeout: 20_000 });
  child.kill("SIGKILL");
  await result;
  const [first, ...none] = await told();
  expect(none).toEqual([]);
  const size = reached();
  expect(first).toMatchObject({ kind: "upload", path: "/cut", unfinished: true, size });
  expect(first?.detail).toMatch(new RegExp(`, unfinished: ${size} bytes there$`));
  expect(await desk.sftp([`reput ${file} cut`])).toMatchObject(DONE);
  const [second] = await told();
  expect(second).toMatchObject({ path: "/cut", bytes: SIZE - size, size: SIZE });
  expect(second).not.toHaveProperty("unfinished");
});

test("scp, by SFTP and by the old protocol", async () => {
  const target = (name: string): string => `ann@127.0.0.1:${name}`;
  expect(await served.desk.scp([file, target("new")])).toMatchObject({ code: 0 });
  const options = { options: ["-O"] };
  expect(await served.desk.scp([file, target("old")], options)).toMatchObject({ code: 0 });
  expect(await told()).toMatchObject([
    { kind: "upload", path: "/new", bytes: SIZE, size: SIZE },
    { kind: "upload", path: "/old", bytes: SIZE, size: SIZE, expected: SIZE },
  ]);
});

test("WinSCP's replay: a filepart that is renamed, and one that is cut", async () => {
  const login = { ident: "WinSCP_release_6.3.5", methods: ["publickey" as const], password: "" };
  const flags = OpenFlag.WRITE | OpenFlag.CREAT | OpenFlag.TRUNC;
  const key = served.desk.key.private;
  const connection = await PacketConnection.open(served.server, { ...login, key });
  const sftp = await connection.sftp();
  await sftp.init();
  const data = Buffer.alloc(30_000, 1);
  const upload = async (name: string): Promise<Buffer> => {
    const handle = await sftp.open(`/${name}.filepart`, flags, { size: 60_000 });
    await sftp.ok(sftp.requests.write(handle, 0, data));
    return handle;
  };
  const whole = await upload("w.txt");
  await sftp.ok(sftp.requests.write(whole, 30_000, data));
  await sftp.ok(sftp.requests.close(whole));
  await sftp.ok(sftp.requests.rename("/w.txt.filepart", "/w.txt"));
  await upload("half.txt");
  connection.drop();
  expect(await told()).toMatchObject([
    { kind: "upload", path: "/w.txt", temporaryPath: "/w.txt.filepart", expected: 60_000 },
    {
      kind: "upload",
      path: "/half.txt.filepart",
      size: 30_000,
      expected: 60_000,
      unfinished: true,
      detail: expect.stringMatching(/, unfinished: 30000 of 60000 bytes$/),
    },
  ]);
});

test("rclone's partial", async () => {
  const { desk, server } = served;
  const config = desk.path("rclone.conf");
  writeFileSync(
    config,
    `[m]\ntype = sftp\nhost = 127.0.0.1\nport = ${server.port}\nuser = ann\nkey_file = ${desk.keyFile}\n`,
  );
  expect(await command("rclone", ["--config", config, "copyto", file, "m:r.bin"])).toMatchObject({
    code: 0,
  });
  const uploads = (await told()).filter(({ kind }) => kind === "upload" || kind === "rename");
  expect(uploads).toMatchObject([{ kind: "upload", path: "/r.bin", bytes: SIZE }]);
  // As newer versions of it name a file under way.
  const partial = "r2.bin.1a2b3c4d.partial";
  const steps = [`put ${file} ${partial}`, `rename ${partial} r2.bin`];
  expect(await desk.sftp(steps)).toMatchObject({ code: 0 });
  expect(await told()).toMatchObject([{ path: "/r2.bin", temporaryPath: `/${partial}` }]);
});

test("our own client: one record, and its name with its version", async () => {
  const { desk, server } = served;
  const home = ["HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"].map(
    (name) => `${name}=${desk.path("config")}`,
  );
  const options = ["-P", String(server.port), "-i", desk.keyFile, "--accept-new"];
  const put = [process.execPath, PROGRAM, "put", ...options, file, "ann@127.0.0.1:own"];
  expect(await command("env", [...home, ...put])).toMatchObject({ code: 0 });
  const records = (await told()).filter(({ kind }) => kind !== "download");
  expect(records).toMatchObject([
    { kind: "upload", path: "/own", bytes: SIZE, size: SIZE, expected: SIZE },
  ]);
  expect(await clientOfLastLogin()).toContain(`SSH-2.0-Moorage_${VERSION}`);
});

test("many small files are one line", async () => {
  const { desk, server } = served;
  const lines = Array.from({ length: 200 }, (_, n) => `put ${desk.file("small", 10)} many/${n}`);
  expect(await desk.sftp(["mkdir many", ...lines])).toMatchObject({ code: 0 });
  await told();
  const { lines: shown } = await server.store.audit.page({
    grouped: true,
    kinds: ["upload"],
    limit: 1,
  });
  expect(shown).toMatchObject([
    { record: { path: "/many/0" }, all: { records: 200, bytes: 2_000 } },
  ]);
});
