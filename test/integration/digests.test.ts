import { createHash, randomBytes } from "node:crypto";
import { readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import type { DigestAlgorithm } from "../../src/digests/types.ts";
import { createHash as hashOf } from "../../src/hash.js";
import { fromText } from "../../src/vfs/path.ts";
import type { OpenFile, OpenFlags } from "../../src/vfs/types.ts";
import { openPaths } from "../support/descriptors.ts";
import { type DigestProcess, digestInstance } from "../support/digests.ts";
import { APPEND, PUT, READ, RESUME, WRITE } from "../support/instance.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
/** Small parts of large writes go on threads, so that they overlap. */
const PART = 64 * KIB;

/** Takes so long that it is never done when the upload is. */
const SLOW = { onUpload: ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"] } as const;

const blake3 = (data: Buffer) => hashOf("blake3").update(data).digest().toString("hex");
const never = new AbortController().signal;
const hash = (data: Buffer, algorithm = "md5") => createHash(algorithm).update(data).digest("hex");

/** Writes as a client does that pipelines: two writes are always under way. */
async function write(file: OpenFile, data: Buffer, position = 0): Promise<void> {
  let before: Promise<void> = Promise.resolve();
  for (let at = 0; at < data.length; at += PART) {
    const piece = data.subarray(at, at + PART);
    const now = file.write([piece], piece.length, position + at);
    await before;
    before = now;
  }
  await before;
}

/** For a busy machine. */
const PATIENCE = { timeout: 20_000, interval: 5 };

async function put(on: DigestProcess, name: string, data: Buffer, flags: OpenFlags = PUT) {
  const file = await on.home.open(fromText(name), flags);
  await write(file, data);
  await file.close();
}

async function digest(
  on: DigestProcess,
  name: string,
  algorithm: DigestAlgorithm = "md5",
): Promise<string> {
  const file = await on.home.open(fromText(name), READ);
  try {
    return (await on.digests.file(file, algorithm, never)).toString("hex");
  } finally {
    await file.close();
  }
}

async function followed(on: DigestProcess): Promise<void> {
  await vi.waitFor(() => expect(on.service.following).toBe(0), PATIENCE);
}

describe("an upload from start to end", () => {
  it("has its digests without being read again", async () => {
    const on = await digestInstance();
    const data = randomBytes(5 * MIB + 123);
    await put(on, "f", data);
    await followed(on);
    expect(on.service.bytesRead).toBe(data.length);
    expect(await digest(on, "f")).toBe(hash(data));
    expect(await digest(on, "f", "sha256")).toBe(hash(data, "sha256"));
    expect(on.service.bytesRead).toBe(data.length);
    expect(await digest(on, "f", "sha1")).toBe(hash(data, "sha1"));
    expect(on.service.bytesRead).toBe(2 * data.length);
  });

  it("is waited for when the digest is asked for at once", async () => {
    const on = await digestInstance({ config: SLOW });
    const data = randomBytes(20 * MIB);
    await put(on, "f", data);
    expect(on.service.following).toBe(1);
    expect(await digest(on, "f")).toBe(hash(data));
    // Not for the others: they follow.
    expect(on.service.following).toBe(1);
    for (const name of SLOW.onUpload) expect(await digest(on, "f", name)).toBe(hash(data, name));
    expect(on.service.bytesRead).toBeLessThanOrEqual(SLOW.onUpload.length * data.length);
    expect(on.service.following).toBe(0);
  });

  it("has what its client said it will ask for, read once, and before what nobody asked for", async () => {
    const on = await digestInstance({ config: SLOW });
    const data = randomBytes(20 * MIB + 5);
    const file = await on.home.open(fromText("f"), PUT);
    file.checkAlong?.("blake3");
    await write(file, data);
    await file.close();
    expect(await digest(on, "f", "blake3")).toBe(blake3(data));
    // All the others are still to come.
    expect(on.service.following).toBe(1);
    await followed(on);
    for (const name of SLOW.onUpload) expect(await digest(on, "f", name)).toBe(hash(data, name));
    expect(await digest(on, "f", "blake3")).toBe(blake3(data));
    expect(on.service.bytesRead).toBeLessThanOrEqual((1 + SLOW.onUpload.length) * data.length);
  });

  it("has what its client asked for where nothing else is computed", async () => {
    const on = await digestInstance({ config: { onUpload: [] } });
    const data = randomBytes(3 * MIB);
    const file = await on.home.open(fromText("f"), PUT);
    file.checkAlong?.("sha256");
    await write(file, data);
    await file.close();
    await followed(on);
    expect(on.service.bytesRead).toBe(data.length);
    expect(await digest(on, "f", "sha256")).toBe(hash(data, "sha256"));
    expect(on.service.bytesRead).toBe(data.length);
  });

  it("keeps them through other names and attributes, as clients give them after an upload", async () => {
    const on = await digestInstance();
    const data = randomBytes(MIB);
    const { home } = on;
    await put(on, "f.part", data);
    await home.setStat(fromText("f.part"), { permissions: 0o600 }, true);
    await home.rename(fromText("f.part"), fromText("g"), true);
    await home.setStat(
      fromText("g"),
      { times: { atime: 1_600_000_000, mtime: 1_500_000_000 } },
      true,
    );
    await followed(on);
    await put(on, "old", randomBytes(MIB));
    await home.rename(fromText("g"), fromText("old"), true);
    await home.hardLink(fromText("old"), fromText("second"));
    await home.setStat(fromText("second"), { times: { atime: 1, mtime: 2 } }, true);
    await home.remove(fromText("old"));
    await followed(on);
    const before = on.service.bytesRead;
    expect(await digest(on, "second")).toBe(hash(data));
    expect(on.service.bytesRead).toBe(before);
  });

  it("counts although it went over an older file, which scp does not truncate", async () => {
    const on = await digestInstance();
    await put(on, "f", randomBytes(3 * MIB));
    await followed(on);
    const data = randomBytes(MIB);
    const file = await on.home.open(fromText("f"), RESUME);
    await write(file, data);
    await file.setStat({ size: data.length });
    await file.close();
    await followed(on);
    const before = on.service.bytesRead;
    expect(await digest(on, "f")).toBe(hash(data));
    expect(on.service.bytesRead).toBe(before);
  });

  it("is known to another process", async () => {
    const on = await digestInstance();
    const other = await on.another();
    const data = randomBytes(MIB);
    await put(on, "f", data);
    await followed(on);
    expect(await digest(other, "f")).toBe(hash(data));
    expect(other.service.bytesRead).toBe(0);
  });

  it("is small: hashed when asked for", async () => {
    const on = await digestInstance();
    const data = randomBytes(64 * KIB);
    await put(on, "f", data);
    await put(on, "empty", Buffer.alloc(0));
    expect(on.service.following).toBe(0);
    expect(await digest(on, "f")).toBe(hash(data));
    expect(await digest(on, "empty")).toBe("d41d8cd98f00b204e9800998ecf8427e");
  });

  it("computes nothing when that is turned off", async () => {
    const on = await digestInstance({ config: { onUpload: [] } });
    const data = randomBytes(MIB);
    await put(on, "f", data);
    await followed(on);
    expect(on.service.bytesRead).toBe(0);
    expect(await digest(on, "f")).toBe(hash(data));
  });

  it("is one of a bounded number", async () => {
    const on = await digestInstance({ config: { uploads: 2 } });
    const names = ["a", "b", "c", "d"];
    const open = await Promise.all(names.map((name) => on.home.open(fromText(name), PUT)));
    const data = randomBytes(MIB);
    await Promise.all(open.map((file) => write(file, data)));
    expect(on.service.following).toBe(2);
    await Promise.all(open.map((file) => file.close()));
    for (const name of names) expect(await digest(on, name)).toBe(hash(data));
  });
});

describe("what is not an upload from start to end", () => {
  const data = randomBytes(2 * MIB);
  const changes: [string, (file: OpenFile, hashed: () => Promise<void>) => Promise<Buffer>][] = [
    [
      "a part written again",
      async (file) => {
        const again = Buffer.from(data);
        again.fill(1, 1000, 2000);
        await write(file, data);
        await write(file, again.subarray(1000, 2000), 1000);
        return again;
      },
    ],
    [
      "one write again with the same bytes",
      async (file) => {
        await write(file, data.subarray(0, MIB));
        await write(file, data.subarray(MIB - PART), MIB - PART);
        return data;
      },
    ],
    [
      "the end written again when it was hashed already",
      async (file, hashed) => {
        const again = Buffer.from(data);
        again.fill(1, data.length - PART);
        await write(file, data);
        await hashed();
        await write(file, again.subarray(-PART), data.length - PART);
        return again;
      },
    ],
    [
      "made shorter and longer again",
      async (file, hashed) => {
        await write(file, data);
        await hashed();
        await file.setStat({ size: 1000 });
        await file.setStat({ size: data.length });
        return Buffer.concat([data.subarray(0, 1000), Buffer.alloc(data.length - 1000)]);
      },
    ],
    [
      "the end first",
      async (file) => {
        await write(file, data.subarray(MIB), MIB);
        await write(file, data.subarray(0, MIB));
        return data;
      },
    ],
    [
      "a gap",
      async (file) => {
        await write(file, data.subarray(0, MIB));
        await write(file, data.subarray(0, PART), MIB + 1);
        return Buffer.concat([data.subarray(0, MIB), Buffer.alloc(1), data.subarray(0, PART)]);
      },
    ],
    [
      "made shorter and written on",
      async (file) => {
        await write(file, data.subarray(0, MIB));
        await file.setStat({ size: 1000 });
        await write(file, data.subarray(0, MIB), 1000);
        return Buffer.concat([data.subarray(0, 1000), data.subarray(0, MIB)]);
      },
    ],
    [
      "made longer at the end",
      async (file) => {
        await write(file, data.subarray(0, MIB));
        await file.setStat({ size: MIB + 10 });
        return Buffer.concat([data.subarray(0, MIB), Buffer.alloc(10)]);
      },
    ],
  ];
  it.each(changes)("is hashed as it is: %s", async (_, act) => {
    const on = await digestInstance();
    const file = await on.home.open(fromText("f"), PUT);
    const expected = await act(file, async () => {
      await vi.waitFor(() => expect(on.service.bytesRead).toBe(data.length), PATIENCE);
    });
    await file.close();
    expect(await digest(on, "f")).toBe(hash(expected));
    await followed(on);
    expect(await digest(on, "f")).toBe(hash(expected));
  });

  it("is hashed as it is: a resumed upload", async () => {
    const on = await digestInstance();
    await put(on, "f", data.subarray(0, MIB));
    const file = await on.home.open(fromText("f"), APPEND);
    await write(file, data.subarray(MIB), MIB);
    await file.close();
    expect(await digest(on, "f")).toBe(hash(data));
  });

  it.each(["while it is written", "when it is complete"])(
    "another writer changes the file %s",
    async (when) => {
      const on = await digestInstance();
      const other = await on.another();
      for (const writer of [on, other]) {
        const file = await on.home.open(fromText("f"), PUT);
        await write(file, data);
        if (when === "when it is complete") await file.close();
        const second = await writer.home.open(fromText("f"), WRITE);
        await write(second, Buffer.from("changed"), 100);
        await second.close();
        await file.close();
        await followed(on);
        const expected = Buffer.from(data);
        expected.write("changed", 100);
        expect(await digest(on, "f")).toBe(hash(expected));
        expect(await digest(other, "f")).toBe(hash(expected));
      }
    },
  );

  it("a writer that is open already, in another process", async () => {
    const on = await digestInstance();
    const other = await on.another();
    await put(on, "f", Buffer.alloc(10));
    const second = await other.home.open(fromText("f"), WRITE);
    const file = await on.home.open(fromText("f"), PUT);
    await write(file, data);
    // The store has refused to let it be hashed.
    await followed(on);
    expect(on.service.bytesRead).toBe(0);
    await write(second, Buffer.from("changed"), 100);
    await file.close();
    await followed(on);
    const expected = Buffer.from(data);
    expected.write("changed", 100);
    expect(await digest(on, "f")).toBe(hash(expected));
    await second.close();
  });

  it("a copy within the server", async () => {
    const on = await digestInstance();
    await put(on, "f", data);
    const source = await on.home.open(fromText("f"), READ);
    const target = await on.home.open(fromText("g"), PUT);
    await on.home.copy(source, 0, 0, target, 0);
    await target.close();
    await source.close();
    expect(await digest(on, "g")).toBe(hash(data));
  });
});

describe("a digest that was computed", () => {
  it("is remembered when the file has not changed for a while", async () => {
    const on = await digestInstance({ ahead: 5_000, config: { onUpload: [] } });
    const data = randomBytes(MIB);
    await put(on, "f", data);
    expect(await digest(on, "f")).toBe(hash(data));
    expect(await digest(on, "f")).toBe(hash(data));
    expect(on.service.bytesRead).toBe(MIB);
    expect(await digest(on, "f", "crc32")).toHaveLength(8);
    expect(await digest(on, "f", "crc32")).toHaveLength(8);
    expect(on.service.bytesRead).toBe(2 * MIB);
  });

  it("is not while the next change could leave the file's times as they are", async () => {
    const on = await digestInstance({ config: { onUpload: [] } });
    await put(on, "f", randomBytes(MIB));
    await digest(on, "f");
    await digest(on, "f");
    expect(on.service.bytesRead).toBe(2 * MIB);
  });

  it("is not while the file is open for writing", async () => {
    const on = await digestInstance({ ahead: 5_000, config: { onUpload: [] } });
    await put(on, "f", randomBytes(MIB));
    const writer = await on.home.open(fromText("f"), WRITE);
    await digest(on, "f");
    await writer.close();
    await digest(on, "f");
    await digest(on, "f");
    expect(on.service.bytesRead).toBe(2 * MIB);
  });

  it("is dropped by any change, also of other programs", async () => {
    const on = await digestInstance({ ahead: 5_000 });
    const data = randomBytes(MIB);
    await put(on, "f", data);
    await digest(on, "f");
    const change = Buffer.from(data);
    for (let round = 0; round < 20; round += 1) {
      change[round] = (change[round] ?? 0) ^ 1;
      // Same size; and the kernel's clock gives times a few milliseconds apart.
      const { mtimeNs } = statSync(on.path("f"), { bigint: true });
      do writeFileSync(on.path("f"), change);
      while (statSync(on.path("f"), { bigint: true }).mtimeNs === mtimeNs);
      expect(await digest(on, "f")).toBe(hash(change));
    }
    truncateSync(on.path("f"), 1000);
    expect(await digest(on, "f")).toBe(hash(change.subarray(0, 1000)));
  });

  it("is that of the new file after a rename over the old one", async () => {
    const on = await digestInstance();
    const [one, two] = [randomBytes(MIB), randomBytes(MIB)];
    await put(on, "f", one);
    await put(on, "g", two);
    await followed(on);
    await on.home.rename(fromText("g"), fromText("f"), true);
    expect(await digest(on, "f")).toBe(hash(two));
  });

  it("goes with the oldest when there are too many", async () => {
    const on = await digestInstance({ config: { maxRecords: 0 }, ahead: 5_000 });
    await put(on, "f", randomBytes(MIB));
    await digest(on, "f");
    await digest(on, "f");
    expect(on.service.bytesRead).toBe(2 * MIB);
  });
});

describe("a file that is removed", () => {
  it("is let go at once, so that its space is free", async () => {
    const size = 30 * MIB;
    const on = await digestInstance({ quotaBytes: size, config: SLOW });
    const data = randomBytes(size);
    for (let round = 0; round < 3; round += 1) {
      await put(on, "f", data);
      expect(on.service.following).toBe(1);
      await on.home.remove(fromText("f"));
      expect(heldUnlinked(on.path("f"))).toEqual([]);
    }
    expect(on.service.following).toBe(0);
  });

  it("is let go soon when another process removed it", async () => {
    const on = await digestInstance({ config: SLOW });
    const other = await on.another();
    await put(on, "f", randomBytes(60 * MIB));
    await other.home.remove(fromText("f"));
    await followed(on);
    expect(on.service.bytesRead).toBeLessThan(60 * MIB);
  });

  it("or replaced", async () => {
    const on = await digestInstance({ config: SLOW });
    await put(on, "f", randomBytes(30 * MIB));
    await put(on, "g", randomBytes(10));
    expect(on.service.following).toBe(1);
    await on.home.rename(fromText("g"), fromText("f"), true);
    expect(heldUnlinked(on.path("f"))).toEqual([]);
  });
});

/** Descriptors of this process that keep a removed file. */
function heldUnlinked(path: string): string[] {
  return openPaths().filter((open) => open.startsWith(path) && open.endsWith("(deleted)"));
}

describe("asking", () => {
  it("ends when the one who asked goes away", async () => {
    const on = await digestInstance();
    writeFileSync(on.path("f"), "");
    truncateSync(on.path("f"), 1024 * 1024 * MIB);
    const file = await on.home.open(fromText("f"), READ);
    const gone = new AbortController();
    const asked = on.digests.file(file, "sha512", gone.signal);
    const reason = new Error("gone");
    await vi.waitFor(() => expect(on.service.bytesRead).toBeGreaterThan(0), PATIENCE);
    gone.abort(reason);
    await expect(asked).rejects.toBe(reason);
    expect(on.service.pool.size).toBe(0);
    await expect(on.digests.file(file, "md5", gone.signal)).rejects.toBe(reason);
    await file.close();
  });

  it("too often is refused, and leaves the others alone", async () => {
    const on = await digestInstance({ config: { queuePerUser: 2 } });
    const data = randomBytes(MIB);
    writeFileSync(on.path("f"), data);
    const file = await on.home.open(fromText("f"), READ);
    const asked = await Promise.allSettled(
      [1, 2, 3].map(() => on.digests.file(file, "md5", never)),
    );
    expect(asked.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected"]);
    const other = on.service.forUser(99);
    expect((await other.file(file, "md5", never)).toString("hex")).toBe(hash(data));
    await file.close();
  });

  it("for several at once reads once", async () => {
    const on = await digestInstance({ ahead: 5_000 });
    const data = randomBytes(MIB);
    writeFileSync(on.path("f"), data);
    const file = await on.home.open(fromText("f"), READ);
    const seen: number[] = [];
    const names = ["sha1", "md5", "blake2b512"] as const;
    const found = await on.digests.fileAll(file, names, never, (bytes) => seen.push(bytes));
    expect(found.map((one) => one.toString("hex"))).toEqual(names.map((name) => hash(data, name)));
    expect(on.service.bytesRead).toBe(MIB);
    expect(seen.at(-1)).toBe(MIB);
    await file.close();
  });

  it("leaves no descriptor behind", async () => {
    const on = await digestInstance();
    await put(on, "f", randomBytes(MIB));
    await digest(on, "f", "sha1");
    await followed(on);
    expect(openPaths()).not.toContain(on.path("f"));
    expect(readFileSync(on.path("f"))).toHaveLength(MIB);
  });
});
