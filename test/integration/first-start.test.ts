import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { makeInstance } from "../support/server.ts";
import { login } from "../support/ssh-client.ts";
import { PROMPT, Tmux } from "../support/tmux.ts";

// What a person sees who starts the server in a terminal. Uses the built program.

const BIN = fileURLToPath(new URL("../../dist/src/moorage.cjs", import.meta.url));
const SERVE = `${process.execPath} ${BIN} serve --host 127.0.0.1 --port 0 --auth-argon2-memory 1MiB`;

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

let root: string;
let tmux: Tmux;

beforeEach(async () => {
  root = await makeInstance();
  tmux = await Tmux.start({ columns: 100, rows: 30 });
  await tmux.enter(`cd ${root} && clear`);
  await tmux.waitFor((screen) => screen.trim() === PROMPT.trim());
});

afterEach(async () => {
  // A terminal that goes away does not end a server.
  await tmux.press("C-c");
  await tmux.waitFor(new RegExp(`${PROMPT.trim()}\\s*$`));
  await tmux.stop();
  rmSync(root, { recursive: true, force: true });
});

const log = () => readFileSync(join(root, "db/moorage.log"), "utf8");
const portOn = (screen: string) => Number(/listens on 127\.0\.0\.1:(\d+)/.exec(screen)?.[1]);

test("log lines don't push the password of the first start off the terminal", async () => {
  await tmux.enter(SERVE);
  const first = await tmux.waitFor(/^server\.$/m);
  const password = /shown only this once: (\S+)$/m.exec(first)?.[1] ?? "";
  expect(password).not.toBe("");
  expect(first).toContain(`Instance: ${root}`);
  expect(first).toContain(`--root ${root} user add`);
  const port = portOn(first);
  await expect(login({ port }, { username: "admin", password: "wrong" })).rejects.toThrow();
  (await login({ port }, { username: "admin", password })).end();
  await vi.waitFor(() => expect(log()).toContain('"msg":"logout"'), 30_000);
  expect(log()).toContain("login failed");
  expect(await tmux.capture()).toBe(first);
});

test("later starts have their log on the terminal", async () => {
  await tmux.enter(SERVE);
  await tmux.waitFor(/^server\.$/m);
  await tmux.press("C-c");
  await tmux.waitFor(new RegExp(`${PROMPT.trim()}\\s*$`));
  await tmux.enter(`clear; ${SERVE}`);
  const again = await tmux.waitFor(/^Users: 1$/m);
  expect(again).toMatch(/INFO: listening/);
  expect(again).not.toContain("Log:");
});
