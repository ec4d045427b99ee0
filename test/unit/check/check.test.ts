import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type CheckOptions, check } from "../../../src/check/check.ts";
import { type Finding, Findings } from "../../../src/check/finding.ts";
import { checkClock, checkNode, checkServer } from "../../../src/check/machine.ts";
import { notRunning } from "../../../src/control/nodes.ts";
import { openStore } from "../../../src/store/store.ts";
import { fromText } from "../../../src/vfs/path.ts";
import { PUT, TestInstance } from "../../support/instance.ts";

async function instanceOf(...names: string[]): Promise<TestInstance> {
  const instance = await TestInstance.create({ holds: true });
  onTestFinished(() => instance.close());
  for (const name of names) {
    await instance.addUser(name, null);
    mkdirSync(instance.path(name), { mode: 0o700 });
  }
  mkdirSync(join(instance.root, "keys"), { mode: 0o700 });
  writeFileSync(join(instance.root, "keys", "ssh_host_rsa_key"), "-----BEGIN x", { mode: 0o600 });
  return instance;
}

function opens(root: string): CheckOptions["open"] {
  return (options) => openStore(root, "command", "test", options);
}

/** What is not fine, as "area level text", without what depends on the machine. */
async function faults({ root }: TestInstance, homes = true, env = {}): Promise<string[]> {
  const found = await check({ root, env, homes, settle: async () => {}, open: opens(root) });
  return (
    found
      // The test's own process is a server that listens nowhere.
      .filter(({ area, level }) => level !== "ok" && !["node", "disk", "server"].includes(area))
      .map(({ area, level, text }) => `${area} ${level}: ${text}`)
  );
}

test("an instance where all is fine", async () => {
  expect(await faults(await instanceOf("ann"))).toEqual([]);
});

test("settings that are wrong, host keys that others can read or that are none", async () => {
  const instance = await instanceOf();
  writeFileSync(join(instance.root, "moorage.toml"), "[limits]\nqeue = 3\n");
  writeFileSync(join(instance.root, "keys", "ssh_host_ed25519_key"), "no key", { mode: 0o600 });
  chmodSync(join(instance.root, "keys", "ssh_host_rsa_key"), 0o640);
  chmodSync(join(instance.root, "keys"), 0o755);
  expect(await faults(instance)).toEqual([
    "settings error: moorage.toml:2 (limits.qeue): unknown setting; did you mean limits.queue?",
    "keys error: keys/ssh_host_ed25519_key is no private key",
    "secrets error: keys/ can be entered by others",
    "secrets error: keys/ssh_host_rsa_key can be read by others",
  ]);
});

