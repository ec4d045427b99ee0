import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createHash } from "../../src/hash.js";
import { fromText } from "../../src/vfs/path.ts";
import type { OpenFile } from "../../src/vfs/types.ts";
import { type DigestProcess, digestInstance } from "../support/digests.ts";
import { APPEND, PUT, READ, RESUME, WRITE } from "../support/instance.ts";

const ALGORITHMS = ["blake3", "sha256", "md5"] as const;
/** Some of these are more than a follower hashes in one step. */
const PART = 100 * 1024;
const never = new AbortController().signal;

/** What happens while a file is written, and how often each is chosen. */
const OPS = {
  write: 5,
  pause: 4,
  again: 2,
  ahead: 1,
  resize: 1,
  renew: 1,
  other: 1,
  cut: 1,
  rename: 1,
  times: 1,
} as const;
type Op = keyof typeof OPS;

const STEP = fc.record({
  op: fc.constantFrom(...(Object.keys(OPS) as Op[]).flatMap((op) => Array<Op>(OPS[op]).fill(op))),
  parts: fc.integer({ min: 1, max: 40 }),
  byte: fc.integer({ min: 1, max: 255 }),
  process: fc.nat(1),
});
type Step = typeof STEP extends fc.Arbitrary<infer T> ? T : never;

const UPLOAD = fc.record({
  flags: fc.constantFrom(PUT, PUT, PUT, RESUME, APPEND),
  process: fc.nat(1),
  along: fc.constantFrom(...ALGORITHMS, undefined),
  steps: fc.array(STEP, { minLength: 1, maxLength: 8 }),
  /** what is done before the checksum is asked for */
  later: fc.constantFrom("rename", "times", "copy", undefined),
});
type Upload = typeof UPLOAD extends fc.Arbitrary<infer T> ? T : never;

interface Place {
  /** the host's path of a file */
  path(name: string): string;
  readonly processes: readonly DigestProcess[];
}

async function write(
  { op, parts, byte }: Step,
  file: OpenFile,
  from: number,
): Promise<number | undefined> {
  if (op === "again") {
    await file.write([Buffer.alloc(100, byte)], 100, Math.min(from, parts * 1000));
  } else if (op === "resize") await file.setStat({ size: parts * PART });
  else if (op === "renew") {
    await file.setStat({ size: Math.min(from, parts * 1000) });
    await file.setStat({ size: from });
  } else if (op === "write" || op === "ahead") {
    const start = op === "ahead" ? from + PART : from;
    const writes = Array.from({ length: parts }, (_, part) => {
      const data = Buffer.alloc(PART, byte + part);
      return file.write([data], PART, start + part * PART);
    });
    await Promise.all(writes);
    return start + parts * PART;
  }
  return undefined;
}

/** Somebody else, in this or another process, does something to the file or its name. */
async function beside({ op, parts, byte }: Step, { home }: DigestProcess): Promise<void> {
  const [name, other] = [fromText("a"), fromText("b")];
  if (op === "pause") await setTimeout(parts);
  else if (op === "other") {
    const file = await home.open(name, WRITE);
    await file.write([Buffer.alloc(100, byte)], 100, parts * 1000);
    await file.close();
  } else if (op === "cut") await home.setStat(name, { size: parts * 1000 }, true);
  else if (op === "times") await home.setStat(name, { times: { atime: 1, mtime: byte } }, true);
  else if (op === "rename") {
    await home.rename(name, other, true);
    await home.rename(other, name, true);
  }
}

async function upload(place: Place, { flags, process, along, steps }: Upload): Promise<void> {
  const { home } = place.processes[process] as DigestProcess;
  const file = await home.open(fromText("a"), flags);
  if (along !== undefined) file.checkAlong?.(along);
  let at = 0;
  for (const step of steps) {
    at = (await write(step, file, at)) ?? at;
    await beside(step, place.processes[step.process] as DigestProcess);
  }
  await file.close();
}

async function finish({ home }: DigestProcess, later: Upload["later"]): Promise<string> {
  const [name, other] = [fromText("a"), fromText("b")];
  if (later === "times") await home.setStat(name, { times: { atime: 1, mtime: 2 } }, true);
  else if (later === "rename") await home.rename(name, other, true);
  else if (later === "copy") {
    const source = await home.open(name, READ);
    const target = await home.open(other, PUT);
    target.checkAlong?.("blake3");
    await home.copy(source, 0, 0, target, 0);
    await target.close();
    await source.close();
  }
  return later === "rename" || later === "copy" ? "b" : "a";
}

async function expectRight(
  place: Place,
  name: string,
  algorithms: readonly (typeof ALGORITHMS)[number][],
) {
  const content = readFileSync(place.path(name));
  for (const { home, digests } of place.processes) {
    for (const algorithm of algorithms) {
      const file = await home.open(fromText(name), READ);
      const digest = await digests.file(file, algorithm, never);
      await file.close();
      const expected = createHash(algorithm).update(content).digest();
      expect(`${algorithm} ${digest.toString("hex")}`).toBe(
        `${algorithm} ${expected.toString("hex")}`,
      );
    }
  }
}

test("a checksum is that of the file, however it was written and whichever was computed along", async () => {
  // Their threads have started when most uploads begin: what is followed is hashed at once.
  const places: Place[] = [];
  for (const ahead of [0, 5_000]) {
    for (const onUpload of [[], ["md5"] as const]) {
      const on = await digestInstance({ ahead, config: { onUpload } });
      places.push({ path: on.path, processes: [on, await on.another()] });
    }
  }
  await fc.assert(
    fc.asyncProperty(
      fc.array(UPLOAD, { minLength: 1, maxLength: 4 }),
      fc.constantFrom(...places),
      async (uploads, place) => {
        for (const one of uploads) {
          await upload(place, one);
          const name = await finish(place.processes[one.process] as DigestProcess, one.later);
          await expectRight(place, name, one.along === undefined ? ["md5"] : [one.along]);
          // What was remembered of it meanwhile, too.
          await expectRight(place, name, ALGORITHMS);
        }
        const [{ home }] = place.processes as [DigestProcess];
        for (const name of ["a", "b"]) await home.remove(fromText(name)).catch(() => {});
      },
    ),
    { numRuns: Number(process.env.RUNS ?? 40), endOnFailure: true },
  );
}, 300_000);
