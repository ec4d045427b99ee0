import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PacketType } from "../../src/sftp/wire/constants.ts";
import type { MemoryFs } from "../support/memory-fs.ts";
import { type MemorySession, randomDelay, startMemory } from "../support/sftp-client-memory.ts";
import { attrs, str, u32, u64 } from "../support/sftp-client-packets.ts";

/** A request in words; handles are places in the order of opening, as both runs open alike. */
type Step =
  | { readonly do: "open"; readonly path: string; readonly flags: number }
  | { readonly do: "write"; readonly handle: number; readonly at: number; readonly length: number }
  | { readonly do: "read"; readonly handle: number; readonly at: number; readonly length: number }
  | { readonly do: "run"; readonly handle: number; readonly length: number }
  | { readonly do: "handle"; readonly handle: number; readonly type: number }
  | { readonly do: "size"; readonly handle: number; readonly size: number }
  | { readonly do: "copy"; readonly handle: number; readonly to: number; readonly length: number }
  | { readonly do: "path"; readonly path: string; readonly type: number }
  | { readonly do: "pair"; readonly path: string; readonly to: string; readonly type: number };

const paths = fc.constantFrom("a", "b", "d", "d/a", "d/b");
const handles = fc.integer({ min: 0, max: 10 });
const offsets = fc.integer({ min: 0, max: 600 });
const lengths = fc.integer({ min: 1, max: 200 });

const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("open" as const),
      path: paths,
      flags: fc.constantFrom(0x01, 0x03, 0x0b, 0x1b, 0x0e, 0x0f, 0x2b),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("write" as const),
      handle: handles,
      at: offsets,
      length: lengths,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("run" as const), handle: handles, length: lengths }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("read" as const),
      handle: handles,
      at: offsets,
      length: lengths,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("handle" as const),
      handle: handles,
      type: fc.constantFrom(PacketType.CLOSE, PacketType.FSTAT, PacketType.READDIR),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("size" as const), handle: handles, size: offsets }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("copy" as const),
      handle: handles,
      to: handles,
      length: lengths,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("path" as const),
      path: paths,
      type: fc.constantFrom(
        PacketType.STAT,
        PacketType.LSTAT,
        PacketType.REMOVE,
        PacketType.MKDIR,
        PacketType.RMDIR,
        PacketType.OPENDIR,
        PacketType.REALPATH,
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("pair" as const),
      path: paths,
      to: paths,
      type: fc.constantFrom(PacketType.RENAME, PacketType.SYMLINK, PacketType.EXTENDED),
    }),
  },
);

/** The frames of a step. A handle is its number of 8 bytes, from 1. */
function toFrames({ client }: MemorySession, step: Step, index: number): Buffer[] {
  const r = client.requests;
  const handle = (place: number) => u64(place + 1);
  const data = (length: number) => Buffer.alloc(length, index + 1);
  switch (step.do) {
    case "open":
      return [r.open(step.path, step.flags)];
    case "write":
      return [r.write(handle(step.handle), step.at, data(step.length))];
    case "run":
      return Array.from({ length: 8 }, (_, part) =>
        r.write(handle(step.handle), part * step.length, data(step.length)),
      );
    case "read":
      return [r.read(handle(step.handle), step.at, step.length)];
    case "handle":
      return [r.make(step.type, str(handle(step.handle)))];
    case "size":
      return [r.fsetstat(handle(step.handle), { size: step.size })];
    case "copy": {
      const fields = [u64(0), u64(step.length), str(handle(step.to)), u64(100)];
      return [r.extended("copy-data", str(handle(step.handle)), ...fields)];
    }
    case "path": {
      const more = step.type === PacketType.MKDIR ? [attrs()] : [];
      return [r.make(step.type, str(step.path), ...more)];
    }
    case "pair":
      return step.type === PacketType.EXTENDED
        ? [r.extended("posix-rename@openssh.com", str(step.path), str(step.to))]
        : [r.make(step.type, str(step.path), str(step.to), u32(0))];
  }
}

/** All that is in the files, by way of the protocol. */
async function contents(served: MemorySession): Promise<Record<string, string>> {
  const out: Record<string, string> = {};
  for (const path of ["a", "b", "d/a", "d/b"]) {
    try {
      out[path] = (await served.client.get(path)).toString("hex");
    } catch (error) {
      out[path] = String(error);
    }
  }
  return out;
}

const QUOTA = 3000;

/** A session with some handles open on few files, so that requests meet. */
async function start(delay: boolean, seed: number, chunk: number): Promise<MemorySession> {
  const fsOptions = { quota: QUOTA, ...(delay && { delay: randomDelay(seed) }) };
  const served = await startMemory(fsOptions, {}, { chunk });
  const { client } = served;
  await client.ok(client.requests.mkdir("d"));
  await client.open("a", 0x0b);
  await client.open("a", 0x03);
  await client.open("b", 0x0b);
  await client.open("b", 0x0f);
  await client.open("d/a", 0x0b);
  await client.open("a", 0x01);
  for (const path of ["d", "."]) await client.call(client.requests.opendir(path));
  return served;
}

function used(fs: MemoryFs): number {
  expect(fs.used).toBeLessThanOrEqual(QUOTA);
  return fs.used;
}

describe("order", () => {
  it("of overlapping work is as if done one by one", async () => {
    const scripts = fc.array(steps, { minLength: 1, maxLength: 80, size: "max" });
    const seeds = fc.integer({ min: 1, max: 2 ** 30 });
    const chunks = fc.constantFrom(7, 100, 5000, 1 << 20);
    let data = 0;
    await fc.assert(
      fc.asyncProperty(scripts, seeds, chunks, async (script, seed, chunk) => {
        const serial = await start(false, seed, 1 << 20);
        const expected: string[] = [];
        for (const [index, step] of script.entries()) {
          for (const request of toFrames(serial, step, index)) {
            expected.push((await serial.client.call(request)).frame.toString("hex"));
          }
        }
        const piped = await start(true, seed, chunk);
        const requests = script.flatMap((step, index) => toFrames(piped, step, index));
        const replies = await piped.client.all(...requests);
        data += replies.filter((reply) => reply.type === PacketType.DATA).length;
        expect(replies.map((reply) => reply.frame.toString("hex"))).toEqual(expected);
        expect(await contents(piped)).toEqual(await contents(serial));
        expect(used(piped.fs)).toBe(used(serial.fs));
        await Promise.all([serial.session.close(), piped.session.close()]);
        expect(piped.fs.openFiles).toBe(0);
      }),
      { numRuns: 300 },
    );
    // Most requests must have met open files, or nothing was tested.
    expect(data).toBeGreaterThan(300);
  });
});
