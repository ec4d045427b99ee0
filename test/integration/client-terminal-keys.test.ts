import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startTestServer, type TestServer } from "../support/server.ts";
import { SlowProxy } from "../support/slow-proxy.ts";
import { PROMPT, Tmux } from "../support/tmux.ts";

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const MOORAGE = `${process.execPath} ${path("dist/src/moorage.cjs")}`;
const STUCK = `${process.execPath} ${path("test/support/stuck-client.mjs")}`;
const PATIENCE = 300_000;

/** Bytes a second: a transfer takes long enough to be looked at on a busy machine. */
const SLOW = 100_000;
const FAST = 100_000_000;

const AT_SHELL = new RegExp(`^${PROMPT.trim()}\\s*$`, "m");
const AT_PROMPT = /^alice@127\.0\.0\.1:\S*>\s*$/m;

let server: TestServer;
let proxy: SlowProxy;
let directory: string;
let tmux: Tmux;

beforeAll(async () => {
  server = await startTestServer({ users: [{ name: "alice" }] });
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
    columns: 110,
    rows: 30,
    env: { HOME: directory, XDG_STATE_HOME: join(directory, "state"), SSH_AUTH_SOCK: "" },
  });
  await clear(`cd ${directory}`);
});

afterEach(async () => {
  await tmux.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** Runs a command of the shell around, and then shows nothing but its prompt. */
async function clear(command = "true"): Promise<void> {
  await tmux.enter(`${command}; clear`);
  await tmux.waitFor((screen) => screen.trim() === PROMPT.trim());
}

/** The shell around has its terminal back, in the state that it is made for. */
async function expectTerminal(): Promise<void> {
  await tmux.waitFor(new RegExp(`${PROMPT.trim()}\\s*$`));
  const words = "stty -a | tr ' ;' '\\n\\n' | grep -xE -e '-?(isig|icanon|echo|icrnl|opost)'";
  await clear();
  await tmux.enter(`echo "[$(${words} | sort | xargs)]"`);
  const screen = await tmux.waitFor(/^\[.*\]$/m);
  expect(screen).toMatch(/^\[echo icanon icrnl isig opost\]$/m);
  await clear();
}

const arguments_ = () => `--accept-new -P ${proxy.port}`;

async function password(): Promise<void> {
  await tmux.waitFor("assword");
  await tmux.enter("secret");
}

/** Started by another program, as package managers do it. */
async function login(): Promise<void> {
  const command = `${MOORAGE} connect ${arguments_()} alice@127.0.0.1`;
  await tmux.enter(`sh -c '${command}; echo "code $?"'`);
  await password();
  await tmux.waitFor(AT_PROMPT);
}

function percent(screen: string): number {
  return Number(/\[#*-*\] +(\d+)%/.exec(screen)?.[1] ?? 0);
}

describe("Ctrl-Z", { timeout: PATIENCE }, () => {
  it("at the prompt gives the terminal back, and the line is there again afterwards", async () => {
    await login();
    await tmux.press("C-l");
    await tmux.type("pw");
    await tmux.waitFor(/> pw$/m);
    await tmux.press("C-z");
    await expectTerminal();
    await tmux.enter("fg");
    await tmux.waitFor(/^alice@\S+> pw$/m);
    await tmux.enter("d");
    await tmux.waitFor(/> pwd\n\/\n/);
    await tmux.press("C-d");
    await tmux.waitFor("code 0");
    await expectTerminal();
  });

  it("stops a transfer of the prompt, which then goes on", async () => {
    const bytes = randomBytes(4_000_000);
    writeFileSync(join(server.home("alice"), "z.bin"), bytes);
    await login();
    proxy.rate = SLOW;
    await tmux.enter("get z.bin");
    await tmux.waitFor((screen) => percent(screen) > 2);
    await tmux.press("C-z");
    await tmux.waitFor(AT_SHELL);
    await expectTerminal();
    proxy.rate = FAST;
    await tmux.enter("fg");
    await tmux.waitFor(/^z\.bin +\[#+\] +100%/m);
    await tmux.waitFor(AT_PROMPT);
    // What is typed then is the prompt's.
    await tmux.enter("exit");
    await tmux.waitFor("code 0");
    expect(readFileSync(join(directory, "z.bin")).equals(bytes)).toBe(true);
    await expectTerminal();
  });

  it("stops a command of its own, which then goes on", async () => {
    const bytes = randomBytes(4_000_000);
    writeFileSync(join(directory, "up.bin"), bytes);
    await tmux.enter(`${MOORAGE} put ${arguments_()} up.bin alice@127.0.0.1:; echo "code $?"`);
    await tmux.waitFor("assword");
    proxy.rate = SLOW;
    await tmux.enter("secret");
    await tmux.waitFor((screen) => percent(screen) > 2);
    await tmux.press("C-z");
    await tmux.waitFor(/Stopped|Suspended|code 1\d\d/);
    await expectTerminal();
    proxy.rate = FAST;
    await tmux.enter('fg; echo "end $?"');
    await tmux.waitFor("end 0");
    expect(readFileSync(join(server.home("alice"), "up.bin")).equals(bytes)).toBe(true);
    await expectTerminal();
  });
});

describe("Ctrl-C again", { timeout: PATIENCE }, () => {
  /** Tells how the command ended, whenever the key was pressed last. */
  const survivor = (command: string) => `sh -c 'trap : INT; ${command}; echo "code $?"'`;

  /** Pressed until the command has ended. */
  async function pressUntilOver(): Promise<string> {
    // One at a time: those that come too late fill the screen and push the code out of it.
    let isPressing = false;
    return tmux.waitFor((screen) => {
      const over = /code \d+$/m.test(screen);
      if (over || isPressing) return over;
      isPressing = true;
      const done = (): void => {
        isPressing = false;
      };
      tmux.press("C-c").then(done, done);
      return false;
    });
  }

  it("ends a program whose transfer doesn't stop, and gives the terminal back", async () => {
    await tmux.enter(survivor(`${STUCK} ${directory}`));
    await tmux.waitFor(/^ann@h:\S*>$/m);
    await tmux.enter("get x");
    await tmux.waitFor("under way");
    await tmux.press("C-c");
    await tmux.waitFor("asked to stop");
    expect(await tmux.capture()).not.toMatch(/code \d/);
    expect(await pressUntilOver()).toMatch(/code 130$/m);
    await expectTerminal();
  });

  it("ends an upload on a line that stands still, and what arrived is kept", async () => {
    writeFileSync(join(directory, "still.bin"), randomBytes(4_000_000));
    await tmux.enter(survivor(`${MOORAGE} put ${arguments_()} still.bin alice@127.0.0.1:`));
    await tmux.waitFor("assword");
    proxy.rate = SLOW;
    await tmux.enter("secret");
    await tmux.waitFor((screen) => percent(screen) > 2);
    proxy.rate = 0;
    expect(await pressUntilOver()).toMatch(/code 130$/m);
    expect(statSync(join(server.home("alice"), "still.bin.part")).size).toBeGreaterThan(0);
    await expectTerminal();
  });
});

describe("a password", { timeout: PATIENCE }, () => {
  beforeEach(() => writeFileSync(join(server.home("alice"), "note.txt"), "note"));

  it("is asked for on the terminal when standard input is a pipe, without echo", async () => {
    const get = `${MOORAGE} get ${arguments_()} alice@127.0.0.1:note.txt`;
    await tmux.enter(`echo piped | ${get}; echo "code $?"`);
    await password();
    const screen = await tmux.waitFor(/code \d+$/m);
    expect(screen).toMatch(/code 0$/m);
    expect(screen).not.toContain("secret");
    expect(readFileSync(join(directory, "note.txt"), "utf8")).toBe("note");
    await expectTerminal();
  });

  it("is asked for there also when all else goes elsewhere, and what is piped is what runs", async () => {
    const connect = `${MOORAGE} connect ${arguments_()} alice@127.0.0.1`;
    await tmux.enter(`echo 'ls -1' | ${connect} >out 2>err; echo "code $?"`);
    await password();
    const screen = await tmux.waitFor(/code \d+$/m);
    expect(screen).toMatch(/code 0$/m);
    expect(screen).not.toContain("secret");
    const written = ["out", "err"].map((name) => readFileSync(join(directory, name), "utf8"));
    expect(written[0]).toMatch(/^note\.txt$/m);
    expect(written.join("")).not.toMatch(/assword|secret/);
    await expectTerminal();
  });

  it("can be declined by Ctrl-C", async () => {
    await tmux.enter(
      `: | ${MOORAGE} put ${arguments_()} /etc/hostname alice@127.0.0.1:; echo "code $?"`,
    );
    await tmux.waitFor("assword");
    await tmux.press("C-c");
    await tmux.waitFor("code 130");
    await expectTerminal();
  });
});
