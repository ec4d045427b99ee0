import fs from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type AdminScreen, canShow, openAdmin } from "../../../admin/main.ts";
import type { AdminOptions } from "../../../admin/types.ts";
import { FakeControl, FakeError, fakeSession } from "../../support/fake-control.ts";
import { FakeTerminal } from "../../support/screen.ts";

const UNTIL = { timeout: 60_000, interval: 5 };

vi.setConfig({ testTimeout: 180_000 });

let control: FakeControl;
let terminal: FakeTerminal;
let open: AdminScreen[] = [];

beforeEach(() => {
  control = new FakeControl({ users: 300 });
  terminal = new FakeTerminal();
});

afterEach(() => {
  for (const screen of open) screen.close();
  open = [];
});

function show(more: Partial<AdminOptions> = {}): AdminScreen {
  const screen = openAdmin({ control, terminal, who: "admin", ...more });
  open.push(screen);
  return screen;
}

/** Waits for text on a terminal. */
async function seen(text: string | RegExp, on = terminal): Promise<void> {
  await vi.waitFor(() => expect(on.screen.text).toMatch(text), UNTIL);
}

describe("a screen", () => {
  it("shows the overview, and what keys lead to", async () => {
    show();
    await seen(/Server +running/);
    terminal.press("2");
    await seen("300 users");
    terminal.press("/29");
    await seen("user00290");
    terminal.press("\r\u001b[Bx");
    await seen("Remove user00129");
    terminal.press("\r");
    await vi.waitFor(() => expect(control.users.has("user00129")).toBe(false), UNTIL);
    await seen("user00129 was removed.");
  });

  it("shows transfers as they move", async () => {
    show();
    terminal.press("6");
    await seen("360 MB");
    control.advance(10);
    await seen("450 MB");
  });

  it("knows what is clicked", async () => {
    show();
    await seen("2 Users");
    terminal.press("\u001b[<0;10;2M");
    await seen("user00017");
    terminal.press("\u001b[<0;5;8M\u001b[<0;5;8M");
    await seen(/┌─ user00003 ─/);
  });

  it("tells Escape from keys that begin with it, and takes pastes whole", async () => {
    show();
    terminal.press("2");
    await seen("300 users");
    terminal.press("i\u001b[200~ssh-rsa AAAA q\ny\u001b[201~");
    await seen(/ssh-rsa AAAA q\\ny/);
    terminal.press("\u001b");
    await vi.waitFor(() => expect(terminal.screen.text).not.toContain("Add a key"), UNTIL);
  });

  it("follows the terminal's size, and says when it is too small", async () => {
    show();
    await seen("Most used");
    terminal.resize(60, 10);
    await seen("needs");
    terminal.resize(120, 40);
    await seen(/Moorage 0\.1\.0 {2}0\.0\.0\.0:2222/);
  });

  it("is not made larger than screens are, whatever a terminal says of itself", async () => {
    show();
    await seen("Most used");
    const before = terminal.sent.length;
    terminal.claim(1_000_000, 1_000_000_000);
    await vi.waitFor(() => expect(terminal.sent.length).toBeGreaterThan(before), UNTIL);
    expect(terminal.sent.length).toBeLessThan(before + 500 * 200 * 4);
    terminal.claim(0, Number.NaN);
    terminal.press("q");
    await open[0]?.closed;
  });

  it("gives the terminal back by q, Ctrl-C, and when the keys' stream ends", async () => {
    for (const end of ["q", "\u0003", "\u001b[\u0003", ""]) {
      const own = new FakeTerminal();
      const screen = show({ terminal: own, control: new FakeControl({ users: 3 }) });
      await seen("Most used", own);
      if (end === "") own.input.end();
      else own.press(end);
      await screen.closed;
      expect([...own.screen.modes].filter((mode) => mode !== 12)).toEqual([25]);
    }
  });

  it("says what is refused, once", async () => {
    control.refuse("sessions", "that is not for you");
    const subscribe = vi.spyOn(control, "subscribe");
    show();
    terminal.press("5");
    await seen("! that is not for you");
    control.advance();
    await vi.waitFor(() => expect(terminal.screen.text).toContain("Loading"), UNTIL);
    expect(subscribe.mock.calls.filter(([topic]) => topic === "sessions")).toHaveLength(1);
  });

  it("is shown on a Linux console, too, which has no alternate screen", async () => {
    const own = new FakeTerminal({ term: "linux" });
    const screen = show({ terminal: own });
    await seen("Most used", own);
    screen.close();
    expect(own.screen.text.trim()).toBe("");
    expect([...own.screen.modes]).toEqual([25]);
  });

  it("shows an unforeseen error without its stack", async () => {
    control.call = () => Promise.reject(new TypeError("undefined is not a function at x.ts:1"));
    show();
    terminal.press("9");
    await seen("! that failed");
    expect(terminal.sent).not.toContain("x.ts");
  });
});

