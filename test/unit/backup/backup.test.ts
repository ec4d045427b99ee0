import { execFileSync } from "node:child_process";
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { buffer } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { backUp } from "../../../src/backup/backup.ts";
import type { Missed } from "../../../src/backup/toll.ts";
import { openStore } from "../../../src/store/store.ts";
import { Evidence } from "../../../src/vfs/evidence.ts";
import { fromText } from "../../../src/vfs/path.ts";
import { restored, temporary } from "../../support/archive.ts";
import { onDisk, PUT, TestInstance } from "../../support/instance.ts";

async function instanceOf(...names: string[]): Promise<TestInstance> {
  const instance = await TestInstance.create();
  onTestFinished(() => instance.close());
  for (const name of names) {
    await instance.addUser(name, null);
    mkdirSync(instance.path(name), { mode: 0o700 });
  }
  return instance;
}

interface Made {
  readonly packed: Buffer;
  readonly missed: Missed[];
  readonly made: Awaited<ReturnType<typeof backUp>>;
}

/** @param onCopied as each file was copied */
async function backedUp(
  { root, store }: TestInstance,
  { homes = true, onCopied = () => {} } = {},
): Promise<Made> {
  const missed: Missed[] = [];
  const out = new PassThrough();
  const packed = buffer(out);
  await store.leases.exact();
  const evidence = new Evidence(store.ledger);
  const made = await backUp(
    {
      ...{ root, homes, onCopied, version: "test", aside: join(temporary(), "aside") },
      outcome: (file) => evidence.outcome(file),
      onMissed: (one) => missed.push(one),
      signal: new AbortController().signal,
    },
    out,
  );
  return { packed: await packed, missed, made };
}

/** Where it was restored, and what the books have there. */
async function back({ packed }: Made, ...names: string[]) {
  const root = join(temporary(), "root");
  await restored(packed, root);
  const store = await openStore(root, "command", "test", { withoutHomes: true });
  const usage = new Map<string, { bytes: number; files: number }>();
  for (const name of names) {
    const { usedBytes, usedFiles } = (await store.users.byName(name)) ?? {
      usedBytes: -1,
      usedFiles: -1,
    };
    usage.set(name, { bytes: usedBytes, files: usedFiles });
  }
  await store.close();
  return { root, usage };
}

/** Before the test's own cleaning, which can't: its paths are too long for the system. */
function removedByRm(directory: string): void {
  onTestFinished(() => void execFileSync("rm", ["-rf", directory]));
}

/** All that is kept of a tree, by path. */
function listing(directory: string): string {
  const format = "%P %y %m %n %Ts %l ";
  const args = [directory, "-mindepth", "1", "(", "-type", "d", "-printf", `${format}\\n`];
  const files = [")", "-o", "(", "-printf", `${format}%s\\n`, ")"];
  const found = execFileSync("find", [...args, ...files], { encoding: "latin1" });
  const lines = found.split("\n").filter((line) => !line.startsWith(".moorage "));
  return lines.sort().join("\n");
}

test("names of any bytes, links, modes and times come back, deep and long, and the books with them", async () => {
  const instance = await instanceOf("ann", "bob");
  const at = (...names: string[]): string => instance.path("ann", ...names);
  mkdirSync(at("d", "e"), { recursive: true });
  writeFileSync(at("d", "e", "x"), "hello");
  linkSync(at("d", "e", "x"), at("y"));
  linkSync(at("y"), at("d", "z"));
  symlinkSync("/etc/passwd", at("absolute"));
  symlinkSync(Buffer.from([0x2e, 0x2e, 0x2f, 0xff]), at("bytes"));
  symlinkSync(`${"l/".repeat(200)}x`, at("long-link"));
  for (const bytes of [[0xff, 0xfe], [0x0a], [0x5c, 0x20], [0xc3]]) {
    writeFileSync(Buffer.concat([Buffer.from(`${at()}/`), Buffer.from(bytes)]), "odd");
  }
  writeFileSync(at("n".repeat(255)), "");
  writeFileSync(at("block"), Buffer.alloc(512, 1));
  writeFileSync(at("blocks"), Buffer.alloc(300_001, 1));
  writeFileSync(at("sparse"), "");
  truncateSync(at("sparse"), 3_000_000);
  mkdirSync(at("closed"));
  writeFileSync(at("closed", "a"), "a", { mode: 0o400 });
  chmodSync(at("closed"), 0o500);
  let deep = at();
  for (let depth = 0; depth < 15; depth += 1) {
    deep = join(deep, `${"p".repeat(200)}${depth}`);
    mkdirSync(deep);
  }
  writeFileSync(join(deep, "deep"), "deep");
  utimesSync(at("d", "e"), 1_000_000_000, 1_000_000_001);
  utimesSync(at("block"), 5, 5);
  const made = await backedUp(instance);
  expect(made.missed).toEqual([]);
  const { root, usage } = await back(made, "ann", "bob");
  expect(listing(join(root, "homes"))).toBe(listing(join(instance.root, "homes")));
  expect(readFileSync(join(root, "homes", "ann", "blocks"))).toEqual(readFileSync(at("blocks")));
  expect(readFileSync(join(root, "homes", "ann", "y"), "utf8")).toBe("hello");
  expect(usage.get("ann")).toEqual(onDisk(join(root, "homes", "ann")));
  expect(usage.get("bob")).toEqual({ bytes: 0, files: 0 });
  expect(made.made.trailer).toMatchObject({ ...usage.get("ann"), unread: 0, vanished: 0 });
});

test("folders and homes that nobody owns are in it, what is being deleted is not", async () => {
  const instance = await instanceOf("ann");
  for (const name of ["@team", "removed", ".trash-x", "lost+found"]) {
    mkdirSync(instance.path(name));
    writeFileSync(instance.path(name, "f"), "f");
  }
  const { root } = await back(await backedUp(instance));
  expect(readdirSync(join(root, "homes")).sort()).toEqual([".moorage", "@team", "ann", "removed"]);
});

