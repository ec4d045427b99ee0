import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { JournalFile, readJournal } from "../../src/store/journal-file.ts";

const RUNS = Number(process.env.PROPERTY_RUNS ?? 200);

/** So many bytes of the next write reach the disk, and then it is full. */
const disk = vi.hoisted(() => ({ room: Number.POSITIVE_INFINITY }));

vi.mock("node:fs", async (original) => {
  const real = await original<typeof import("node:fs")>();
  const writeSync = (fd: number, data: Buffer, offset: number, length: number, at: number) =>
    real.writeSync(fd, data, offset, Math.min(length, disk.room), at);
  return { ...real, writeSync };
});

const act = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      op: fc.constant("append" as const),
      user: fc.nat(2),
      text: fc.oneof(fc.nat(60), fc.nat(3_000), fc.nat(90_000)),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant("torn" as const),
      text: fc.nat(9_000),
      room: fc.nat(9_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("rewind" as const) }) },
);

test("a kill at any moment loses no record since the last rewind, and brings none back", () => {
  const directory = mkdtempSync(join(tmpdir(), "moorage-test-"));
  let node = 0;
  try {
    fc.assert(
      fc.property(fc.array(act, { minLength: 1, maxLength: 40 }), (acts) => {
        node += 1;
        const journal = new JournalFile(directory, `${node}`, { release: () => false });
        let [kept, told] = [[] as unknown[], 0];
        for (const next of acts) {
          if (next.op === "append") {
            const events = ["é".repeat(next.text)];
            journal.append(next.user, events);
            kept.push({ number: journal.last, userId: next.user, events });
          } else if (next.op === "torn" && journal.last > 0) {
            disk.room = Math.min(next.room, next.text);
            expect(() => journal.append(1, ["t".repeat(next.text)])).toThrow("no room");
            disk.room = Number.POSITIVE_INFINITY;
          } else if (next.op === "rewind") {
            [kept, told] = [[], journal.last];
            journal.rewind();
          }
          const found = readJournal(directory, `${node}`).filter(({ number }) => number > told);
          expect(found).toEqual(kept);
        }
        journal.close();
      }),
      { numRuns: RUNS, interruptAfterTimeLimit: 20_000 },
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}, 60_000);