describe("a server that goes away", () => {
  it("is waited for, and shown again", async () => {
    const later = new FakeControl({ users: 5 });
    later.version = "9.9.9";
    let tries = 0;
    const reconnect = async () => {
      tries += 1;
      if (tries < 2) throw new FakeError("no server runs here");
      return later;
    };
    show({ reconnect });
    terminal.press("2");
    await seen("300 users");
    control.stop();
    await seen("The server went away");
    await seen("no server runs here");
    await seen("9.9.9");
    await seen("5 users");
    expect(later.subscriptions).toBe(2);
  });

  it("ends the screen when there is no way back", async () => {
    const screen = show();
    await seen("Most used");
    control.stop();
    await screen.closed;
    expect(terminal.screen.modes.has(1049)).toBe(false);
  });
});

describe("a user's shell", () => {
  it("has the terminal alone until it is left", async () => {
    let leave = () => {};
    const openShell = vi.fn(() => new Promise<void>((resolve) => (leave = resolve)));
    show({ openShell });
    terminal.press("2");
    await seen("300 users");
    terminal.press("c");
    await vi.waitFor(() => expect(openShell).toHaveBeenCalledWith("user00000"), UNTIL);
    expect(terminal.screen.modes.has(1049)).toBe(false);
    const sent = terminal.sent.length;
    const keys: string[] = [];
    terminal.input.on("data", (bytes) => keys.push(String(bytes)));
    terminal.press("q");
    control.advance();
    await vi.waitFor(() => expect(keys).toEqual(["q"]), UNTIL);
    expect(terminal.sent).toHaveLength(sent);
    terminal.input.removeAllListeners("data");
    leave();
    await seen("300 users");
    expect(terminal.screen.modes.has(1049)).toBe(true);
    terminal.press("1");
    await seen("Most used");
  });
});

