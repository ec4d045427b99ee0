import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ShellContext } from "../../../src/shell/context.ts";
import { type ServeOptions, serveCommand, serveShell } from "../../../src/shell/serve.ts";
import { fromText } from "../../../src/vfs/path.ts";
import { MemoryChannel, type MemoryChannelOptions } from "../../support/memory-channel.ts";
import { MemoryFs } from "../../support/memory-fs.ts";
import { contextOf } from "./harness.ts";

/** A client's end of a channel with standard error. */
class Client extends MemoryChannel {
  output = "";
  errors = "";
  readonly done: Promise<void>;
  #changed: (() => void)[] = [];

  constructor(options?: MemoryChannelOptions) {
    super(options);
    this.clientData = (data) => {
      this.output += data.toString();
      for (const wake of this.#changed.splice(0)) wake();
    };
    this.done = new Promise((resolve) => {
      this.clientClose = resolve;
    });
  }

  writeError(data: Buffer): void {
    this.errors += data.toString();
  }

  type(text: string): void {
    this.send(Buffer.from(text));
  }

  /** Resolves when the output behind what was seen last holds the text; gives what led up to it. */
  async until(text: string): Promise<string> {
    for (;;) {
      const at = this.output.indexOf(text);
      if (at >= 0) {
        const seen = this.output.slice(0, at + text.length);
        this.output = this.output.slice(at + text.length);
        return seen;
      }
      await new Promise<void>((resolve) => this.#changed.push(resolve));
    }
  }
}

let fs: MemoryFs;
let client: Client;
const size = { columns: 80, rows: 24 };
const PROMPT = "ada@harbour:/$ ";

beforeEach(() => {
  fs = new MemoryFs();
  client = new Client();
});

afterEach(() => client.disconnect());

function exec(command: string, options: Partial<ServeOptions> = {}, on = client) {
  return serveCommand(on, fromText(command), { context: contextOf(fs), ...options });
}

function shell(more: Partial<ShellContext> = {}, options: Partial<ServeOptions> = {}) {
  return serveShell(client, { context: contextOf(fs, more), pty: size, ...options });
}

async function put(name: string, content: string): Promise<void> {
  const flags = { read: false, write: true, append: false, exclusive: false };
  const file = await fs.open(fromText(name), { ...flags, create: true, truncate: true });
  await file.write([Buffer.from(content)], content.length, 0);
  await file.close();
}

describe("a command on a channel", () => {
  it("ends with its output, its errors and its exit code", async () => {
    exec("echo hello; cat missing");
    await client.done;
    expect(client.output).toBe("hello\n");
    expect(client.errors).toBe("cat: missing: No such file or directory\n");
    expect(client.exitStatus).toBe(1);
  });

  it("reads its standard input, also when the client's EOF comes first", async () => {
    exec("md5sum");
    client.sendEof();
    await client.done;
    expect(client.output).toBe("d41d8cd98f00b204e9800998ecf8427e  -\n");
    const second = new Client({ chunk: 3 });
    exec("cat; wc -c", {}, second);
    second.type("some text");
    second.sendEof();
    await second.done;
    expect(second.output).toBe("some text0\n");
    expect(second.consumed).toBe(9);
  });

  it("writes no faster than the client reads", async () => {
    await put("large", "x".repeat(8_000_000));
    const slow = new Client({ reading: false });
    exec("cat large large", {}, slow);
    await vi.waitFor(() => expect(slow.queuedBytes).toBeGreaterThan(500_000));
    expect(slow.queuedBytes).toBeLessThan(1_100_000);
    slow.resume();
    await slow.done;
    expect(slow.output).toHaveLength(16_000_000);
    expect(slow.maxQueued).toBeLessThan(1_100_000);
  });

  it("ends when the client goes away, and lets go of its files", async () => {
    await put("large", "x".repeat(8_000_000));
    const slow = new Client({ reading: false });
    const service = exec("cat large; echo not", {}, slow);
    await vi.waitFor(() => expect(slow.queuedBytes).toBeGreaterThan(500_000));
    expect(fs.openFiles).toBe(1);
    slow.disconnect();
    await service.close();
    expect(fs.openFiles).toBe(0);
  });

  it("ends on a signal with its exit code", async () => {
    const service = exec("cat; echo not");
    service.signal("USR1");
    service.signal("TERM");
    await client.done;
    expect(client.exitStatus).toBe(143);
    expect(client.output).toBe("");
  });

  it("at a terminal turns newlines, echoes what is typed and ends on Ctrl-C", async () => {
    exec("cat missing; cat", { pty: size });
    expect(await client.until("directory")).toBe("cat: missing: No such file or directory");
    client.type("ab\x7fc\x15déf\x7f\r");
    expect(await client.until("\r\ndé\r\n")).toBe("\r\nab\b \bc\b \b\b \bdéf\b \b\r\ndé\r\n");
    client.type("half a line\x03");
    await client.done;
    expect(client.output).toContain("^C\r\n");
    expect(client.exitStatus).toBe(130);
    const second = new Client();
    exec("wc -c; wc -c", { pty: size }, second);
    second.type("ab\r\x04\x04");
    await second.done;
    expect(second.output).toBe("ab\r\n3\r\n0\r\n");
  });

  it("says only that there was an error when the program itself fails", async () => {
    const onError = vi.fn();
    const broken = { usage: () => Promise.reject(new TypeError("at /secret/path")) };
    exec("quota", { context: contextOf(fs, broken), onError });
    await client.done;
    expect(client.errors).toBe("internal error\r\n");
    expect(client.exitStatus).toBe(1);
    expect(onError).toHaveBeenCalledWith("TypeError");
  });
});

describe("a shell without a terminal", () => {
  it("runs line after line, which share the standard input", async () => {
    shell({}, { pty: undefined });
    client.type("mkdir a\r\ncd a\npwd; head -n 1\nline for head\nfalse\n");
    client.type("echo $?\nexit 4\necho not\n");
    await client.done;
    expect(client.output).toBe("/a\nline for head\n1\n");
    expect(client.exitStatus).toBe(4);
  });

  it("ends at the end of the input with the last exit code", async () => {
    shell({}, { pty: undefined });
    client.type("nonsense");
    client.sendEof();
    await client.done;
    expect(client.errors).toBe("nonsense: command not found (try: help)\n");
    expect(client.exitStatus).toBe(127);
  });

  it("runs no part of an overlong line", async () => {
    shell({}, { pty: undefined });
    client.type(`${" ".repeat(70_000)}mkdir a\nmkdir b\n`);
    await client.done;
    expect(client.exitStatus).toBe(2);
    expect(fs.calls).not.toContain("makeDirectory");
  });
});

describe("a shell at a terminal", () => {
  it("greets, prompts, runs, and leaves on Ctrl-D", async () => {
    shell({ welcome: async () => ["Unfinished: a.bin"] });
    expect(await client.until(PROMPT)).toContain("Unfinished: a.bin\r\n");
    client.type("mkdir d\rcd d\r");
    await client.until("ada@harbour:/d$ ");
    client.type("pwd\r");
    expect(await client.until("ada@harbour:/d$ ")).toContain("\r\n/d\r\n");
    client.type("\x04");
    await client.done;
    expect(client.exitStatus).toBe(0);
  });

  it("edits lines and remembers them", async () => {
    shell();
    await client.until(PROMPT);
    client.type("cho b\x01e\x05c\x1b[D\x1b[D\x0b\x17echo one\r");
    await client.until("\r\none\r\n");
    await client.until(PROMPT);
    client.type("echo two\r");
    await client.until("\r\ntwo\r\n");
    client.type("\x1b[A\x1b[A\r");
    await client.until("\r\none\r\n");
    client.type("echo x\x15exit 3\r");
    await client.done;
    expect(client.exitStatus).toBe(3);
  });

  it("gives Ctrl-C to the line, then to the command, and stays", async () => {
    shell();
    await client.until(PROMPT);
    client.type("rm -r everything\x03");
    expect(await client.until(`^C\r\n`)).toContain("everything");
    await client.until(PROMPT);
    client.type("cat\r");
    await client.until("cat\r\n");
    client.type("\x03");
    await client.until("^C\r\n");
    await client.until(PROMPT);
    client.type("echo $?\r");
    await client.until("\r\n130\r\n");
    expect(fs.calls).not.toContain("remove");
  });

  it("takes what was typed while a command ran", async () => {
    shell();
    client.type("echo one; cat\rto cat\r\x04echo two\r");
    await client.until("one\r\nto cat\r\nto cat\r\n");
    await client.until("\r\ntwo\r\n");
  });

  it("never lets Ctrl-Z or Ctrl-\\ do anything to the process", async () => {
    const kill = vi.spyOn(process, "kill");
    shell();
    await client.until(PROMPT);
    client.type("\x1a\x1cecho still here\r");
    await client.until("\r\nstill here\r\n");
    expect(kill).not.toHaveBeenCalled();
    kill.mockRestore();
  });

  it("completes commands and paths", async () => {
    await put("one file", "1");
    await put("one more", "2");
    await fs.makeDirectory(fromText("other"));
    shell();
    await client.until(PROMPT);
    client.type("ec\ton\t");
    await client.until("echo one\\ ");
    client.type("f\t");
    await client.until("file ");
    client.type("o\tt\t\x7f\r");
    await client.until("\r\none file other\r\n");
    client.type("ls 'one \t\t");
    await client.until("'one file'");
  });

  it("asks for passwords without showing them", async () => {
    const changed: string[] = [];
    shell({
      changePassword: async (current, next) => {
        changed.push(current, next);
        return current === "old" ? undefined : "that is not your password";
      },
    });
    await client.until(PROMPT);
    client.type("passwd\rold\rsecret\rsecret\r");
    const shown = await client.until("Password changed.\r\n");
    expect(shown).not.toMatch(/old|secret/);
    client.type("passwd\rwrong\rn\rn\rpasswd\r\x04echo $?\r");
    await client.until("that is not your password\r\n");
    await client.until("not changed\r\n");
    await client.until("\r\n1\r\n");
    expect(changed).toEqual(["old", "secret", "wrong", "n"]);
  });

  it("says what a new password must be before one is typed, and asks again, three times", async () => {
    const changed: string[] = [];
    const rule = "at least 8 characters, and not one that is soon guessed";
    const tooShort =
      "the password has 3 characters, which is not as many as there have to be: take 8";
    const refusal = async (next: string) => (next.length < 4 ? tooShort : undefined);
    shell({
      newPasswords: { rule, refusal },
      changePassword: async (current, next) => {
        changed.push(current, next);
        return undefined;
      },
    });
    await client.until(PROMPT);
    client.type("passwd\rold password\rabc\rsecret\rother\rsecret\rsecret\r");
    const shown = await client.until("Password changed.\r\n");
    expect(shown).toContain(`passwd\r\nThe password has ${rule}.\r\nCurrent password: `);
    // Between words, where the line is longer than the terminal.
    const broken = tooShort.replace("have to be", "have to\r\nbe");
    expect(shown).toContain(`\r\nNot taken: ${broken}\r\nNew password: `);
    expect(shown).toContain("Not taken: the two passwords are not the same\r\nNew password: ");
    client.type("passwd\rold password\rold password\rabc\rabc\recho $?\r");
    const refused = await client.until("\r\n1\r\n");
    expect(refused).toContain("Not taken: the new password is the current one\r\n");
    expect(refused).toContain(`passwd: ${tooShort}; nothing was changed`);
    expect(changed).toEqual(["old password", "secret"]);
  });

  it("of another user no password is asked for", async () => {
    const { newPasswords: _own, ...others } = contextOf(fs);
    serveShell(client, { context: others, pty: size });
    await client.until(PROMPT);
    client.type("passwd\r");
    const shown = await client.until("only the user's own sessions can do that\r\n");
    expect(shown).not.toContain("password: ");
  });

  it("what is typed ahead of a command reaches it byte by byte", async () => {
    shell();
    await client.until(PROMPT);
    client.send(Buffer.from("md5 -r\rgr\u00fc\u00dfe\r\x04", "latin1"));
    const sum = createHash("md5").update(Buffer.from("gr\u00fc\u00dfe\n", "latin1")).digest("hex");
    await client.until(sum);
  });

  it("follows the window's size", async () => {
    for (const name of "abcdefgh") await put(name.repeat(20), "");
    const service = shell();
    await client.until(PROMPT);
    client.type("ls\r");
    expect((await client.until(PROMPT)).split("\r\n")).toHaveLength(5);
    service.resize({ columns: 30, rows: 10 });
    client.type("ls\r");
    await client.until("ls\r\n");
    expect((await client.until(PROMPT)).split("\r\n")).toHaveLength(9);
  });

  it("holds back a flood of keys while nobody reads, and long lines", async () => {
    shell();
    await client.until(PROMPT);
    client.pause();
    client.type(`${"x".repeat(100)}${"\x01y".repeat(2_000)}\x03`);
    await vi.waitFor(() => expect(client.isFull).toBe(true));
    client.resume();
    await client.until("^C\r\n");
    expect(client.maxQueued).toBeLessThan(1_000_000);
  });
});
