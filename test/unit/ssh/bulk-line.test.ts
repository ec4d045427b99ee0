import { setImmediate as nextTurn } from "node:timers/promises";
import { beforeEach, expect, test } from "vitest";
import { BulkLine, type Mover } from "../../../src/ssh/bulk-line.ts";

const QUANTUM = 100;

let line: BulkLine;
let served: string[];

beforeEach(() => {
  line = new BulkLine();
  served = [];
});

class Bulk implements Mover {
  readonly #name: string;
  left: number;
  passed = 0;
  mostAllowed = QUANTUM;
  readonly #piece: number;

  constructor(name: string, left: number, piece = Number.POSITIVE_INFINITY) {
    this.#name = name;
    this.left = left;
    this.#piece = piece;
  }

  quantum(): number {
    return this.mostAllowed;
  }

  move(most: number): number {
    const moved = Math.min(most, this.left, this.#piece);
    served.push(`${this.#name}${moved}`);
    this.left -= moved;
    if (this.left > 0) line.join(this);
    return moved;
  }

  pass(): void {
    this.passed += 1;
  }
}

/** What each turn of the loop served. */
async function turns(count: number): Promise<string[]> {
  const each: string[] = [];
  for (let turn = 0; turn < count; turn += 1) {
    await nextTurn();
    each.push(served.join(" "));
    served = [];
  }
  return each;
}

test("however many there are, a turn of the loop moves one quantum, and they take turns", async () => {
  const all = ["a", "b", "c"].map((name) => new Bulk(name, 200));
  for (const one of all) line.join(one);
  expect(await turns(7)).toEqual(["a100", "b100", "c100", "a100", "b100", "c100", ""]);
});

test("what one leaves of the quantum is the next one's", async () => {
  for (const one of [new Bulk("a", 30), new Bulk("b", 200, 50), new Bulk("c", 100)]) line.join(one);
  expect(await turns(3)).toEqual(["a30 b50 c20", "b50 c50", "b50 c30"]);
});

test("those who have to wait hear of it each turn, and nobody else", async () => {
  const [a, b] = [new Bulk("a", 300), new Bulk("b", 100)];
  line.join(a);
  line.join(b);
  await turns(5);
  expect([a.passed, b.passed]).toEqual([1, 1]);
});

test("each is asked how much there may be now", async () => {
  const [a, b] = [new Bulk("a", 100), new Bulk("b", 100)];
  a.mostAllowed = 10;
  b.mostAllowed = 60;
  line.join(a);
  line.join(b);
  expect((await turns(1))[0]).toBe("a10 b50");
  a.mostAllowed = QUANTUM;
  b.mostAllowed = QUANTUM;
  expect(await turns(3)).toEqual(["a90 b10", "b40", ""]);
});

test("one that left is not served, and one that joins twice keeps its place", async () => {
  const [a, b, c] = [new Bulk("a", 100), new Bulk("b", 100), new Bulk("c", 100)];
  for (const one of [a, b, c, a]) line.join(one);
  expect(line.has(b)).toBe(true);
  line.leave(b);
  expect(await turns(3)).toEqual(["a100", "c100", ""]);
  expect(line.has(a)).toBe(false);
});
