import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FsError } from "../../../src/errors.ts";
import { AuditedFileSystem } from "../../../src/session/audited.ts";
import type { FileEvent } from "../../../src/session/audited-file.ts";
import { fromText } from "../../../src/vfs/path.ts";
import type { UserFileSystem } from "../../../src/vfs/types.ts";
import { APPEND, PUT, READ, TestInstance, WRITE } from "../../support/instance.ts";

let instance: TestInstance;
let inner: UserFileSystem;
let events: FileEvent[];
let fs: AuditedFileSystem;

beforeEach(async () => {
  instance = await TestInstance.create();
  inner = await instance.home(await instance.addUser("ann", 1_000));
  events = [];
  fs = new AuditedFileSystem(inner, (event) => events.push(event));
});

afterEach(() => instance.close());

function told(): string[] {
  return events.map(({ kind, path, bytes }) =>
    [kind, path, bytes].filter((x) => x !== undefined).join(" "),
  );
}

async function put(path: string, length: number): Promise<void> {
  const file = await fs.open(fromText(path), PUT, 0o644);
  if (length > 0) await file.write([Buffer.alloc(length)], length, 0);
  await file.close();
}

describe("AuditedFileSystem", () => {
  test("an upload is recorded at its close, with bytes, time and rate", async () => {
    const file = await fs.open(fromText("/a"), PUT, 0o644);
    await file.write([Buffer.alloc(10), Buffer.alloc(20)], 30, 0);
    await file.write([Buffer.alloc(5)], 5, 30);
    expect(events).toEqual([]);
    await file.close();
    await file.close();
    expect(told()).toEqual(["upload /a 35"]);
    expect(events[0]?.durationMs).toBeGreaterThan(0);
    expect(events[0]?.detail).toMatch(/^[\d.]+ (B|KB|MB|GB)\/s$/);
  });

  test("a download counts what was read", async () => {
    await put("/a", 100);
    const file = await fs.open(fromText("/a"), READ);
    const target = Buffer.alloc(64);
    expect(await file.read(target, 0, 64, 0)).toBe(64);
    expect(await file.read(target, 0, 64, 64)).toBe(36);
    expect(await file.read(target, 0, 64, 100)).toBe(0);
    await file.close();
    expect(told()).toEqual(["upload /a 100", "download /a 100"]);
  });

  test("a transfer that was ended is not shown any more, though its client is slow to close it", async () => {
    const file = await fs.open(fromText("/a"), PUT, 0o644);
    await file.write([Buffer.alloc(10)], 10, 0);
    const [shown] = await fs.transfers();
    expect(fs.endTransfer(shown?.id ?? 0, "ended by somebody")).toBe(true);
    expect(await fs.transfers()).toEqual([]);
    expect(fs.openFiles).toBe(1);
    await file.close();
    expect(events[0]).toMatchObject({ kind: "upload", detail: expect.stringContaining("ended") });
  });

  test("an empty upload and an empty download are recorded, an untouched file is not", async () => {
    await put("/empty", 0);
    await (await fs.open(fromText("/empty"), READ)).close();
    await (await fs.open(fromText("/empty"), WRITE)).close();
    expect(told()).toEqual(["upload /empty 0", "download /empty 0"]);
  });

  test("directory changes are recorded when they were done", async () => {
    await fs.makeDirectory(fromText("/d"));
    await put("/d/a", 1);
    await fs.rename(fromText("/d/a"), fromText("/d/b"), false);
    await fs.symlink(fromText("b"), fromText("/d/link"));
    await fs.remove(fromText("/d/link"));
    await fs.remove(fromText("/d/b"));
    await fs.removeDirectory(fromText("/d"));
    await expect(fs.remove(fromText("/missing"))).rejects.toThrow(FsError);
    await expect(fs.makeDirectory(fromText("/x/y"))).rejects.toThrow(FsError);
    expect(told()).toEqual([
      "mkdir /d",
      "upload /d/a 1",
      "rename /d/a",
      "link /d/link",
      "remove /d/link",
      "remove /d/b",
      "rmdir /d",
    ]);
    expect(events[2]?.detail).toBe("to /d/b");
  });

  test("a refusal for quota is recorded once a file, and what was written still counts", async () => {
    const file = await fs.open(fromText("/a"), PUT, 0o644);
    await file.write([Buffer.alloc(900)], 900, 0);
    for (let i = 0; i < 5; i++) {
      await expect(file.write([Buffer.alloc(200)], 200, 900)).rejects.toThrow(FsError);
    }
    await file.close();
    expect(told()).toEqual(["refused-quota /a", "upload /a 900"]);
  });

  test("a flood of refused names leaves one record", async () => {
    await put("/a", 1_000);
    const file = await fs.open(fromText("/a"), APPEND);
    for (let i = 0; i < 50; i++) {
      await expect(fs.setStat(fromText("/a"), { size: 2_000 }, true)).rejects.toThrow(FsError);
    }
    await file.close();
    expect(told().filter((line) => line.startsWith("refused"))).toEqual(["refused-quota /a"]);
  });

  test("lists the transfers under way, a download with its size", async () => {
    await put("/a", 500);
    const up = await fs.open(fromText("/b"), PUT, 0o644);
    const down = await fs.open(fromText("/a"), READ);
    await up.write([Buffer.alloc(100)], 100, 0);
    await down.read(Buffer.alloc(200), 0, 200, 0);
    expect(fs.sample(1_000)).toBe(true);
    expect(await fs.transfers()).toEqual([
      { id: 2, path: "/b", direction: "upload", bytes: 100, size: null, bytesPerSecond: 100 },
      { id: 3, path: "/a", direction: "download", bytes: 200, size: 500, bytesPerSecond: 200 },
    ]);
    expect(fs.openFiles).toBe(2);
    expect(fs.sample(1_000)).toBe(false);
    await up.close();
    await down.close();
    expect(fs.openFiles).toBe(0);
    expect(await fs.transfers()).toEqual([]);
  });

  test("a size that no file can have is not told of an upload", async () => {
    const file = await fs.open(fromText("/b"), PUT, 0o644);
    // What the wire makes of sizes from 2^53 on.
    file.expect?.(Number.POSITIVE_INFINITY);
    await file.write([Buffer.alloc(100)], 100, 0);
    expect(await fs.transfers()).toMatchObject([{ bytes: 100, size: null }]);
    file.abandon?.();
    await file.close();
    expect(events.at(-1)?.detail).not.toContain("Infinity");
  });

  test("an upload whose end the client told is listed with it, and where it is when it goes on", async () => {
    const file = await fs.open(fromText("/b"), PUT, 0o644);
    file.expect?.(500);
    await file.write([Buffer.alloc(100)], 100, 0);
    expect(await fs.transfers()).toMatchObject([{ bytes: 100, size: 500 }]);
    await file.close();
    const again = await fs.open(fromText("/b"), { ...PUT, truncate: false }, 0o644);
    again.expect?.(500);
    expect(await fs.transfers()).toMatchObject([{ bytes: 100, size: 500 }]);
    await again.write([Buffer.alloc(150)], 150, 100);
    expect(await fs.transfers()).toMatchObject([{ bytes: 250, size: 500 }]);
    // A client that said too little is not beyond its end.
    await again.write([Buffer.alloc(300)], 300, 300);
    expect(await fs.transfers()).toMatchObject([{ bytes: 500, size: 500 }]);
    await again.close();
  });

  test("an upload that goes on is where the file ends, also when the client told no size", async () => {
    await put("/b", 40);
    const again = await fs.open(fromText("/b"), WRITE);
    expect(await fs.transfers()).toMatchObject([{ bytes: 40, size: null }]);
    await again.write([Buffer.alloc(10)], 10, 40);
    expect(await fs.transfers()).toMatchObject([{ bytes: 50, size: null }]);
    await again.close();
    const last = await fs.open(fromText("/b"), APPEND);
    await last.write([Buffer.alloc(50)], 50, 0);
    expect(await fs.transfers()).toMatchObject([{ bytes: 100, size: null }]);
    await last.close();
  });

  test("a copy between two of its files counts as written", async () => {
    await put("/a", 300);
    const from = await fs.open(fromText("/a"), READ);
    const to = await fs.open(fromText("/b"), PUT, 0o644);
    expect(await fs.copy(from, 0, 0, to, 0)).toBe(300);
    await to.close();
    await from.close();
    expect(told()).toContain("upload /b 300");
  });

  test("what is open at the end is recorded as unfinished", async () => {
    const file = await fs.open(fromText("/a"), PUT, 0o644);
    await file.write([Buffer.alloc(10)], 10, 0);
    await fs.close();
    await fs.close();
    expect(told()).toEqual(["upload /a 10"]);
    expect(events[0]?.detail).toContain("unfinished");
  });

  test("names are for people: control characters escaped", async () => {
    await put("/a\u001b[2J", 1);
    expect(events[0]?.path).toBe("/a\\x1b[2J");
  });
});

test("an upload that breaks off says how far it came, of how much", async () => {
  const file = await fs.open(fromText("/a"), PUT, 0o644);
  file.expect?.(100);
  await file.write([Buffer.alloc(30)], 30, 0);
  await fs.close();
  expect(events[0]).toMatchObject({ bytes: 30, size: 30, expected: 100, unfinished: true });
  expect(events[0]?.detail).toMatch(/, unfinished: 30 of 100 bytes$/);
});

test("one that goes on counts what was there, and is unfinished when it is closed too early", async () => {
  await put("/a", 40);
  const again = await fs.open(fromText("/a"), WRITE);
  again.expect?.(100);
  await again.write([Buffer.alloc(10)], 10, 40);
  await again.close();
  expect(events[1]).toMatchObject({ bytes: 10, size: 50, expected: 100, unfinished: true });
  const last = await fs.open(fromText("/a"), APPEND);
  last.expect?.(100);
  await last.write([Buffer.alloc(50)], 50, 0);
  await last.close();
  expect(events[2]).toMatchObject({ bytes: 50, size: 100, expected: 100 });
  expect(events[2]).not.toHaveProperty("unfinished");
});
