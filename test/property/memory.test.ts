import fc from "fast-check";
import { expect, it } from "vitest";
import { MemoryBudget } from "../../src/memory/budget.ts";
import { slabs } from "../../src/memory/slabs.ts";
import { MAX_DATA } from "../../src/sftp/wire/constants.ts";
import { frameRoom } from "../../src/sftp/wire/frame-memory.ts";
import { MemoryFs } from "../support/memory-fs.ts";
import { type MemorySession, randomDelay, serveMemory } from "../support/sftp-client-memory.ts";

const FILE_BYTES = 600_000;
/** a few replies for all: nearly every request has to wait */
const BUDGET = 3_000_000;
/** what a session may hold in any case: a reply, and small ones that were asked for along with it */
const MINIMUM = 2 * frameRoom(MAX_DATA);

/** What one of several clients does; it need not make sense. */
type Act =
  | { readonly do: "read"; readonly channel: number; readonly at: number; readonly length: number }
  | { readonly do: "write"; readonly channel: number; readonly length: number }
  | { readonly do: "stat" | "pause" | "resume" | "eof" | "garbage"; readonly channel: number }
  | { readonly do: "disconnect" | "close" | "turns"; readonly channel: number };

const channels = fc.nat(7);
const acts: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("read" as const),
      channel: channels,
      at: fc.integer({ min: 0, max: FILE_BYTES + 100 }),
      length: fc.constantFrom(0, 1, 5_000, 40_000, 100_000, MAX_DATA, 2 ** 31),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("write" as const),
      channel: channels,
      length: fc.nat(50_000),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom("stat" as const, "pause" as const, "resume" as const, "turns" as const),
      channel: channels,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom(
        "eof" as const,
        "garbage" as const,
        "disconnect" as const,
        "close" as const,
      ),
      channel: channels,
    }),
  },
);

interface Served extends MemorySession {
  readonly handle: Buffer;
}

async function turns(count: number): Promise<void> {
  for (let left = count; left > 0; left--) await new Promise((resolve) => setImmediate(resolve));
}

function perform(act: Act, { channel, client, handle, session }: Served): void {
  const { requests } = client;
  const send = (request: Buffer): void => client.send(request);
  if (act.do === "read") send(requests.read(handle, act.at, act.length));
  if (act.do === "write") send(requests.write(handle, 0, Buffer.alloc(act.length, 1)));
  if (act.do === "stat") send(requests.stat("f"));
  if (act.do === "garbage") send(Buffer.alloc(64));
  if (act.do === "eof") client.end();
  if (act.do === "pause") channel.pause();
  if (act.do === "resume") channel.resume();
  if (act.do === "disconnect") channel.disconnect();
  if (act.do === "close") void session.close();
}

/** Two channels to a session, two sessions to a user. */
async function serveAll(budget: MemoryBudget, seed: number): Promise<Served[]> {
  const served: Served[] = [];
  for (let i = 0; i < 2; i++) {
    const user = budget.user();
    for (const memory of [user.session(), user.session()]) {
      for (let j = 0; j < 2; j++) {
        const fs = new MemoryFs({ delay: randomDelay(seed + i + j) });
        const one = serveMemory(fs, { memory }, { memory });
        await one.client.init();
        await one.client.put("f", Buffer.alloc(FILE_BYTES, 5));
        served.push({ ...one, handle: await one.client.open("f", 0x03) });
      }
    }
  }
  return served;
}

it("memory is never counted below zero, is bounded, and all of it comes back at the end", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(acts, { maxLength: 150 }), fc.nat(), async (list, seed) => {
      const budget = new MemoryBudget(BUDGET);
      const served = await serveAll(budget, seed);
      const out = slabs.bytesOut;
      expect(budget.used).toBe(0);
      for (const act of list) {
        if (act.do === "turns") await turns(3);
        else perform(act, served[act.channel] as Served);
        expect(budget.used).toBeGreaterThanOrEqual(0);
        expect(budget.used).toBeLessThanOrEqual(BUDGET + 4 * MINIMUM);
      }
      for (const { channel } of served) channel.resume();
      await Promise.all(served.map(({ session }) => session.close()));
      await turns(3);
      expect(budget.used).toBe(0);
      expect(slabs.bytesOut).toBe(out);
    }),
    { numRuns: 150 },
  );
});

it("nobody waits for ever: clients that read get every answer, beside others who never do", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.integer({ min: 1, max: 4 }), async (seed, greedy) => {
      const served = await serveAll(new MemoryBudget(BUDGET / 2), seed);
      // Those of the first user, and of the second one session whose other one wants its answers.
      const unread = served
        .slice(0, 4)
        .concat(served.slice(4, 6))
        .slice(0, greedy + 2);
      for (const { channel, client, handle } of unread) {
        channel.pause();
        for (let i = 0; i < 50; i++) client.send(client.requests.read(handle, 0, MAX_DATA));
      }
      await turns(20);
      const readers = served.slice(6);
      await Promise.all(
        readers.map(async ({ client, handle }) => {
          const reads = Array.from({ length: 20 }, () => client.requests.read(handle, 0, MAX_DATA));
          for (const reply of await client.all(...reads)) expect(reply.data.length).toBe(MAX_DATA);
        }),
      );
      await Promise.all(served.map(({ session }) => session.close()));
    }),
    { numRuns: 30 },
  );
});
