import { execFileSync } from "node:child_process";
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { buffer } from "node:stream/consumers";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { backUp } from "../../src/backup/backup.ts";
import type { Missed } from "../../src/backup/toll.ts";
import { openStore } from "../../src/store/store.ts";
import { Evidence } from "../../src/vfs/evidence.ts";
import { restored } from "../support/archive.ts";
import { openPaths } from "../support/descriptors.ts";
import { type Fault, faultyFs } from "../support/faulty-fs.ts";
import { onDisk, TestInstance } from "../support/instance.ts";

vi.mock("node:fs", async (original) => {
  const { faultyFs } = await import("../support/faulty-fs.ts");
  return faultyFs.callbacksAndSync(await original());
});
vi.mock("node:fs/promises", async (original) => {
  const { faultyFs } = await import("../support/faulty-fs.ts");
  return faultyFs.promises(await original());
});

const FAULTS: readonly Fault[] = ["EIO", "short"];

let instance: TestInstance;
let directory: string;
let original: Map<string, string>;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "moorage-faults-"));
  instance = await TestInstance.create();
  for (const name of ["ann", "bob"]) {
    await instance.addUser(name, null);
    mkdirSync(instance.path(name, "d", "e"), { recursive: true });
    writeFileSync(instance.path(name, "d", "file"), Buffer.alloc(300_001, name));
    writeFileSync(instance.path(name, "d", "e", "small"), "small");
    linkSync(instance.path(name, "d", "file"), instance.path(name, "hard"));
    symlinkSync("d/file", instance.path(name, "soft"));
  }
  original = listing(instance.root);
});

afterEach(() => {
  faultyFs.disarm();
  rmSync(join(directory, "restored"), { recursive: true, force: true });
});

afterAll(async () => {
  await instance.close();
  rmSync(directory, { recursive: true, force: true });
});

async function backedUp(missed: Missed[]): Promise<Buffer> {
  const { root, store } = instance;
  const aside = join(directory, "aside");
  const evidence = new Evidence(store.ledger);
  const out = new PassThrough();
  const packed = buffer(out);
  packed.catch(() => undefined);
  try {
    await backUp(
      {
        ...{ root, homes: true, version: "test", aside },
        outcome: (file) => evidence.outcome(file),
        onMissed: (one) => missed.push(one),
        signal: new AbortController().signal,
      },
      out,
    );
    return await packed;
  } finally {
    out.destroy();
    rmSync(aside, { force: true });
  }
}

/** Each path with what it is: the kind, the mode and a file's sum. */
function listing(root: string): Map<string, string> {
  const homes = join(root, "homes");
  const script = `cd '${homes}' && find . -mindepth 1 -path ./.moorage -prune -o -printf '%P %y%m%l\\n'; find . -type f ! -name .moorage -exec sha256sum {} + | sed 's/\\(.*\\)  \\.\\/\\(.*\\)/\\2#sum \\1/'`;
  const lines = execFileSync("sh", ["-c", script], { encoding: "utf8" }).trim().split("\n");
  return new Map(lines.map((line) => line.split(" ", 2) as [string, string]));
}

/** What is at another place as it is here, but for what was said to be missing. */
function expectSame(there: string, missed: readonly Missed[], what: string): void {
  const isMissed = (path: string): boolean =>
    missed.some((one) => `homes/${path.replace(/#sum$/, "")}`.startsWith(one.path));
  const [wanted, found] = [original, listing(there)].map(
    (all) => new Map([...all].filter(([path]) => !isMissed(path))),
  );
  expect(found, what).toEqual(wanted);
}

/** @param failed then it is no instance, or all there: the last thing that can fail makes it durable */
async function checkRestored(root: string, failed: boolean, what: string): Promise<void> {
  // It had not begun.
  if (failed && (!existsSync(root) || readdirSync(root).length === 0)) return;
  if (failed && existsSync(join(root, "RESTORE-UNFINISHED"))) {
    await expect(openStore(root, "command", "test"), what).rejects.toThrow("did not finish");
    return;
  }
  const store = await openStore(root, "command", "test");
  for (const name of ["ann", "bob"]) {
    const { usedBytes: bytes, usedFiles: files } = (await store.users.byName(name)) ?? {};
    expect({ bytes, files }, what).toEqual(onDisk(instance.path(name)));
  }
  await store.close();
  expectSame(root, [], what);
}

test.each(FAULTS)(
  "%s of the Nth system call of a backup, for every N: it fails, or names all that is not in it",
  async (fault) => {
    const whole = await backedUp([]);
    expect(whole.length).toBeGreaterThan(1_000);
    const open = openPaths().length;
    let failures = 0;
    let n = 1;
    for (let done = false; !done; n += 1) {
      const missed: Missed[] = [];
      faultyFs.arm(fault, n);
      const packed = await backedUp(missed).catch(() => undefined);
      faultyFs.disarm();
      const what = `${fault} ${n}: ${faultyFs.failed}`;
      done = faultyFs.failed === undefined;
      expect(openPaths().length, what).toBe(open);
      failures += Number(packed === undefined);
      if (packed === undefined) continue;
      const root = join(directory, "restored");
      await restored(packed, root);
      expectSame(root, missed, what);
      rmSync(root, { recursive: true });
    }
    if (fault === "EIO") expect(failures).toBeGreaterThan(3);
    else expect(failures).toBe(0);
  },
  60_000,
);

test.each(FAULTS)(
  "%s of the Nth system call of a restore, for every N: it fails, and nothing starts there, or all is there",
  async (fault) => {
    const packed = await backedUp([]);
    const open = openPaths().length;
    let n = 1;
    for (let done = false; !done; n += 1) {
      const root = join(directory, "restored");
      faultyFs.arm(fault, n);
      const restoring = async () => restored(packed, root);
      const result = await restoring().catch(() => undefined);
      faultyFs.disarm();
      const what = `${fault} ${n}: ${faultyFs.failed}`;
      done = faultyFs.failed === undefined;
      expect(openPaths().length, what).toBe(open);
      await checkRestored(root, result === undefined, what);
      rmSync(root, { recursive: true, force: true });
    }
  },
  60_000,
);