test("receivers of events that can't be told, and one that fails", async () => {
  const instance = await instanceOf();
  const { root, store } = instance;
  const receivers = ["none", "short", "open"].map(
    (name) =>
      `[[events]]\nname = "${name}"\nkinds = ["all"]\nurl = "https://x.example"\nsecret_file = "${name}"\n`,
  );
  const command = `[[events]]\nname = "run"\nkinds = ["all"]\ncommand = ["/nowhere/x"]\n`;
  writeFileSync(join(root, "moorage.toml"), receivers.join("") + command);
  writeFileSync(join(root, "short"), "c2hvcnQ=", { mode: 0o600 });
  writeFileSync(join(root, "open"), Buffer.alloc(32).toString("base64"));
  chmodSync(join(root, "open"), 0o644);
  await store.events.claim();
  await store.events.setReceivers(["run"], Date.now());
  const most = { events: 1, bytes: 100 };
  const event = { receiver: "run", at: Date.now(), event: "{}", most };
  await store.events.take(0, 1, [event, event]);
  const [waiting] = await store.events.due("run", Date.now(), 1);
  if (waiting === undefined) throw new Error("nothing waits");
  await store.events.failed(waiting, { at: 1, error: "no answer", nextAt: 1, eventNextAt: 1 });
  const found = (await faults(instance)).filter((text) => text.startsWith("events"));
  expect(found).toEqual([
    expect.stringMatching(/^events error: none: .* can't be read \(ENOENT\)$/),
    expect.stringMatching(/^events error: short: short must have 1 to 4 lines/),
    "events warning: open: others can read open",
    "events error: run: /nowhere/x can't be run (ENOENT)",
    "events warning: run fails: no answer; 1 event waiting",
    "events warning: run: 1 event never arrived",
  ]);
});

test("host keys that are gone are missed where there were some", async () => {
  const instance = await instanceOf();
  rmSync(join(instance.root, "keys"), { recursive: true });
  expect(await faults(instance)).toEqual([]);
  await instance.store.belongings.keysLoaded();
  expect(await faults(instance)).toEqual(["keys error: the host keys are not in keys/"]);
  expect(await faults(instance, true, { MOORAGE_HOST_KEY_RSA: "x" })).toEqual([]);
});

test("homes that are missing, links, or nobody's", async () => {
  const instance = await instanceOf("ann", "bob", "eve");
  const account = await instance.store.users.byName("ann");
  if (account === undefined) throw new Error("no ann");
  const home = await instance.home(account);
  await (await home.open(fromText("/a"), PUT)).close();
  await instance.store.leases.share(account.id);
  for (const name of ["ann", "bob", "eve"]) rmSync(instance.path(name), { recursive: true });
  symlinkSync("/etc", instance.path("bob"));
  for (const name of ["w", "x", "y", "z"]) mkdirSync(instance.path(name));
  expect(await faults(instance, false)).toEqual([
    "homes error: homes/ann is missing, and should have 1 file",
    "homes error: homes/bob is a symbolic link",
    "homes warning: nobody's: homes/w, homes/x, homes/y and 1 more",
  ]);
});

test("a mark of another instance, and none", async () => {
  const instance = await instanceOf("ann");
  const mark = join(instance.root, "homes", ".moorage");
  writeFileSync(mark, "another\n");
  expect((await faults(instance, false))[0]).toMatch(/homes error: homes\/ belongs to another/);
  rmSync(mark);
  expect((await faults(instance, false))[0]).toBe("homes error: homes/.moorage is missing");
});

test("books are compared with the disk, in use and not, and stay as they are", async () => {
  const instance = await instanceOf("ann", "bob");
  const account = await instance.store.users.byName("ann");
  if (account === undefined) throw new Error("no ann");
  const home = await instance.home(account);
  const file = await home.open(fromText("/a"), PUT);
  await file.write([Buffer.alloc(100)], 100, 0);
  expect(await faults(instance)).toEqual([]);
  writeFileSync(instance.path("bob", "behind"), "12345");
  const wrong = ["books error: bob: booked 0 bytes in 0 files, on the disk 5 in 1"];
  expect(await faults(instance)).toEqual(wrong);
  expect(await faults(instance)).toEqual(wrong);
  await file.close();
});

test("a database that is damaged leaves the rest to be looked at", async () => {
  const instance = await instanceOf();
  const other = join(instance.root, "copy");
  mkdirSync(join(other, "db"), { recursive: true });
  mkdirSync(join(other, "homes"));
  writeFileSync(join(other, "db", "moorage.sqlite"), Buffer.alloc(9000, 3));
  const found = await check({
    ...{ root: other, env: {}, homes: true, settle: async () => {} },
    open: opens(other),
  });
  const levels = found.map(({ area, level }) => `${area} ${level}`);
  expect(levels).toContain("database error");
  for (const area of ["settings", "keys", "disk", "descriptors", "node", "clock"]) {
    expect(found.map((finding) => finding.area)).toContain(area);
  }
});

function levels(look: (findings: Findings) => void): Finding["level"][] {
  const findings = new Findings("x");
  look(findings);
  return findings.all.map(({ level }) => level);
}

test("servers that don't answer or are of another version", () => {
  const node = { pid: 1, listen: "a:1", sessions: 0, version: "2", uptimeSeconds: 1 };
  const loopDelay = { p50Ms: 1, p99Ms: 1, maxMs: 1 };
  const status = (...nodes: object[]) =>
    ({ ...notRunning("2"), running: true, nodes }) as unknown as ReturnType<typeof notRunning>;
  const of = (...nodes: object[]) => levels((to) => checkServer(to, status(...nodes), "2"));
  expect(of({ ...node, loopDelay })).toEqual(["ok"]);
  expect(of({ ...node, loopDelay: null })).toEqual(["error"]);
  expect(of({ ...node, loopDelay, version: "1" })).toEqual(["warning"]);
  expect(levels((to) => checkServer(to, notRunning("2"), "2"))).toEqual(["ok"]);
});

test("versions of Node.js, and clocks", () => {
  const node = (version: string) => levels((to) => checkNode(to, version))[0];
  expect(["18.0.0", "20.1.0", "22.3.0", "23.0.0", "26.0.0"].map(node)).toEqual([
    "error",
    "warning",
    "ok",
    "warning",
    "ok",
  ]);
  const now = Date.UTC(2026, 5, 1);
  const clock = (newest: number, at = now) => levels((to) => checkClock(to, newest, at))[0];
  expect(clock(now)).toBe("ok");
  expect(clock(now + 3_600_000)).toBe("warning");
  expect(clock(0, 5)).toBe("error");
});
