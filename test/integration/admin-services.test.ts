import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { Desk, DONE } from "../support/desk.ts";
import {
  type EmptyInstance,
  openInstance,
  type SpawnedServer,
  spawnServer,
} from "../support/server.ts";
import { Tmux } from "../support/tmux.ts";
import { type Listener, listenerFor, SECRET } from "../support/web-listener.ts";

// What an owner does about the trash, the log and receivers of events, in a real terminal.

const PROGRAM = fileURLToPath(new URL("../../dist/src/moorage.cjs", import.meta.url));
const STORY = { timeout: 240_000 };

let instance: EmptyInstance;
let server: SpawnedServer;
let desk: Desk;
let receiver: Listener;
let tmux: Tmux;
/** what the receiver answers */
let status = 503;

beforeAll(async () => {
  desk = new Desk();
  instance = await openInstance([{ name: "ann", keys: [desk.key.public] }]);
  receiver = await listenerFor((response) => response.writeHead(status).end());
  writeFileSync(join(instance.root, "secret"), SECRET, { mode: 0o600 });
  writeFileSync(
    join(instance.root, "moorage.toml"),
    `[trash]
keep = "30d"

[[events]]
name = "intake"
kinds = ["upload"]
url = "http://127.0.0.1:${receiver.port}/"
allow = ["127.0.0.1"]
secret_file = "secret"
`,
  );
  server = await spawnServer(instance.root);
  desk.target = server;
  tmux = await Tmux.start({ columns: 120, rows: 30 });
  await tmux.enter(`clear; ${process.execPath} ${PROGRAM} --root ${instance.root} admin`);
  await tmux.waitFor("Last events");
}, 120_000);

afterAll(async () => {
  await tmux.stop();
  await server.kill();
  await receiver.close();
  await instance.close();
  desk.clear();
});

async function sftp(...commands: string[]): Promise<void> {
  expect(await desk.sftp(commands, { user: "ann", key: desk.keyFile })).toMatchObject(DONE);
}

describe("at the screen", () => {
  it("a line of many files in the log grows, opens and closes", STORY, async () => {
    await tmux.type("7");
    await tmux.waitFor("server-start");
    const put = (name: string) => `put ${desk.file(name, 1_000)} ${name}`;
    await sftp(put("one"), put("two"), put("three"));
    await tmux.waitFor(/upload +ann +3 files {2}3\.00 kB/i);
    await tmux.type("/");
    await tmux.type("two");
    await tmux.press("Enter");
    await tmux.waitFor(/1 of 1 line .*of 1 record/);
    await tmux.press("Escape");
    await tmux.waitFor(/upload +ann +3 files/);
    // Beneath it is the logout.
    await tmux.press("Up", "Enter");
    await tmux.waitFor((screen) => screen.includes("newest first (3)") && screen.includes("/two"));
    await tmux.press("Escape");
    await tmux.waitFor((screen) => !screen.includes("newest first"));
  });

  it("a receiver that fails is noticed, tested, and tried again", STORY, async () => {
    await tmux.type("1");
    await tmux.waitFor(/Events +intake fails +3 wait, E shows more: .*503/);
    await tmux.type("E");
    await tmux.waitFor(/intake +FAILS +3 wait/);
    status = 204;
    await tmux.type("t");
    await tmux.waitFor(/Test of intake[\s\S]*Arrived +yes/);
    await tmux.press("Enter");
    await tmux.type("r");
    await tmux.waitFor(/intake +works +0 wait/);
    await tmux.press("Escape");
    // The record of it stays among the last events.
    await tmux.waitFor((screen) => /Last events/.test(screen) && !/Events +intake/.test(screen));
  });

  it("a file that was removed comes back", STORY, async () => {
    await sftp("rm one");
    await tmux.type("2");
    await tmux.waitFor(/ann +user/);
    await tmux.type("T");
    await tmux.waitFor(/Trash of ann[\s\S]*\/one/);
    await tmux.type("r");
    await tmux.waitFor("Restore /one");
    await tmux.press("Enter");
    await tmux.waitFor("/one is there again.");
    await sftp("ls -l one");
    await vi.waitFor(async () => {
      const kinds = (await instance.store.audit.query({ user: "ann" })).map(({ kind }) => kind);
      expect(kinds).toContain("restore");
    });
  });
});
