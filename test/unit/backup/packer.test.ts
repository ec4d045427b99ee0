import { randomBytes } from "node:crypto";
import { PassThrough } from "node:stream";
import { buffer } from "node:stream/consumers";
import { gunzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { densityOf, Packer } from "../../../src/backup/packer.ts";

it("tells what is compressed already by a sample", () => {
  expect(densityOf(randomBytes(16_384))).toBe("dense");
  expect(densityOf(Buffer.alloc(16_384, "text "))).toBe("loose");
  expect(densityOf(Buffer.alloc(0))).toBe("dense");
});

it("what is dense is stored, and all comes back as one", async () => {
  const out = new PassThrough();
  const packed = buffer(out);
  const packer = new Packer(out);
  const [text, noise] = [Buffer.alloc(2_000_000, "text "), randomBytes(2_000_000)];
  for (const [density, data] of [
    ["loose", text],
    ["dense", noise],
    ["dense", noise],
    ["loose", text],
  ] as const) {
    await packer.change(density);
    await packer.write(data);
  }
  await packer.end();
  const whole = await packed;
  expect(gunzipSync(whole).equals(Buffer.concat([text, noise, noise, text]))).toBe(true);
  expect(whole.length).toBeLessThan(4_100_000);
});

it("an output that fails is told, also while it is waited for", async () => {
  const out = new PassThrough({ highWaterMark: 1 });
  const packer = new Packer(out);
  const writing = (async () => {
    for (;;) await packer.write(randomBytes(1_000_000));
  })();
  out.destroy(new Error("no room"));
  await expect(writing).rejects.toThrow("no room");
  await expect(packer.end()).rejects.toThrow("no room");
});
