import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { moorage, startTestServer, type TestServer } from "../support/server.ts";
import { SlowProxy } from "../support/slow-proxy.ts";
import { PROMPT, Tmux } from "../support/tmux.ts";

const PROGRAM = fileURLToPath(new URL("../../dist/src/moorage.cjs", import.meta.url));
const MOORAGE = `${process.execPath} ${PROGRAM}`;
const PATIENCE = 300_000;

/** Bytes a second: a transfer takes long enough to be looked at on a busy machine. */
const SLOW = 250_000;
const FAST = 100_000_000;

let server: TestServer;
let proxy: SlowProxy;
let directory: string;
let tmux: Tmux;

beforeAll(async () => {
  server = await startTestServer({
    users: [
      { name: "alice", quotaBytes: 20_000_000 },
      { name: "bob", quotaBytes: 1_000_000 },
    ],
  });
  proxy = await SlowProxy.open(server.port, FAST);
});

afterAll(async () => {
  await proxy.close();
  await server.stop();
});

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "moorage-client-"));
  proxy.rate = FAST;
  tmux = await Tmux.start({
    columns: 90,
    rows: 30,
    env: { HOME: directory, XDG_STATE_HOME: join(directory, "state"), SSH_AUTH_SOCK: "" },
  });
  await tmux.enter(`cd ${directory}; clear`);
  await tmux.waitFor(PROMPT.trim());
});

