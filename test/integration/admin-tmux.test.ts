import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { Desk } from "../support/desk.ts";
import {
  type EmptyInstance,
  openInstance,
  type SpawnedServer,
  spawnServer,
} from "../support/server.ts";
import { makeKey, OPENSSH_OPTIONS } from "../support/ssh-client.ts";
import { PROMPT, Tmux } from "../support/tmux.ts";

// What an owner does at the admin screen, in a real terminal: locally and with stock ssh.

const PROGRAM = fileURLToPath(new URL("../../dist/src/moorage.cjs", import.meta.url));
const STORY = { timeout: 240_000 };
const HEAD = "2 Users 3 Groups";

let instance: EmptyInstance;
let server: SpawnedServer;
let desk: Desk;
let tmux: Tmux;

beforeAll(async () => {
  desk = new Desk();
  instance = await openInstance([
    { name: "boss", role: "admin", keys: [desk.key.public] },
    { name: "ann", keys: [desk.key.public], quotaBytes: 100_000_000 },
    { name: "bob", password: "secret", quotaBytes: 10_000 },
  ]);
  writeFileSync(`${instance.home("bob")}/old`, Buffer.alloc(9_700));
  await instance.control.rescan("bob");
  await instance.control.disable("bob");
  server = await spawnServer(instance.root);
  desk.target = server;
}, 120_000);

afterAll(async () => {
  await server.kill();
  await instance.close();
  desk.clear();
});

afterEach(async () => {
  await tmux.stop();
});

async function overSsh(user = "boss"): Promise<void> {
  const options = [...OPENSSH_OPTIONS, "-o", "IdentitiesOnly=yes", "-i", desk.keyFile];
  await tmux.enter(`clear; ssh -t ${options.join(" ")} -p ${server.port} ${user}@127.0.0.1`);
}

async function locally(): Promise<void> {
  await tmux.enter(`clear; ${process.execPath} ${PROGRAM} --root ${instance.root} admin`);
}

/** The screen without what differs from run to run. */
function normal(screen: string): string {
  const parts: [RegExp, string][] = [
    [/Moorage \d\S*/g, "Moorage VERSION"],
    [/127\.0\.0\.1:\d+/g, "127.0.0.1:PORT"],
    [/SHA256:\S+/g, "SHA256:FINGERPRINT"],
    [/OpenSSH_\d.*/g, "OpenSSH SINCE IDLE"],
    [/\d\d:\d\d:\d\d/g, "TIME"],
    [/pid \d+ {3}node [0-9a-f]+/g, "pid PID   node NODE"],
    [/\b(now|(\d+[smhd] )+ago)\b/g, "AGO"],
    [/up (\d+[smhd] ?)+/g, "up AGES "],
    // The settings may become more.
    [/^ server\.host[\s\S]*(?=\n\n)/m, " SETTINGS"],
    [/delay \d+ ms/g, "delay TIME"],
    [/memory .*/g, "memory SIZE"],
    [/Disk .* refused$/gm, "Disk SPACE, LOGINS"],
    [/last (\d+[smhd] ?)+/g, "last SPAN"],
    [/\S+ [KMG]?B\/s/g, "RATE"],
    [/[▁-▏▕]+/g, "#"],
    [/ {2,}/g, "  "],
  ];
  return parts.reduce((text, [pattern, word]) => text.replace(pattern, word), screen);
}

/** Waits until it looks like the file, which `vitest -u` writes. */
async function showsAs(name: string, wanted: string | RegExp): Promise<void> {
  let before = "";
  // Not in the middle of being drawn.
  const screen = await tmux.waitFor((now) => {
    const isThere = typeof wanted === "string" ? now.includes(wanted) : wanted.test(now);
    const settled = isThere && normal(now) === before;
    before = normal(now);
    return settled;
  });
  await expect(normal(screen)).toMatchFileSnapshot(`admin-screens/${name}.txt`);
}

/** The terminal is as it was before, and the shell in it answers. */
async function isClean(): Promise<void> {
  await tmux.waitFor((screen) => screen.trimEnd().endsWith(PROMPT.trim()));
  expect(await tmux.modes()).toEqual({ alternate: false, mouse: false, cursor: true });
  // None of these is off.
  await tmux.enter("stty -a | grep -cE -- '-(icanon|isig|icrnl|opost|echo)( |$)'; echo looked");
  expect(await tmux.waitFor(/^looked$/m)).toMatch(/\n0\nlooked\n/);
}

/** The audit trail, which is written a little later, has it: kind and who did it. */
async function recorded(user: string, wanted: string | RegExp): Promise<void> {
  await vi.waitFor(
    async () => {
      const events = await instance.store.audit.query({ user });
      const kinds = events.map(({ kind, actor }) => `${kind} by ${actor ?? user}`);
      if (typeof wanted === "string") expect(kinds).toContain(wanted);
      else expect(kinds).toContainEqual(expect.stringMatching(wanted));
    },
    { timeout: 60_000 },
  );
}

