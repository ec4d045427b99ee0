import { readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { makeInstance } from "../support/server.ts";
import { login } from "../support/ssh-client.ts";
import { PROMPT, Tmux } from "../support/tmux.ts";

// What a person sees who starts the server in a terminal. Uses the built program.

const BIN = fileURLToPath(new URL("../../dist/src/moorage.cjs", import.meta.url));
const DIST = fileURLToPath(new URL("../../dist", import.meta.url));
const README = fileURLToPath(new URL("../../README.md", import.meta.url));
const SERVE = `${process.execPath} ${BIN} serve --host 127.0.0.1 --port 0 --auth-argon2-memory 1MiB`;

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

let root: string;
let tmux: Tmux;

beforeEach(async () => {
  root = await makeInstance();
  // Where nobody has put `moorage` into the PATH.
  tmux = await Tmux.start({ columns: 100, rows: 30, env: { PATH: "/usr/bin:/bin" } });
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
  const first = await tmux.waitFor(/server\.$/m);
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
  await tmux.waitFor(/server\.$/m);
  await tmux.press("C-c");
  await tmux.waitFor(new RegExp(`${PROMPT.trim()}\\s*$`));
  // What the first start printed must not be taken for what the second one prints.
  await tmux.enter("clear");
  await tmux.waitFor((screen) => screen.trim() === PROMPT.trim());
  await tmux.enter(SERVE);
  const again = await tmux.waitFor(/^Users: 1$/m);
  expect(again).toMatch(/INFO: listening/);
  expect(again).not.toContain("Log:");
});

test("what is said fits the terminal, names a command that works there, and says that it stops", async () => {
  await tmux.resize(60, 40);
  await tmux.enter(`clear; ${SERVE}`);
  const first = await tmux.waitFor(/server\.$/m);
  expect(first).toMatch(/instance\.\nOther commands run in a second terminal:\n/);
  expect(first).toMatch(/^This is [^\n]*\(role\nadmin\)\.$/m);
  // The terminal may have broken it.
  const command = `node ${BIN} --root ${root} user add alice`;
  expect(first.replace(/\s/g, "")).toContain(command.replace(/\s/g, ""));
  await tmux.press("C-c");
  const end = await tmux.waitFor(/^Stopped\.$/m);
  expect(end).toMatch(
    /\^C\nStopping: transfers that are under way get 8 seconds\. Ctrl-C\nagain ends/,
  );
});

test("README shows what is printed in a checkout", async () => {
  await tmux.resize(80, 40);
  symlinkSync(DIST, join(root, "dist"));
  await tmux.enter(`clear; ${SERVE.replace(BIN, "dist/src/moorage.cjs")}`);
  const first = await tmux.waitFor(/server\.$/m);
  const [, readme = ""] = /^```\n(Moorage .*?)^```/ms.exec(readFileSync(README, "utf8")) ?? [];
  const port = portOn(first);
  const shown = first
    .replace(/^No native ciphers:(?:.|\n)*?npm ci\.\n/m, "")
    .replaceAll(root, "/home/you/moorage")
    .replaceAll(/(?<=listens on )\S+/g, "0.0.0.0:2222")
    .replaceAll(`-P ${port}`, "-P 2222")
    .replaceAll(/(?<=SHA256:|only this once: ).+/g, "…");
  expect(shown.trim()).toBe(readme.trim());
});
