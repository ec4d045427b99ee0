import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { connect } from "../../src/cli/client/connect.ts";
import { realEngine } from "../../src/cli/client/real-engine.ts";
import { ClientRun } from "../support/client-run.ts";
import { type ClientHome, makeClientHome } from "../support/engine.ts";
import { moorage, startTestServer, type TestServer } from "../support/server.ts";

let home: ClientHome;
let server: TestServer;
let local: string;

beforeAll(async () => {
  home = await makeClientHome();
  local = mkdtempSync(join(tmpdir(), "moorage-spaces-"));
  process.env.HOME = local;
  process.env.XDG_STATE_HOME = join(local, "state");
  delete process.env.SSH_AUTH_SOCK;
  writeFileSync(join(local, "five"), "12345");
  server = await startTestServer({
    users: [{ name: "ann", keys: [home.key.public], quotaBytes: 1_000_000 }],
  });
  for (const line of [
    "folder add projects --quota 2MB",
    "folder add inbox --quota 3MB",
    "folder share projects ann",
    "folder share inbox ann --access drop",
  ]) {
    expect(await moorage(server.root, ...line.split(" "))).toMatchObject({ code: 0 });
  }
});

afterAll(async () => {
  await server?.stop();
  await home?.remove();
  rmSync(local, { recursive: true, force: true });
});

async function script(lines: string): Promise<ClientRun> {
  const run = new ClientRun(realEngine(), lines);
  const identity = [home.path("key")];
  const login = { port: server.port, identity, config: "none", acceptNew: true, quiet: true };
  await connect(run.context, "ann@127.0.0.1", login, run.around);
  return run;
}

/** The columns of each line. */
function cells(text: string): string[][] {
  const lines = text.trimEnd().split("\n");
  return lines.map((line) => line.trim().split(/ {2,}/));
}

it("df and quota tell the home and each folder that one may see, to the byte", async () => {
  const sent = await script(`put ${join(local, "five")} projects/\nmkdir projects/sub\n`);
  expect([sent.code, sent.written.text]).toEqual([0, ""]);
  const titles = ["Size", "Used", "Free", "Use%", "Path"];
  expect(cells((await script("df\n")).written.text)).toEqual([
    titles,
    ["1.00 MB", "0 B", "1.00 MB", "0%", "/"],
    ["2.00 MB", "5 B", "2.00 MB", "0%", "/projects"],
  ]);
  expect(cells((await script("df projects/sub\n")).written.text)).toEqual([
    titles,
    ["2.00 MB", "5 B", "2.00 MB", "0%", "/projects/sub"],
  ]);
  expect((await script("quota\n")).written.text).toBe(
    "1.00 MB of 1.00 MB free (0% used)\n/projects: 2.00 MB of 2.00 MB free (0% used)\n",
  );
});

it("df tells nothing of a folder where one may only hand in, nor of what is not there", async () => {
  const hidden = await script("df inbox\n");
  expect([hidden.code, hidden.written.text]).toEqual([1, ""]);
  expect(hidden.written.errors).toContain("doesn't tell its free space");
  const missing = await script("df nothing\n");
  expect(missing.written.errors).toMatch(/nothing: no such file or directory/);
});