describe("the admin screen over ssh", () => {
  it("shows its views as they are written down", STORY, async () => {
    tmux = await Tmux.start({ columns: 100, rows: 30 });
    await overSsh();
    await showsAs("overview", /Last events[\s\S]*login boss/);
    await tmux.type("2");
    await showsAs("users", /bob +user +disabled/);
    // The selected row is turned round from end to end, but for its gauge, as the terminal has it.
    const selected = (await tmux.reversed()).filter((row, y) => y > 1 && /^x{20}/.test(row));
    expect(selected).toEqual([expect.stringMatching(/^x{40,}\.+x{20,}$/)]);
    expect(selected[0]).toHaveLength(100);
    await tmux.type("5");
    await showsAs("sessions", /boss +127\.0\.0\.1/);
    await tmux.type("6");
    await showsAs("transfers", "Nothing is being transferred.");
    await tmux.type("8");
    await showsAs("security", "No address is refused");
    await tmux.type("9");
    await showsAs("settings", /ed25519[\s\S]*SHA256:/);
    await tmux.type("?");
    await tmux.waitFor("Everywhere");
    await tmux.press("C-c");
    await isClean();
  });

  it("adds a user, sets a quota, follows an upload, and kicks it", STORY, async () => {
    tmux = await Tmux.start({ columns: 100, rows: 30 });
    await overSsh();
    await tmux.waitFor(HEAD);
    await tmux.type("2");
    await tmux.waitFor(/ann +user/);
    await tmux.type("a");
    await tmux.waitFor("Add a user");
    await tmux.type("eve");
    await tmux.press("Enter");
    await tmux.waitFor("Password of eve");
    await tmux.press("Enter");
    await tmux.waitFor((screen) => !screen.includes("Password of eve"));
    await tmux.type("/eve");
    await tmux.press("Enter");
    await tmux.waitFor(/1 user .*Filter: eve/);
    const key = makeKey();
    const keyFile = desk.addKey("eve", key);
    await tmux.type("i");
    await tmux.waitFor("Add a key for eve");
    await tmux.type(key.public.trim());
    await tmux.press("Enter");
    await tmux.waitFor("Add this key for eve?");
    await tmux.type("y");
    await recorded("eve", "key-add by boss@127.0.0.1");
    await tmux.waitFor((screen) => !screen.includes("Add this key"));
    await tmux.type("e");
    await tmux.waitFor("Edit eve");
    await tmux.press("C-u");
    await tmux.type("3MB");
    await tmux.press("Enter");
    await tmux.waitFor((screen) => !screen.includes("Edit eve"));
    await recorded("eve", "user-set by boss@127.0.0.1");
    const { account } = await instance.control.show("eve");
    expect(account.quotaBytes).toBe(3_000_000);

    const as = { user: "eve", key: keyFile };
    const over = await desk.sftp([`put ${desk.file("four", 4_000_000)} four`, "rm four"], as);
    expect(over.code).not.toBe(0);
    expect(over.stderr).toContain("Failure");
    await recorded("eve", "refused-quota by eve");
    await desk.sftp(["rm four"], as);

    // Half a minute of upload: enough to look at it twice on any machine.
    const put = desk.startSftp([`put ${desk.file("two", 2_900_000)} two`], {
      ...as,
      options: ["-l", "800"],
    });
    await tmux.press("Escape");
    await tmux.waitFor((screen) => !screen.includes("Filter: eve"));
    await tmux.type("6");
    const moved = (screen: string): number => {
      const [, number, unit] = /eve .*\/two .*?([\d.]+) ([KM]B) /.exec(screen) ?? [];
      return Number(number ?? 0) * (unit === "MB" ? 1000 : 1);
    };
    const before = moved(await tmux.waitFor((screen) => moved(screen) > 0));
    await tmux.waitFor((screen) => moved(screen) > before);
    await tmux.type("x");
    await tmux.waitFor("Kick eve?");
    await tmux.type("y");
    const refused = await put.result;
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain("The session was ended by an administrator");
    await tmux.waitFor("eve was kicked");
    await tmux.waitFor((screen) => moved(screen) === 0);
    await recorded("eve", "user-add by boss@127.0.0.1");
    await recorded("eve", "session-kick by boss@127.0.0.1");
    await tmux.type("q");
    await isClean();
  });

  it(
    "has two users join a group together, shares a folder with it, and shows both",
    STORY,
    async () => {
      tmux = await Tmux.start({ columns: 80, rows: 24 });
      await overSsh();
      await tmux.waitFor(HEAD);
      await tmux.type("3");
      await tmux.waitFor("No groups yet");
      await tmux.type("a");
      await tmux.waitFor("Add a group");
      await tmux.type("team");
      await tmux.press("Enter");
      await tmux.waitFor(/team +0 +- +0/);
      await tmux.type("4");
      await tmux.waitFor("No folders yet");
      await tmux.type("a");
      await tmux.waitFor("Add a folder");
      await tmux.type("plans");
      await tmux.press("Enter");
      await tmux.waitFor(/plans +0 B .*nobody/);
      await tmux.type("s");
      await tmux.waitFor("Share folder plans");
      await tmux.type("@team");
      await tmux.press("Enter");
      await tmux.waitFor(/plans +0 B .*@team/);
      await tmux.type("2");
      await tmux.waitFor(/ann +user/);
      await tmux.type("  m");
      await tmux.waitFor("A group for 2 users");
      await tmux.type("team");
      await tmux.press("Enter");
      await tmux.waitFor("2 users: of group team now.");
      await tmux.press("Home", "Enter");
      await tmux.waitFor(/plans +\/plans +full +of group team/);
      await recorded("ann", "group-join by boss@127.0.0.1");
      await tmux.press("C-c");
      await isClean();
    },
  );

  it("opens a user's files and comes back", STORY, async () => {
    tmux = await Tmux.start({ columns: 90, rows: 24 });
    await overSsh();
    await tmux.waitFor(HEAD);
    await tmux.type("2");
    await tmux.type("/ann");
    await tmux.press("Enter");
    await tmux.waitFor(/1 user .*Filter: ann/);
    await tmux.type("c");
    await tmux.waitFor(/The files of ann.*\n.*ann@.*:\/\$/);
    await tmux.enter("mkdir from-above; df -h; echo $?");
    await tmux.waitFor(/moorage +96M[\s\S]*\n0\n/);
    await tmux.press("C-d");
    await tmux.waitFor(/1 user .*Filter: ann/);
    await recorded("ann", "connect by boss@127.0.0.1");
    await recorded("ann", "mkdir by boss@127.0.0.1");
    await tmux.press("C-c");
    await isClean();
  });

  it("follows the window, and gives the terminal back when somebody ends it", STORY, async () => {
    tmux = await Tmux.start({ columns: 100, rows: 30 });
    await overSsh();
    await tmux.waitFor(/boss@127\.0\.0\.1$/m);
    for (const [columns, rows] of [
      [80, 24],
      [150, 45],
      [80, 24],
    ] as const) {
      await tmux.resize(columns, rows);
      await tmux.waitFor((screen) => {
        const lines = screen.split("\n");
        return (
          lines.some((line) => line.length > columns - 12 && line.length <= columns) &&
          /help/.test(lines[rows - 1] ?? "")
        );
      });
    }
    await tmux.resize(60, 15);
    await tmux.waitFor("This terminal has 60x15");
    await tmux.resize(100, 30);
    await tmux.waitFor(HEAD);
    await tmux.type("5");
    await tmux.waitFor(/boss +127/);
    await tmux.type("x");
    await tmux.waitFor("Kick boss?");
    await tmux.type("y");
    await tmux.waitFor("The session was ended by an administrator");
    await isClean();
  });

  it("is not what users get", STORY, async () => {
    tmux = await Tmux.start();
    await overSsh("ann");
    await tmux.waitFor(/ann@.*:\/\$/);
    expect(await tmux.modes()).toMatchObject({ alternate: false });
    await tmux.enter("exit");
    await isClean();
  });
});

describe("moorage admin", () => {
  it("says when the server goes away, and goes on when it is back", STORY, async () => {
    tmux = await Tmux.start({ columns: 100, rows: 30 });
    await locally();
    await tmux.waitFor(HEAD);
    await tmux.type("2");
    await tmux.waitFor(/ann +user/);
    await server.kill();
    await tmux.waitFor(/server .*(gone|away|reach)/i);
    expect(await tmux.capture()).not.toMatch(/\bat .*\.js:\d+/);
    server = await spawnServer(instance.root);
    await tmux.waitFor((screen) => screen.includes(`127.0.0.1:${server.port}`));
    await tmux.type("a");
    await tmux.waitFor("Add a user");
    await tmux.type("zoe");
    await tmux.press("Enter");
    await tmux.waitFor("Password of zoe");
    await tmux.press("Enter");
    await tmux.waitFor(/zoe +user +enabled/);
    await recorded("zoe", /^user-add by cli:/);
    await tmux.resize(80, 24);
    await tmux.waitFor(/zoe +user +enabled/);
    await tmux.press("C-c");
    await isClean();
    await tmux.enter("clear; echo left with $?");
    await tmux.waitFor("left with 0");
  });
});
