import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { Pieces } from "../../../src/vfs/pieces.ts";

test("no more pieces are under way than there are buffers, and each has its turn", async () => {
  const pieces = new Pieces(8, 2);
  const order: number[] = [];
  let under = 0;
  let most = 0;
  const copy = async (name: number): Promise<void> => {
    const leave = pieces.enter();
    for (let piece = 0; piece < 3; piece += 1) {
      await pieces.use(async (buffer) => {
        expect(buffer.length).toBe(8);
        under += 1;
        most = Math.max(most, under);
        order.push(name);
        await turn();
        under -= 1;
      });
    }
    leave();
  };
  await Promise.all([0, 1, 2, 3, 4].map(copy));
  expect(most).toBe(2);
  // Nobody's second piece comes before everybody's first.
  expect(order.slice(0, 5).sort()).toEqual([0, 1, 2, 3, 4]);
  expect(order).toHaveLength(15);
});

test("a piece that fails gives its buffer back", async () => {
  const pieces = new Pieces(8, 1);
  const failing = pieces.use(() => Promise.reject(new Error("no")));
  await expect(failing).rejects.toThrow("no");
  expect(await pieces.use(async () => "done")).toBe("done");
});
