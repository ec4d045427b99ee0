import { expect, it } from "vitest";
import { ScreenOutput } from "../../../admin/screen-output.ts";
import { SCREEN_CREDIT } from "../../../src/screens/messages.ts";

const PICTURE = Buffer.alloc(10_000, ".");

function outputOf() {
  let posted = 0;
  const output = new ScreenOutput({ columns: 80, rows: 24 }, ({ data }) => {
    posted += data.length;
  });
  return { output, posted: () => posted };
}

it("sends what there is credit for, and keeps a bounded rest", () => {
  const { output, posted } = outputOf();
  let refused = 0;
  for (let i = 0; i < 1_000; i++) if (!output.write(PICTURE)) refused += 1;
  expect(posted()).toBeLessThan(SCREEN_CREDIT + PICTURE.length);
  expect(output.writableLength).toBeLessThan(512 * 1024);
  expect(refused).toBeGreaterThan(900);
});

it("asks for a new picture once the client has read on, when one was left out", async () => {
  const { output, posted } = outputOf();
  let skipped = 0;
  output.onSkipped = () => {
    skipped += 1;
  };
  const drained = new Promise((resolve) => output.once("drain", resolve));
  for (let i = 0; i < 1_000; i++) output.write(PICTURE);
  expect(skipped).toBe(0);
  for (let sent = 0; sent < 10; sent++) output.sent(SCREEN_CREDIT);
  expect(skipped).toBe(1);
  expect(output.writableLength).toBe(0);
  await drained;
  const before = posted();
  expect(output.write("again")).toBe(true);
  expect(posted()).toBe(before + 5);
});

it("is drained when all is on its way", async () => {
  const { output, posted } = outputOf();
  await output.drained();
  for (let i = 0; i < 20; i++) output.write(PICTURE);
  let isDrained = false;
  const drained = output.drained().then(() => {
    isDrained = true;
  });
  await Promise.resolve();
  expect(isDrained).toBe(false);
  output.sent(SCREEN_CREDIT);
  await drained;
  expect(posted()).toBe(20 * PICTURE.length);
});
