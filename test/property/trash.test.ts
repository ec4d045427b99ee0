import fc from "fast-check";
import { expect, test } from "vitest";
import { fromText } from "../../src/vfs/path.ts";
import type { UserFileSystem } from "../../src/vfs/types.ts";
import { KeepingDesk } from "../support/keeping.ts";

const QUOTA = 200;
const NAMES = ["/a", "/b", "/c"] as const;

const STEP = fc.record({
  op: fc.constantFrom(
    "put",
    "put",
    "put",
    "remove",
    "remove",
    "rename",
    "restore",
    "empty" as const,
  ),
  who: fc.nat(1),
  name: fc.constantFrom(...NAMES),
  other: fc.constantFrom(...NAMES),
  size: fc.integer({ min: 1, max: 120 }),
});
type Step = typeof STEP extends fc.Arbitrary<infer T> ? T : never;

interface Kept {
  readonly path: string;
  readonly size: number;
}

/** What should be there: files by name, the trash with the oldest first. */
class Model {
  readonly files = new Map<string, number>();
  trash: Kept[] = [];

  get used(): number {
    const all = [...this.files.values(), ...this.trash.map(({ size }) => size)];
    return all.reduce((sum, size) => sum + size, 0);
  }

  keep(name: string): void {
    const size = this.files.get(name);
    if (size !== undefined) this.trash.push({ path: name, size });
    this.files.delete(name);
  }

  /** The oldest goes, until what is to come fits; nothing when it can't. */
  makeRoom(size: number): boolean {
    const files = [...this.files.values()].reduce((sum, one) => sum + one, 0);
    if (files + size > QUOTA) return false;
    while (this.used + size > QUOTA) this.trash.shift();
    return true;
  }

  put(name: string, size: number): boolean {
    this.keep(name);
    const fits = this.makeRoom(size);
    this.files.set(name, fits ? size : 0);
    return fits;
  }
}

async function act(
  desk: KeepingDesk,
  home: UserFileSystem,
  model: Model,
  { op, name, other, size }: Step,
): Promise<void> {
  const isThere = model.files.has(name);
  if (op === "put") {
    const done = desk.write(home, name, "x".repeat(size));
    if (model.put(name, size)) await done;
    else await expect(done).rejects.toMatchObject({ code: "EDQUOT" });
  } else if (op === "remove" && isThere) {
    await home.remove(fromText(name));
    if (model.files.get(name) === 0) model.files.delete(name);
    else model.keep(name);
  } else if (op === "rename" && isThere && name !== other) {
    await home.rename(fromText(name), fromText(other), true);
    if (model.files.get(other) !== 0) model.keep(other);
    model.files.set(other, model.files.get(name) as number);
    model.files.delete(name);
  } else if (op === "restore") {
    const [oldest] = model.trash;
    const [file] = await desk.all(home);
    if (oldest === undefined || file === undefined) return;
    await home.trash?.restore(file.id, { replace: true });
    model.trash.shift();
    if (model.files.get(oldest.path) !== 0) model.keep(oldest.path);
    model.files.set(oldest.path, oldest.size);
  } else if (op === "empty") {
    const [file] = await desk.all(home);
    if (file !== undefined) await home.trash?.remove(file.id);
    model.trash.shift();
  }
}

test.each([false, true])(
  "two processes do what the model says, and the books are exact (holding: %s)",
  async (holds) => {
    await fc.assert(
      fc.asyncProperty(fc.array(STEP, { maxLength: 25 }), async (steps) => {
        const desk = await KeepingDesk.create({ holds });
        const other = await desk.instance.another({ holds });
        try {
          const homes = [
            await desk.home("ann", { quotaBytes: QUOTA }),
            await desk.home("ann", undefined, other),
          ] as const;
          const model = new Model();
          for (const step of steps) {
            const zero = model.files.get(step.name) === 0 && step.op === "put";
            if (zero) model.files.delete(step.name);
            await act(desk, homes[step.who] as UserFileSystem, model, step);
            const found = await desk.trash(homes[0]);
            expect(found).toEqual(model.trash.map(({ path, size }) => `${path} ${size}`));
          }
          const { id } = await desk.account("ann");
          expect((await other.ledger.exactUsage(id)).usedBytes).toBe(model.used);
          await desk.expectExact();
        } finally {
          await desk.close(() => other.close());
        }
      }),
      { numRuns: 12, interruptAfterTimeLimit: 20_000, endOnFailure: true },
    );
  },
);

test.each([false, true])(
  "four uploads at once in two processes take from the trash what they need, and no more (holding: %s)",
  async (holds) => {
    const desk = await KeepingDesk.create({ holds });
    const other = await desk.instance.another({ holds });
    try {
      const one = await desk.home("ann", { quotaBytes: QUOTA });
      const two = await desk.home("ann", undefined, other);
      for (let at = 0; at < 20; at += 1) {
        await desk.write(one, `/old${at}`, "x".repeat(10));
        await one.remove(fromText(`/old${at}`));
      }
      const uploads = [one, two, one, two].map((home, at) =>
        desk.write(home, `/new${at}`, "y".repeat(25)),
      );
      await Promise.all(uploads);
      const left = (await desk.all(one)).map(({ path }) => path);
      expect(left).toEqual(Array.from({ length: 10 }, (_, at) => `/old${at + 10}`));
      await desk.expectExact({ bytes: QUOTA, files: 14 });
    } finally {
      await desk.close(() => other.close());
    }
  },
);