test("keys and settings are private again, and a link among them is the file that it leads to", async () => {
  const instance = await instanceOf();
  const elsewhere = join(temporary(), "key");
  writeFileSync(elsewhere, "secret", { mode: 0o644 });
  mkdirSync(join(instance.root, "keys", "more"), { recursive: true });
  symlinkSync(elsewhere, join(instance.root, "keys", "ssh_host_rsa_key"));
  writeFileSync(join(instance.root, "keys", "more", "a"), "a", { mode: 0o644 });
  writeFileSync(join(instance.root, "moorage.toml"), "[limits]\n", { mode: 0o644 });
  const { root } = await back(await backedUp(instance, { homes: false }));
  const modes = ["moorage.toml", "keys", "keys/ssh_host_rsa_key", "keys/more", "keys/more/a", "db"];
  expect(modes.map((name) => (lstatSync(join(root, name)).mode & 0o777).toString(8))).toEqual([
    "600",
    "700",
    "600",
    "700",
    "600",
    "700",
  ]);
  expect(readFileSync(join(root, "keys", "ssh_host_rsa_key"), "utf8")).toBe("secret");
  expect(statSync(join(root, "db", "moorage.sqlite")).mode & 0o777).toBe(0o600);
}, 10_000);

test("what changes, vanishes or shrinks under the copy is told, and what is restored is exact", async () => {
  const instance = await instanceOf("ann");
  const at = (...names: string[]): string => instance.path("ann", ...names);
  for (const name of ["a", "b", "c"]) {
    mkdirSync(at(name));
    for (let n = 0; n < 5; n += 1) writeFileSync(at(name, `${n}`), Buffer.alloc(100_000, n));
  }
  let copied = 0;
  const made = await backedUp(instance, {
    onCopied: () => {
      copied += 1;
      // The books go on, too: what they say at the end is not what is in the archive.
      writeFileSync(at(`more${copied}`), Buffer.alloc(1000));
      if (copied === 4) renameSync(at("c"), at("moved"));
    },
  });
  const { root, usage } = await back(made, "ann");
  expect(usage.get("ann")).toEqual(onDisk(join(root, "homes", "ann")));
});

test("what is no file is left out and told", async () => {
  const instance = await instanceOf("ann");
  execFileSync("mkfifo", [instance.path("ann", "pipe")]);
  symlinkSync("/etc", instance.path("linked"));
  const { missed, made } = await backedUp(instance);
  expect(missed.map(({ what, path }) => [what, path])).toEqual([
    ["skipped", "homes/ann/pipe"],
    ["unread", "homes/linked"],
  ]);
  expect(made).toMatchObject({ skipped: 1, trailer: { unread: 1, files: 0 } });
});

test("a database without homes is charged for what open files are", async () => {
  const instance = await instanceOf("ann");
  const account = await instance.store.users.byName("ann");
  if (account === undefined) throw new Error("no ann");
  const home = await instance.home(account);
  const open = async (name: string, bytes: number) => {
    const file = await home.open(fromText(name), PUT);
    await file.write([Buffer.alloc(bytes)], bytes, 0);
    return file;
  };
  const kept = await open("/kept", 1000);
  const removed = await open("/removed", 70_000);
  await home.remove(fromText("/removed"));
  const { usage } = await back(await backedUp(instance, { homes: false }), "ann");
  expect(usage.get("ann")).toEqual({ bytes: 1000, files: 1 });
  await kept.close();
  await removed.close();
});

test("directories that are moved and removed under the copy, however deep, keep nothing else from it", async () => {
  const instance = await instanceOf("ann");
  const at = (...names: string[]): string => instance.path("ann", ...names);
  const down = Array.from({ length: 30 }, (_, depth) => `${depth}`);
  for (const top of ["a", "b", "c"]) {
    mkdirSync(at(top, ...down), { recursive: true });
    writeFileSync(at(top, ...down, "deep"), "deep");
  }
  let copied = 0;
  const made = await backedUp(instance, {
    onCopied: () => {
      copied += 1;
      // Within the first of the three, whichever that is.
      if (copied === 15)
        for (const top of ["a", "b", "c"]) renameSync(at(top, "0", "1"), at(`${top}1`));
    },
  });
  expect(made.missed.filter(({ what }) => what === "unread")).toEqual([]);
  const { root, usage } = await back(made, "ann");
  expect(usage.get("ann")).toEqual(onDisk(join(root, "homes", "ann")));
  expect(readdirSync(join(root, "homes", "ann"))).toEqual(expect.arrayContaining(["a", "b", "c"]));
});

test("a path that is too long for an archive is told, and the rest is in it", async () => {
  const instance = await instanceOf("ann");
  const long = "l".repeat(250);
  removedByRm(instance.path("ann"));
  // Deeper than any path that the system takes at once.
  let script = "import os\n";
  script += `os.chdir(${JSON.stringify(instance.path("ann"))})\n`;
  script += `for _ in range(80):\n  os.mkdir('${long}'); os.chdir('${long}'); open('f','w').write('x')\n`;
  execFileSync("python3", ["-c", script]);
  const made = await backedUp(instance);
  expect(made.missed.length).toBeGreaterThan(10);
  expect(new Set(made.missed.map(({ what }) => what))).toEqual(new Set(["unread"]));
  const { root, usage } = await back(made, "ann");
  removedByRm(join(root, "homes", "ann"));
  expect(usage.get("ann")).toEqual(onDisk(join(root, "homes", "ann")));
  expect(usage.get("ann")?.files).toBeGreaterThan(120);
});
