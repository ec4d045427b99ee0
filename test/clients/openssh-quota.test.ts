import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { booksGetExact } from "../support/books.ts";
import { onDisk } from "../support/instance.ts";
import { opensshVersion } from "../support/machine.ts";
import { type ServedDesk, serveDesk } from "../support/served-desk.ts";

const MIB = 1024 * 1024;
const QUOTA = 10 * MIB;
/** Bytes of one WRITE of OpenSSH's sftp. */
const REQUEST = 261_120;

let server: ServedDesk["server"];
let desk: ServedDesk["desk"];
let stored: ServedDesk["stored"];
let close: ServedDesk["close"];

beforeEach(async () => {
  ({ server, desk, stored, close } = await serveDesk(
    { name: "ann", quotaBytes: QUOTA, quotaFiles: 50 },
    { name: "free" },
  ));
});

afterEach(() => close());

/** The books equal the disk, and neither is over the quota. */
async function exact(): Promise<void> {
  await booksGetExact(server);
  expect(onDisk(server.home("ann")).bytes).toBeLessThanOrEqual(QUOTA);
}

/** The row of figures that `df` prints. */
function figures(stdout: string): string[] {
  const lines = stdout.split("\n").filter((line) => line.endsWith("%") || line.endsWith("%\r"));
  return (lines.at(-1) ?? "").trim().split(/ +/);
}

describe("df", () => {
  test("shows the quota and what is used of it, in KiB", async () => {
    const file = desk.file("f", 3 * MIB + 1);
    const empty = await desk.sftp(["df"]);
    expect(figures(empty.stdout)).toEqual(["10240", "0", "10240", "10240", "0%"]);
    const { stdout } = await desk.sftp([`put ${file}`, "mkdir d", "df", "cd d", "df", "df /f"]);
    const rows = stdout.split("\n").filter((line) => /^ +\d+ .*%/.test(line));
    expect(rows.map((row) => row.trim().split(/ +/))).toEqual(
      Array.from({ length: 3 }, () => ["10240", "3073", "7167", "7167", "30%"]),
    );
  });

  test("-h shows them with units, -i the files", async () => {
    const file = desk.file("f", 5 * MIB);
    const { stdout } = await desk.sftp([`put ${file}`, "df -h"]);
    expect(figures(stdout)).toEqual(["10.0MB", "5.0MB", "5.0MB", "5.0MB", "50%"]);
    const files = await desk.sftp(["mkdir d", "df -i"]);
    expect(figures(files.stdout)).toEqual(["50", "2", "48", "48", "4%"]);
  });

  test("is exact while an upload is under way, though room is reserved ahead", async () => {
    await server.control.set("ann", { quotaBytes: 1000 * MIB });
    const file = desk.file("f", 40 * MIB);
    const upload = desk.startSftp([`put ${file}`], { options: ["-l", "80000"] });
    await vi.waitFor(() => expect(statSync(stored("f")).size).toBeGreaterThan(2 * MIB), {
      timeout: 20_000,
    });
    const before = statSync(stored("f")).size;
    const { stdout } = await desk.sftp(["df"]);
    const after = statSync(stored("f")).size;
    upload.child.kill("SIGKILL");
    await upload.result;
    const used = Number(figures(stdout)[1]) * 1024;
    expect(used).toBeGreaterThanOrEqual(before);
    // Writes that were under way at that moment are counted, too.
    expect(used).toBeLessThan(after + 64 * REQUEST);
  });

  test("without a quota shows the disk's own figures", async () => {
    const file = desk.file("f", MIB);
    const { stdout } = await desk.sftp([`put ${file}`, "df"], { user: "free" });
    const [size, used, available] = figures(stdout).map(Number);
    expect(used).toBe(1024);
    expect(available).toBeGreaterThan(0);
    expect(size).toBe(1024 + (available as number));
  });

  test("over a quota that was lowered under the usage shows that nothing is left", async () => {
    const file = desk.file("f", 2 * MIB);
    await desk.sftp([`put ${file}`]);
    await server.control.set("ann", { quotaBytes: MIB });
    const { stdout } = await desk.sftp(["df"]);
    const [size, , available] = figures(stdout);
    expect([size, available]).toEqual(["1024", "0"]);
  });
});