describe("an admin's terminal", () => {
  const EVIL = "{red-fg}{bold}\u001b]0;pwned\u0007\u001b[2J\u009b31m\u202e{/}\r\nb";

  it("is not taken over by the name of an uploaded file, a client's ident or a user's text", async () => {
    const [transfer] = fakeSession(1).transfers;
    control.sessions = [
      {
        ...fakeSession(1),
        client: `SSH-2.0-${EVIL}`,
        remote: EVIL,
        transfers: transfer === undefined ? [] : [{ ...transfer, path: `/${EVIL}` }],
      },
    ];
    control.record("upload", { user: EVIL, path: EVIL, detail: EVIL, actor: EVIL, remote: EVIL });
    control.version = EVIL;
    control.securityState = {
      bans: [{ network: EVIL, reason: EVIL, actor: EVIL, since: 0, until: null }],
      penalties: [],
      failures: [{ address: EVIL, failures: 1, users: [EVIL], lastAt: 0 }],
    };
    control.record("download", { user: "user00000", path: EVIL, remote: EVIL });
    control.team.addGroup("g");
    control.team.members.set("g", [EVIL]);
    control.team.addFolder("f", { shares: [{ to: EVIL, at: EVIL, access: "full" }] });
    for (const of of ["user00000", "@g"])
      control.team.rules.set(of, [{ path: EVIL, access: "add" }]);
    const wide = new FakeTerminal({ columns: 300, rows: 50 });
    show({ terminal: wide, who: EVIL });
    for (const [view, loaded, shown] of [
      ["2", "300 users", /Access rules \(1\)[\s\S]*pwned[\s\S]*Last transfers[\s\S]*pwned/],
      ["3", "1 group", /Members \(1\)[\s\S]*pwned[\s\S]*Access rules \(1\)[\s\S]*pwned/],
      ["4", "1 folder", /Shared with \(1\)[\s\S]*pwned/],
    ] as const) {
      wide.press(view);
      await seen(loaded, wide);
      wide.press("\r");
      await seen(shown, wide);
      wide.press("\u001b");
      await vi.waitFor(() => expect(wide.screen.text).not.toContain("take away"), UNTIL);
    }
    for (const view of "12345678901") {
      wide.press(view);
      await seen(new RegExp(`${view} [A-Z]`), wide);
      wide.press("\r");
      control.fail("sessions.kick", EVIL);
      wide.press("xy\u0015\u001b");
    }
    wide.press("6");
    // The terminal in memory refuses what it doesn't know; the name is there to be read.
    await seen("/{red-fg}{bold}\\x1b]0;pwned\\x07\\x1b[2J\\x9b31m\\u{202e}{/}\\x0d\\nb", wide);
    expect(wide.sent).not.toContain("pwned\u0007");
    expect(wide.sent).not.toContain("\u001b]");
    expect(wide.sent).not.toContain("\u009b");
    expect(wide.sent).not.toContain("\u202e");
  });

  it("can't have files of the server read by its name", async () => {
    const names: string[] = [];
    const note = (name: unknown) => void names.push(String(name));
    const spies = (["readFileSync", "statSync", "readdirSync", "openSync"] as const).map(
      (method) => {
        const real = fs[method] as (...args: unknown[]) => unknown;
        return vi.spyOn(fs, method).mockImplementation(((name: unknown, ...rest: unknown[]) => {
          note(name);
          return real(name, ...rest);
        }) as never);
      },
    );
    try {
      for (const term of ["../../../../etc/passwd", "/etc/passwd", "vt100", "x", "", "xterm"]) {
        const own = new FakeTerminal({ term });
        const screen = show({ terminal: own, control: new FakeControl({ users: 1 }) });
        await seen("Most used", own);
        screen.close();
      }
    } finally {
      for (const spy of spies) spy.mockRestore();
    }
    const opened = names.filter((name) => !/node_modules\/blessed\/usr\/(xterm|linux)/.test(name));
    expect(opened).toEqual([]);
    expect(names.length).toBeGreaterThan(0);
  });

  it("that doesn't take what it is sent costs one picture, and gets the newest one later", async () => {
    terminal.stuck = true;
    show();
    await vi.waitFor(() => expect(terminal.sent).not.toBe(""), UNTIL);
    for (let at = 0; at < 200; at++) {
      terminal.press("2");
      control.advance();
      terminal.press("6");
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(terminal.output.writableLength).toBeLessThan(64 * 1024);
    terminal.flow();
    await seen("12 transfers");
  });

  it("of a kind that can't be drawn on is known", () => {
    expect(["dumb", "", "unknown"].map(canShow)).toEqual([false, false, false]);
    expect(["xterm", "linux", "vt220", "anything"].every(canShow)).toBe(true);
  });
});

describe("several screens in one process", () => {
  it("don't disturb each other", async () => {
    const other = new FakeTerminal({ columns: 100, rows: 30, term: "xterm", colour: false });
    const second = new FakeControl({ users: 7 });
    const [one] = [show(), show({ terminal: other, control: second })];
    await seen("Most used");
    await seen("Most used", other);
    terminal.press("2");
    await seen("300 users");
    expect(other.screen.text).toContain("Most used");
    one.close();
    other.press("2");
    await seen("7 users", other);
    expect(other.screen.modes.has(1049)).toBe(true);
  });

  const EVENTS = [
    "exit",
    "uncaughtException",
    "SIGTERM",
    "SIGINT",
    "SIGQUIT",
    "SIGCONT",
    "SIGWINCH",
  ];
  const counts = () => EVENTS.map((name) => process.listenerCount(name));

  it("leave the process as it was: no handlers, nothing on its own terminal", async () => {
    const before = counts();
    const out = vi.spyOn(process.stdout, "write");
    show();
    await seen("Most used");
    terminal.press("2");
    await seen("300 users");
    expect(counts()).toEqual(before);
    for (const screen of open) screen.close();
    expect(counts()).toEqual(before);
    expect(out).not.toHaveBeenCalled();
    out.mockRestore();
  });

  it("free everything when closed: memory stays flat over 200 of them", async () => {
    const gone: WeakRef<object>[] = [];
    let handles = 0;
    const once = async (): Promise<void> => {
      const own = new FakeTerminal();
      const fake = new FakeControl({ users: 50 });
      const screen = openAdmin({ control: fake, terminal: own, who: "admin" });
      own.press("5\u001b");
      await seen("12 sessions", own);
      screen.close();
      await screen.closed;
      expect(fake.subscriptions).toBe(0);
      expect(own.input.listenerCount("data")).toBe(0);
      expect(own.output.listenerCount("error")).toBe(0);
      expect(own.output.listenerCount("drain")).toBe(0);
      gone.push(new WeakRef(own));
    };
    for (let at = 0; at < 200; at++) {
      await once();
      if (at === 20) handles = timers();
    }
    expect(timers()).toBeLessThan(handles + 20);
    await vi.waitFor(() => {
      collectGarbage();
      expect(gone.filter((ref) => ref.deref() !== undefined).length).toBeLessThan(10);
    }, UNTIL);
  });
});

function timers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
}

/** --expose-gc isn't set: a context of its own has the function. */
function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}
