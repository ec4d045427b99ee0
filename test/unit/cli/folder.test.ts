import { expect, test } from "vitest";
import { world } from "./world.ts";

test("a folder is added with how long it keeps what is removed in it", async () => {
  const here = world();
  const { code, err } = await here.moorage("folder add plans --quota 5MB --trash-keep 30d");
  expect({ code, err }).toEqual({ code: 0, err: "" });
  const { out } = await here.moorage("folder show plans --json");
  expect(JSON.parse(out)).toMatchObject({ quotaBytes: 5_000_000, trashKeep: 30 * 86_400_000 });
});

test("a time that is none adds no folder", async () => {
  const here = world();
  await here.moorage("user add alice");
  expect((await here.moorage("folder add plans --trash-keep soon")).code).toBe(2);
  expect((await here.moorage("folder list")).out).toBe("No folders.\n");
});
