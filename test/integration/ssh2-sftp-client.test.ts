import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable, Writable } from "node:stream";
import { Client, type SFTPWrapper } from "ssh2";
import SftpClient from "ssh2-sftp-client";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { tree } from "../support/desk.ts";
import { type ClientHome, makeClientHome } from "../support/engine.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

let server: TestServer;
let client: SftpClient;
let home: ClientHome;
let there = "";
let users = 0;
const data = randomBytes(3_000_000);

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server?.stop());

beforeEach(async () => {
  home = await makeClientHome();
  const username = `user${++users}`;
  await server.addUser({ name: username });
  there = server.home(username);
  client = new SftpClient("test");
  const { host, port } = server;
  await client.connect({ host, port, username, password: "secret", readyTimeout: 25_000 });
});

afterEach(async () => {
  await client.end();
  await home.remove();
});

describe("ssh2-sftp-client against this server", () => {
  it("put: from a file, a buffer and a stream", async () => {
    writeFileSync(home.path("f"), data);
    await client.put(home.path("f"), "from-file");
    await client.put(data, "from-buffer");
    await client.put(Readable.from([data]), "from-stream");
    for (const name of ["from-file", "from-buffer", "from-stream"]) {
      expect(readFileSync(join(there, name)).equals(data), name).toBe(true);
    }
  });

  it("get: into a file, a buffer and a stream", async () => {
    writeFileSync(join(there, "f"), data);
    await client.get("f", home.path("f"));
    expect(readFileSync(home.path("f")).equals(data)).toBe(true);
    expect(data.equals((await client.get("f")) as Buffer)).toBe(true);
    const chunks: Buffer[] = [];
    const sink = new Writable({
      write(chunk: Buffer, _encoding, done) {
        chunks.push(chunk);
        done();
      },
    });
    await client.get("f", sink);
    expect(Buffer.concat(chunks).equals(data)).toBe(true);
  });

  it("fastPut and fastGet", async () => {
    writeFileSync(home.path("f"), data);
    await client.fastPut(home.path("f"), "f");
    expect(readFileSync(join(there, "f")).equals(data)).toBe(true);
    await client.fastGet("f", home.path("back"));
    expect(readFileSync(home.path("back")).equals(data)).toBe(true);
  });

  it("append", async () => {
    await client.put(Buffer.from("one "), "f");
    await client.append(Buffer.from("two"), "f");
    expect(readFileSync(join(there, "f"), "utf8")).toBe("one two");
  });

  it("list, with and without a filter", async () => {
    mkdirSync(join(there, "d"));
    writeFileSync(join(there, "d/a.txt"), "12345");
    mkdirSync(join(there, "d/sub"));
    const entries = await client.list("d");
    expect(
      entries.map(({ name, type, size }) => `${type} ${name} ${type === "-" ? size : ""}`).sort(),
    ).toEqual(["- a.txt 5", "d sub "]);
    expect((await client.list("d", ({ name }) => name.endsWith(".txt"))).length).toBe(1);
    await expect(client.list("missing")).rejects.toThrow(/No such file/);
  });

  it("exists and stat", async () => {
    writeFileSync(join(there, "f"), "12345");
    mkdirSync(join(there, "d"));
    expect(await client.exists("f")).toBe("-");
    expect(await client.exists("d")).toBe("d");
    expect(await client.exists("missing")).toBe(false);
    expect(await client.stat("f")).toMatchObject({ size: 5, isFile: true, isDirectory: false });
    expect(await client.stat("d")).toMatchObject({ isDirectory: true });
    await expect(client.stat("missing")).rejects.toThrow(/No such file/);
  });

  it("mkdir and rmdir with all in between", async () => {
    await client.mkdir("a/b/c", true);
    writeFileSync(join(there, "a/b/c/f"), "x");
    writeFileSync(join(there, "a/g"), "x");
    await expect(client.rmdir("a")).rejects.toThrow();
    await client.rmdir("a", true);
    expect([...tree(there).keys()]).toEqual([]);
  });

  it("rename, which replaces nothing, and posixRename, which does", async () => {
    await client.put(Buffer.from("new"), "new");
    await client.put(Buffer.from("old"), "old");
    await expect(client.rename("new", "old")).rejects.toThrow();
    await client.posixRename("new", "old");
    expect(readFileSync(join(there, "old"), "utf8")).toBe("new");
    await client.rename("old", "moved");
    expect([...tree(there).keys()]).toEqual(["moved"]);
  });

  it("delete and chmod", async () => {
    await client.put(Buffer.from("x"), "f");
    await client.chmod("f", 0o600);
    expect(((await client.stat("f")).mode ?? 0) & 0o777).toBe(0o600);
    await client.delete("f");
    await expect(client.delete("f")).rejects.toThrow(/No such file/);
    await client.delete("f", true);
  });

  it("realPath and cwd", async () => {
    await client.mkdir("d");
    expect(await client.cwd()).toBe("/");
    expect(await client.realPath("d/../d/.")).toBe("/d");
  });

  it("uploadDir and downloadDir", async () => {
    mkdirSync(home.path("up/deep/er"), { recursive: true });
    writeFileSync(home.path("up/a"), "a");
    writeFileSync(home.path("up/deep/er/b"), data);
    await client.uploadDir(home.path("up"), "copy");
    expect(tree(join(there, "copy"))).toEqual(tree(home.path("up")));
    await client.downloadDir("copy", home.path("down"));
    // It resolves when all is read: its own files may still be written then.
    await vi.waitFor(() => expect(tree(home.path("down"))).toEqual(tree(home.path("up"))));
  });

  it("rcopy", async () => {
    await client.put(data, "f");
    await client.rcopy("f", "g");
    expect(readFileSync(join(there, "g")).equals(data)).toBe(true);
  });

  it("several calls at once on one connection", async () => {
    const names = Array.from({ length: 8 }, (_, i) => `f${i}`);
    await Promise.all(names.map((name) => client.put(Buffer.from(name), name)));
    const read = await Promise.all(names.map((name) => client.get(name)));
    expect(read.map(String)).toEqual(names);
  });
});

describe("npm's ssh2, which it and node-ssh are made of", () => {
  let connection: Client;
  let sftp: SFTPWrapper;

  beforeEach(async () => {
    connection = new Client();
    const { host, port } = server;
    const ready = new Promise((resolve, reject) => {
      connection.once("ready", () => resolve(undefined)).once("error", reject);
    });
    connection.connect({ host, port, username: `user${users}`, password: "secret" });
    await ready;
    sftp = await new Promise((resolve, reject) => {
      connection.sftp((error, opened) => (error ? reject(error) : resolve(opened)));
    });
  });

  afterEach(() => {
    connection.end();
  });

  it("makes links that point where they should, though it sends the link first", async () => {
    await new Promise((resolve, reject) => {
      sftp.symlink("target", "link", (error) => (error ? reject(error) : resolve(undefined)));
    });
    expect(readlinkSync(join(there, "link"))).toBe("target");
  });

  it("reads the text that node-ssh takes for a missing directory", async () => {
    const failed = await new Promise<Error | undefined>((resolve) => {
      sftp.mkdir("missing/below", (error) => resolve(error ?? undefined));
    });
    expect(failed?.message).toBe("No such file");
  });
});