describe("an upload that reaches the quota", () => {
  test("fails with a message, keeps what fitted, and goes on when there is room", async () => {
    const first = desk.file("first", 4 * MIB);
    const second = desk.file("second", 9 * MIB);
    const small = desk.file("small", 10);
    const bytes = readFileSync(second);

    const alone = await desk.sftp([`put ${first}`, `put ${second}`, "rm first"]);
    expect(alone.code).toBe(1);
    expect(alone.stderr.trim()).toBe('write remote "/second": Failure');
    await exact();
    const kept = readFileSync(stored("second"));
    expect(bytes.subarray(0, kept.length).equals(kept)).toBe(true);
    // All that fitted was written: there is not room for one more request.
    expect(QUOTA - onDisk(server.home("ann")).bytes).toBeLessThan(REQUEST);

    // The same session reads, lists, uploads what fits, removes, and completes it.
    const back = desk.path("first.back");
    const session = await desk.sftp([
      `-reput ${second}`,
      `get first ${back}`,
      "ls -l",
      `put ${small}`,
      "df",
      "rm first",
      `reput ${second}`,
    ]);
    expect(session.code).toBe(0);
    // From OpenSSH 10 on a resumed upload that failed is also set to the size that was sent.
    expect(session.stderr.trim()).toMatch(
      /^write remote "\/second": Failure(\r?\nremote fsetstat: Failure)?$/,
    );
    expect(readFileSync(back).equals(readFileSync(first))).toBe(true);
    expect(readFileSync(stored("second")).equals(bytes)).toBe(true);
    await exact();
  });

  test("the last byte fits, one more does not", async () => {
    const exactly = desk.file("exactly", QUOTA);
    const one = desk.file("one", 1);
    const empty = desk.file("empty", 0);
    const { code, stderr, stdout } = await desk.sftp([
      `put ${exactly}`,
      `-put ${one}`,
      `put ${empty}`,
      "df",
      `put ${exactly}`,
    ]);
    expect(code).toBe(0);
    expect(stderr.trim()).toBe('write remote "/one": Failure');
    expect(figures(stdout)).toEqual(["10240", "10240", "0", "0", "100%"]);
    expect(readFileSync(stored("exactly")).equals(readFileSync(exactly))).toBe(true);
    expect(statSync(stored("one")).size).toBe(0);
    await exact();
  });

  test("put -r: what is too large fails, everything else arrives", async () => {
    const top = desk.path("tree");
    mkdirSync(top);
    for (const name of ["a", "z"]) writeFileSync(join(top, name), Buffer.alloc(100_000, name));
    writeFileSync(join(top, "large"), Buffer.alloc(2 * QUOTA));
    const { code } = await desk.sftp([`put -r ${top}`]);
    expect(code).toBe(1);
    const partial = statSync(stored("tree/large")).size;
    expect(partial).toBeGreaterThan(0);
    await exact();
    // What the large one left free is less than a request; the others are smaller still or fitted.
    await desk.sftp(["rm tree/large", `put ${top}/a tree/a`, `put ${top}/z tree/z`]);
    for (const name of ["a", "z"]) {
      expect(readFileSync(stored(`tree/${name}`)).equals(Buffer.alloc(100_000, name))).toBe(true);
    }
    await exact();
  });

  // sftp copies since 9.0.
  const copies = opensshVersion() >= 9;
  test.runIf(copies)(
    "at a full quota a file is replaced by one of its size, and a copy is refused",
    async () => {
      const file = desk.file("file", 6 * MIB);
      const other = desk.file("other", 6 * MIB);
      const { code, stderr } = await desk.sftp([
        `put ${file} f`,
        `put ${other} f`,
        "-cp f copy",
        "rm copy",
        "ln f second",
        "rm f",
      ]);
      expect(code).toBe(0);
      expect(stderr.trim().split("\n")).toHaveLength(1);
      expect(readFileSync(stored("second")).equals(readFileSync(other))).toBe(true);
      await exact();
    },
  );

  test("a limit of files refuses one more, whatever it is, and takes it when one is gone", async () => {
    const file = desk.file("file", 1);
    await desk.sftp(Array.from({ length: 50 }, (_, i) => `put ${file} f${i}`));
    const { code, stderr } = await desk.sftp([
      `-put ${file} more`,
      "-mkdir more",
      "-ln -s f0 more",
      "-ln f0 more",
      `put ${file} f0`,
      "rename f1 g1",
      "rm f2",
      "mkdir more",
    ]);
    expect(code).toBe(0);
    expect(stderr.trim().split("\n")).toHaveLength(4);
    expect(onDisk(server.home("ann")).files).toBe(50);
    await exact();
  });

  test("the audit trail says that it was refused for quota", async () => {
    const large = desk.file("large", QUOTA + 1);
    await desk.sftp([`put ${large}`]);
    await vi.waitFor(async () => {
      const refused = await server.store.audit.query({ user: "ann", kind: "refused-quota" });
      expect(refused.length).toBeGreaterThanOrEqual(1);
      expect(refused[0]).toMatchObject({ path: "/large" });
    });
  });
});
