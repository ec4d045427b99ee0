import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { Blake3, createHash, digestSoFar, hasBlake3 } from "../../src/hash.js";

/** Of the empty string and of "abc", from BLAKE3's own test vectors and its paper. */
const EMPTY = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
const ABC = "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85";

const hex = (algorithm: string, data: string): string =>
  createHash(algorithm).update(Buffer.from(data)).digest().toString("hex");

/** Loads BLAKE3 while there is a connection, and tells what was asked of the peers meanwhile. */
const LOADING = `
  import { connect, createServer } from "node:net";
  import { hasBlake3 } from ${JSON.stringify(new URL("../../src/hash.js", import.meta.url).href)};
  const { report } = process;
  const asked = [];
  const { getReport } = report;
  report.getReport = () => {
    asked.push(report.excludeNetwork);
    return getReport.call(report);
  };
  const server = createServer().listen(0, "127.0.0.1", () => {
    const socket = connect(server.address().port, "127.0.0.1", () => {
      const has = hasBlake3();
      console.log(JSON.stringify({ has, asked, after: report.excludeNetwork }));
      process.exit();
    });
  });`;

describe("hashes by name", () => {
  it("have BLAKE3, here where the tests run", () => {
    expect(hasBlake3()).toBe(true);
    expect(hex("blake3", "")).toBe(EMPTY);
    expect(hex("blake3", "abc")).toBe(ABC);
  });

  it("have those of Node.js, and no others", () => {
    expect(hex("md5", "")).toBe("d41d8cd98f00b204e9800998ecf8427e");
    expect(() => createHash("blake4")).toThrow();
  });

  it.each(["blake3", "sha256"])("tell %s so far, and take more", (algorithm) => {
    const data = randomBytes(100_003);
    const hash = createHash(algorithm);
    hash.update(data.subarray(0, 70_001));
    const first = createHash(algorithm).update(data.subarray(0, 70_001)).digest();
    expect(digestSoFar(hash)).toEqual(first);
    expect(digestSoFar(hash)).toEqual(first);
    hash.update(data.subarray(70_001));
    expect(digestSoFar(hash)).toEqual(createHash(algorithm).update(data).digest());
  });

  it("give BLAKE3 the same whatever the pieces are", () => {
    const data = randomBytes(300_001);
    const cut = new Blake3();
    for (let at = 0; at < data.length; at += 777) cut.update(data.subarray(at, at + 777));
    expect(cut.digest()).toEqual(new Blake3().update(data).digest());
  });

  // Where nobody answers for the addresses of a network that takes many seconds, and all stands still.
  it("load BLAKE3 without asking DNS for the names of those we are connected with", () => {
    const node = [process.execPath, ["--input-type=module", "-e", LOADING]] as const;
    const { has, asked, after } = JSON.parse(execFileSync(...node, { encoding: "utf8" }));
    expect(has).toBe(true);
    expect(asked).not.toContain(false);
    expect(after).toBe(false);
  });
});
