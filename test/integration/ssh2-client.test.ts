import {
  existsSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import type { Client, SFTPWrapper } from "ssh2";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startTestServer, type TestServer } from "../support/server.ts";
import { dial } from "../support/ssh-client.ts";

// npm's ssh2 as it is, and what programs do that are built on it.

let server: TestServer;
let client: Client;
let sftp: SFTPWrapper;
let there = "";
let here = "";
let users = 0;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server?.stop());

beforeEach(async () => {
  here = mkdtempSync(join(tmpdir(), "moorage-ssh2-"));
  const username = `user${++users}`;
  await server.addUser({ name: username });
  there = server.home(username);
  // Under ssh2's own name, which the server knows.
  const dialled = dial(server, { username, password: "secret" });
  client = dialled.client;
  await dialled.ready;
  sftp = await promisify<SFTPWrapper>((done) => client.sftp(done))();
});

afterEach(() => {
  client.end();
  rmSync(here, { recursive: true });
});

function mkdir(path: string): Promise<void> {
  return promisify<string, void>((name, done) => sftp.mkdir(name, done))(path);
}

/** As node-ssh's mkdir does it: the parents only after the very text of OpenSSH's server. */
async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if ((error as Error).message !== "No such file") throw error;
    await makeDirectory(dirname(path));
    await mkdir(path);
  }
}

describe("npm's ssh2 against this server", () => {
  it("makes symbolic links that point to their targets", async () => {
    const symlink = promisify<string, string, void>((target, link, done) =>
      sftp.symlink(target, link, done),
    );
    await symlink("target", "link");
    expect(readlinkSync(join(there, "link"))).toBe("target");
    expect(existsSync(join(there, "target"))).toBe(false);
    const readlink = promisify<string, string>((link, done) => sftp.readlink(link, done));
    expect(await readlink("link")).toBe("target");
  });

  it("makes missing directories and stores into them when it goes by texts, as node-ssh does", async () => {
    await makeDirectory("/a/b/c");
    writeFileSync(join(here, "f"), "content");
    const put = promisify<string, string, void>((from, to, done) => sftp.fastPut(from, to, done));
    await expect(put(join(here, "f"), "/a/x/f")).rejects.toThrow(/^No such file$/);
    await makeDirectory("/a/x");
    await put(join(here, "f"), "/a/x/f");
    expect(readFileSync(join(there, "a/x/f"), "utf8")).toBe("content");
  });
});
