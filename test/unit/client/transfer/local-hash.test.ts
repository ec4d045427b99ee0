import { createHash, randomBytes } from "node:crypto";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LocalHasher } from "../../../../src/client/transfer/local-hash.ts";

const data = randomBytes(20_000_000);
const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

let directory: string;
let hasher: LocalHasher;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "moorage-hash-"));
  hasher = new LocalHasher();
});
afterEach(async () => {
  await hasher.end();
  rmSync(directory, { recursive: true, force: true });
});

describe("the hash of a local file", () => {
  it("follows a file that grows, and tells its beginnings", async () => {
    const fd = openSync(join(directory, "f"), "w+");
    const hash = hasher.open(fd, "sha256");
    for (let at = 0; at < data.length; at += 1_000_000) {
      writeSync(fd, data, at, 1_000_000, at);
      hash.follow(at + 1_000_000);
    }
    expect(await hash.digest(data.length)).toBe(sha256(data));
    await hash.close();
    closeSync(fd);
  });

  it("of a prefix, then of the whole, for several files at once", async () => {
    const files = [1, 2, 3].map((n) => {
      writeFileSync(join(directory, `${n}`), data.subarray(n));
      return { n, fd: openSync(join(directory, `${n}`), "r") };
    });
    await Promise.all(
      files.map(async ({ n, fd }) => {
        const hash = hasher.open(fd, "md5");
        const md5 = (end: number): string =>
          createHash("md5").update(data.subarray(n, end)).digest("hex");
        expect(await hash.digest(5_000_000)).toBe(md5(n + 5_000_000));
        expect(await hash.digest(data.length - n)).toBe(md5(data.length));
        await hash.close();
        closeSync(fd);
      }),
    );
  });

  it("of a file that is shorter is none", async () => {
    writeFileSync(join(directory, "f"), "short");
    const fd = openSync(join(directory, "f"), "r");
    const hash = hasher.open(fd, "sha256");
    expect(await hash.digest(100)).toBeUndefined();
    await hash.close();
    closeSync(fd);
  });

  it("is none when its thread has ended", async () => {
    writeFileSync(join(directory, "f"), "x");
    const fd = openSync(join(directory, "f"), "r");
    const digest = hasher.open(fd, "sha256").digest(1);
    await Promise.all([hasher.end(), digest]);
    closeSync(fd);
  });
});
