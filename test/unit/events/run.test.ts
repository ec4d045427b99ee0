import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { runCommand } from "../../../src/events/run.ts";
import type { Outcome } from "../../../src/events/types.ts";
import { isThere } from "../../../src/processes.ts";

function place(): string {
  const made = mkdtempSync(join(tmpdir(), "moorage-events-"));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}

interface Ran {
  readonly outcome: Outcome;
  readonly said: string[];
}

async function run(
  command: readonly string[],
  { body = "{}", timeout = 20_000, signal = new AbortController().signal } = {},
): Promise<Ran> {
  const said: string[] = [];
  const outcome = await runCommand({ command, timeout }, body, signal, (text) => said.push(text));
  return { outcome, said };
}

/** Of a shell that is given by the test, not by the program. */
function shell(script: string, ...args: string[]): string[] {
  return ["/bin/sh", "-c", script, "sh", ...args];
}

test("a command gets the event on its standard input, one line", async () => {
  const file = join(place(), "got");
  const { outcome } = await run(shell('cat > "$1"', file), { body: '{"a":1}' });
  expect(outcome).toEqual({ ok: true, text: "ended with 0" });
  expect(readFileSync(file, "utf8")).toBe('{"a":1}\n');
});

test("what it prints is for the log, made safe, and no more than the beginning of it", async () => {
  const { said } = await run(
    shell("printf 'a\\033[2Jb'; head -c 1000000 /dev/zero | tr '\\0' x >&2"),
  );
  expect(said).toHaveLength(1);
  expect(said[0]).toContain("a\\x1b[2Jb");
  expect(said[0]?.length).toBeLessThan(2_200);
});

test("it may end without reading", async () => {
  const { outcome } = await run(["/bin/true"], { body: "x".repeat(1_000_000) });
  expect(outcome.ok).toBe(true);
});

test.each([
  [["/bin/false"], "ended with 1", true],
  [shell("kill -TERM $$"), "was ended by SIGTERM", true],
  [["/nowhere/at-all"], "can't be started (ENOENT)", false],
  [["/etc/passwd"], "can't be started (EACCES)", false],
  [["/bin/true", "a\0b"], "can't be started (ERR_INVALID_ARG_VALUE)", false],
])("%j: %s", async (command, text, refused) => {
  expect((await run(command)).outcome).toEqual({ ok: false, text, refused });
});

describe("attack: a command that does not end", () => {
  test("is killed in time, with all that it has started", async () => {
    const file = join(place(), "pid");
    const script = 'sleep 1000 & echo $! > "$1.new"; mv "$1.new" "$1"; trap "" TERM; sleep 1000';
    const { outcome } = await run(shell(script, file), { timeout: 300 });
    expect(outcome).toMatchObject({ ok: false, text: "did not end in time, and was killed" });
    await gone(Number(readFileSync(file, "utf8")));
  });

  test("leaves nothing running when it ends itself", async () => {
    const file = join(place(), "pid");
    await run(shell('sleep 1000 & echo $! > "$1"', file));
    await gone(Number(readFileSync(file, "utf8")));
  });

  test("ends with the server", async () => {
    const stopping = new AbortController();
    const file = join(place(), "begun");
    const running = run(shell('touch "$1"; exec sleep 1000', file), { signal: stopping.signal });
    while (!existsSync(file)) await new Promise(setImmediate);
    stopping.abort();
    expect((await running).outcome).toMatchObject({ ok: false, text: "ended with the server" });
  });

  test("prints without end", async () => {
    const { outcome, said } = await run(["/usr/bin/yes"], { timeout: 300 });
    expect(outcome.text).toBe("did not end in time, and was killed");
    // Each line end is four characters then.
    expect(said[0]?.length).toBeLessThan(8_192);
  });
});

describe("attack: names of files become arguments", () => {
  const evil = "/$(touch /tmp/moorage-owned) `id`; rm -rf ~ \"' --help\n-x";

  test("nothing of an event is an argument or a variable", async () => {
    const file = join(place(), "got");
    const script = 'tr "\\0" "\\n" < /proc/$$/cmdline > "$1"; env >> "$1"; pwd >> "$1"';
    const body = JSON.stringify({ path: evil });
    const { outcome } = await run(shell(script, file), { body });
    expect(outcome.ok).toBe(true);
    const got = readFileSync(file, "utf8");
    expect(got).not.toContain("moorage-owned");
    expect(got).not.toContain("--help");
    expect(existsSync("/tmp/moorage-owned")).toBe(false);
  });

  test("the server's environment, with its secrets, is not the command's", async () => {
    process.env.MOORAGE_TEST_SECRET = "hush";
    onTestFinished(() => {
      delete process.env.MOORAGE_TEST_SECRET;
    });
    const { said } = await run(["/usr/bin/env"]);
    expect(said[0]?.split(/\\x0a/).sort()).toEqual([
      "LANG=C.UTF-8",
      "PATH=/usr/local/bin:/usr/bin:/bin",
    ]);
  });

  test("a name with a line end is one line of input", async () => {
    const file = join(place(), "got");
    await run(shell('wc -l > "$1"', file), { body: JSON.stringify({ path: evil }) });
    expect(readFileSync(file, "utf8").trim()).toBe("1");
  });
});

/** The kernel may take a moment to end what was killed. */
async function gone(pid: number): Promise<void> {
  while (isThere(pid) && !isZombie(pid)) await new Promise(setImmediate);
}

function isZombie(pid: number): boolean {
  try {
    return / Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return true;
  }
}
