import { expect, test } from "vitest";
import { strength } from "../../../src/auth/strength.ts";

/** Written so that very many ways to read it have to be looked at. */
const CRAFTED = "dwp$w0$@d$0wd$$ww@$rrp$d0$$@00w0$d$@dpw$pw@0$0p$r@d@prd$pd0r$0r@";

test("each is judged by itself, also when many are at once", async () => {
  const passwords = ["password", "correct horse battery staple", CRAFTED.repeat(16), "mx7kq9vz"];
  const scores = await Promise.all(passwords.map((one) => strength(one, ["mx7kq9vz"])));
  expect(scores).toEqual([0, 4, 4, 0]);
});

test("after one that can't be judged comes the next", async () => {
  const broken = strength("x", [(() => {}) as unknown as string]);
  const next = strength("password", []);
  await expect(broken).rejects.toThrow();
  expect(await next).toBe(0);
});