afterEach(async () => {
  await tmux.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** Types a line once the text is there that asks for it. */
async function answer(question: string | RegExp, line: string): Promise<void> {
  await tmux.waitFor(question);
  await tmux.enter(line);
}

async function login(user = "alice", ...options: string[]): Promise<void> {
  await tmux.enter(
    [MOORAGE, "connect --accept-new -P", proxy.port, ...options, `${user}@127.0.0.1`].join(" "),
  );
  await answer("assword", "secret");
  await tmux.waitFor(new RegExp(`^${user}@127.0.0.1:\\S*> *$`, "m"));
  await tmux.press("C-l");
  await tmux.waitFor((screen) => screen.trimStart().startsWith(`${user}@127.0.0.1`));
}

/** Bars as they are on the screen: the percentages in lines with a bar. */
function percents(screen: string): number[] {
  return [...screen.matchAll(/\[#*-*\] +(\d+)%/g)].map(([, number]) => Number(number));
}

describe("the client in a terminal", { timeout: PATIENCE }, () => {
  it("ends at once, with the server's reason, when its session is ended at the prompt", async () => {
    await login();
    await tmux.type("ls hal");
    await tmux.waitFor(/> ls hal *$/m);
    await moorage(server.root, "kick", "alice", "--reason", "maintenance");
    const screen = await tmux.waitFor("maintenance");
    expect(screen).toMatch(
      /^the server ended the session: The session was ended by an administrator: maintenance/m,
    );
    await tmux.enter("echo code $?");
    expect(await tmux.waitFor(/^code \d/m)).toMatch(/^code 9$/m);
  });

  it("shows the bar moving, keeps the partial at Ctrl-C, resumes from the list", async () => {
    const bytes = randomBytes(6_000_000);
    writeFileSync(join(server.home("alice"), "big.bin"), bytes);
    await login();
    proxy.rate = SLOW;
    await tmux.enter("get big.bin");
    const first = await tmux.waitFor((screen) => (percents(screen)[0] ?? 0) > 2);
    expect(first).toMatch(/big\.bin .*\[#*-+\] +\d+% +[\d.]+ [KM]B/);
    const seen = percents(first)[0] as number;
    await tmux.waitFor((screen) => (percents(screen)[0] ?? 0) > seen);
    await tmux.waitFor((screen) => /[\d.]+ [KM]B\/s +\d+:\d\d/.test(screen));
    // Narrower while it runs: one bar, on one line.
    await tmux.resize(40, 30);
    const narrow = await tmux.waitFor((screen) => /^big\.bin +\[#*-+\] +\d+%/m.test(screen));
    expect(narrow.match(/%/g)).toHaveLength(1);
    await tmux.resize(90, 30);
    await tmux.press("C-c");
    proxy.rate = FAST;
    await tmux.waitFor("cancelled");
    await tmux.waitFor(/alice@127.0.0.1:\S*>\s*$/);
    expect(existsSync(join(directory, "big.bin"))).toBe(false);
    const kept = statSync(join(directory, "big.bin.part")).size;
    expect(kept).toBeGreaterThan(0);
    expect(kept).toBeLessThan(bytes.length);
    await tmux.press("C-d");
    await tmux.waitFor(new RegExp(`${PROMPT.trim()}\\s*$`));

    await tmux.enter(`clear; ${MOORAGE} connect -P ${proxy.port} alice@127.0.0.1`);
    await answer("assword", "secret");
    await tmux.waitFor(/1 {2}get {2}\S*big\.bin -> /);
    await tmux.enter("resume 1");
    await tmux.waitFor(/big\.bin +\[#+\] +100%/);
    await tmux.enter("unfinished");
    await tmux.waitFor("nothing is unfinished");
    expect(readFileSync(join(directory, "big.bin")).equals(bytes)).toBe(true);
  });

  it("goes on with the same command after Ctrl-C", async () => {
    const bytes = randomBytes(5_000_000);
    writeFileSync(join(directory, "up.bin"), bytes);
    const put = `${MOORAGE} put --accept-new -P ${proxy.port} up.bin alice@127.0.0.1:; echo "code $?"`;
    await tmux.enter(put);
    await tmux.waitFor("assword");
    proxy.rate = SLOW;
    await tmux.enter("secret");
    await tmux.waitFor((screen) => (percents(screen)[0] ?? 0) > 2);
    await tmux.press("C-c");
    proxy.rate = FAST;
    await tmux.waitFor("code 130");
    const part = join(server.home("alice"), "up.bin.part");
    expect(statSync(part).size).toBeGreaterThan(0);
    await tmux.enter(`clear; ${put}`);
    await answer("assword", "secret");
    await tmux.waitFor("code 0");
    expect(readFileSync(join(server.home("alice"), "up.bin")).equals(bytes)).toBe(true);
    expect(existsSync(part)).toBe(false);
    const uploads = await server.store.audit.query({ user: "alice", kind: "upload" });
    const [rest] = uploads.filter((record) => record.path === "/up.bin");
    // Nothing at all, where what the line still held arrived after Ctrl-C.
    expect(rest?.bytes).toBeLessThan(bytes.length);
  });

  it("refuses an upload that does not fit before its first byte", async () => {
    writeFileSync(join(directory, "large.bin"), randomBytes(1_500_000));
    await login("bob");
    await tmux.enter("put large.bin");
    const screen = await tmux.waitFor("nothing was sent");
    // The figures are whole blocks of the file system.
    expect(screen.replaceAll("\n", " ")).toMatch(/needs 1\.50 MB and 999 KB of 999 KB are free/);
    await tmux.enter("quota");
    await tmux.waitFor("(0% used)");
    expect(existsSync(join(server.home("bob"), "large.bin.part"))).toBe(false);
  });

  it("completes names on both sides, and clears the line at Ctrl-C", async () => {
    writeFileSync(join(server.home("alice"), "summer holiday.txt"), "sea");
    writeFileSync(join(directory, "local notes.txt"), "notes");
    await login();
    await tmux.type("md5 summ");
    await tmux.press("Tab");
    await tmux.waitFor("md5 summer\\ holiday.txt");
    await tmux.press("Enter");
    await tmux.waitFor(createHash("md5").update("sea").digest("hex"));
    await tmux.type("put loc");
    await tmux.press("Tab");
    await tmux.waitFor("put local\\ notes.txt");
    await tmux.press("C-c");
    await tmux.waitFor("^C");
    // All at once, as it is pasted.
    await tmux.press("q", "u", "o", "Tab", "Enter");
    await tmux.waitFor("free (");
    expect(existsSync(join(server.home("alice"), "local notes.txt"))).toBe(false);
    await tmux.enter("exit");
    await tmux.waitFor(new RegExp(`${PROMPT.trim()}\\s*$`));
    const history = join(directory, "state/moorage/history");
    expect(statSync(history).mode & 0o777).toBe(0o600);
    expect(readFileSync(history, "utf8")).toContain("md5 summer\\ holiday.txt");
    expect(readFileSync(history, "utf8")).not.toContain("secret");
  });

  it("asks about an unknown host key, and refuses a changed one", async () => {
    const put = `${MOORAGE} put -P ${proxy.port} file.txt alice@127.0.0.1:; echo "code $?"`;
    writeFileSync(join(directory, "file.txt"), "text");
    await tmux.enter(put);
    await answer("(yes/no)", "no");
    await tmux.waitFor("code 6");
    await tmux.enter(`clear; ${put}`);
    await answer("(yes/no)", "yes");
    await answer("assword", "secret");
    await tmux.waitFor("code 0");
    const known = join(directory, ".ssh/known_hosts");
    const other = "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
    writeFileSync(known, readFileSync(known, "utf8").replace(/\S+\n$/, `${other}\n`));
    await tmux.enter(`clear; ${put}`);
    await tmux.waitFor("code 7");
  });

  it("gives up after three wrong passwords", async () => {
    await tmux.enter(
      `${MOORAGE} connect --accept-new -P ${proxy.port} alice@127.0.0.1; echo "code $?"`,
    );
    for (let tries = 1; tries <= 3; tries += 1) {
      await tmux.waitFor((screen) => (screen.match(/assword[^\n]*:/g) ?? []).length === tries);
      await tmux.enter("wrong");
    }
    const screen = await tmux.waitFor("code 4");
    expect(screen).not.toContain("wrong\n");
  });
});
