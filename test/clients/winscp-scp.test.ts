import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type LineShell, PacketConnection } from "../support/packet-client.ts";
import { startTestServer, TEST_PASSWORD, type TestServer } from "../support/server.ts";

const MTIME = 1_234_567_890;

let server: TestServer;
let connection: PacketConnection;

beforeEach(async () => {
  server = await startTestServer({ users: [{ name: "ann", password: TEST_PASSWORD }] });
  connection = await PacketConnection.open(server, {
    ident: "WinSCP_release_6.3.5",
    methods: ["none", "keyboard-interactive", "password"],
    password: TEST_PASSWORD,
  });
});

afterEach(async () => {
  connection.drop();
  await server.stop();
});

const home = (...names: string[]): string => join(server.home("ann"), ...names);

describe("WinSCP in SCP mode", () => {
  const FIRST = "WinSCP: this is begin-of-file";
  const LAST = "WinSCP: this is end-of-file";
  let shell: LineShell;
  /** the variable it found to hold the last exit code */
  let status: string;

  beforeEach(async () => {
    shell = await connection.shell();
    shell.send(`echo "${LAST}:0"\n`);
    await shell.until(new RegExp(`${LAST}:0\n`));
    status = "";
    for (const name of ["status", "?"]) {
      shell.send(`echo "$${name}" ; echo "${LAST}:0"\n`);
      const output = await shell.until(new RegExp(`${LAST}:0\n`));
      if (status === "" && /^\d+\n/.test(output)) status = `$${name}`;
    }
  });

  async function end(): Promise<{ code: number; lines: string[] }> {
    const output = await shell.until(new RegExp(`${LAST}:\\d+\n`));
    const [text = "", code] = output.split(`${LAST}:`);
    return { code: Number(code), lines: text.split("\n").slice(0, -1) };
  }

  /** A command with the mark behind it, as all of its are. */
  function run(command: string): ReturnType<typeof end> {
    shell.send(`${command} ; echo "${LAST}:${status}"\n`);
    return end();
  }

  /** Starts the other side of a transfer. */
  async function scp(command: string): Promise<void> {
    shell.send(`echo "${FIRST}" ; scp ${command} ; echo "${LAST}:${status}"\n`);
    await shell.until(new RegExp(`^${FIRST}\n`));
  }

  test("finds the shell's ways, lists, changes and removes", async () => {
    expect(status).not.toBe("");
    writeFileSync(home("letter ä.txt"), "text", { mode: 0o640 });
    for (const name of ["ls", "echo", "pwd", "scp"]) await run(`unalias "${name}"`);
    for (const name of ["LANG", "LC_ALL"]) await run(`unset "${name}"`);
    await run("printenv LANG");
    expect(await run("pwd")).toEqual({ code: 0, lines: ["/"] });
    expect(await run("groups")).toEqual({ code: 0, lines: ["ann"] });
    const { code, lines } = await run('ls -la --full-time "/"');
    const shown = /^-rw-r----- +1 ann +ann +4 \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ [+-]\d{4} letter/;
    expect([code, lines.filter((line) => shown.test(line))]).toEqual([0, [expect.anything()]]);
    for (const command of [
      'mkdir "new dir"',
      'cd "/new dir"',
      "cd",
      'mv -f "letter ä.txt" "new dir/b.txt"',
      'ln -s "new dir/b.txt" "link"',
      'cp -p -r -f  "new dir" "copy"',
      'rm -f -r "new dir"',
    ]) {
      expect(await run(command), command).toEqual({ code: 0, lines: [] });
    }
    expect(readdirSync(home()).sort()).toEqual(["copy", "link"]);
    expect((await run('ls -la -d  "/copy"')).lines).toHaveLength(1);
    expect((await run('cd "/missing"')).code).not.toBe(0);
    await shell.close();
  });

  test("uploads and downloads within the shell, and goes on", async () => {
    const data = randomBytes(300_000);
    await scp('-r -p -d -t "/"');
    expect(await shell.take(1)).toBe("\0");
    const files = [`T${MTIME} 0 ${MTIME} 0\n`, `C0644 ${data.length} new file.bin\n`];
    for (const line of files) {
      shell.send(line);
      expect(await shell.take(1)).toBe("\0");
    }
    shell.send(Buffer.concat([data, Buffer.alloc(1)]));
    expect(await shell.take(1)).toBe("\0");
    shell.send("E\n");
    expect((await end()).code).toBe(0);
    expect(readFileSync(home("new file.bin")).equals(data)).toBe(true);
    expect(statSync(home("new file.bin")).mtimeMs / 1000).toBe(MTIME);

    await scp('-r -p -d -f "/new file.bin"');
    shell.send("\0");
    expect(await shell.until(/\n/)).toMatch(new RegExp(`^T${MTIME} 0 \\d+ 0\n$`));
    shell.send("\0");
    expect(await shell.until(/\n/)).toBe(`C0644 ${data.length} new file.bin\n`);
    shell.send("\0");
    const got = Buffer.from(await shell.take(data.length), "latin1");
    expect(got.equals(data)).toBe(true);
    expect(await shell.take(1)).toBe("\0");
    shell.send("\0");
    expect((await end()).code).toBe(0);
    expect(await run("pwd")).toEqual({ code: 0, lines: ["/"] });
    await shell.close();
  });
});
