import { expect, test } from "vitest";
import { world } from "./world.ts";

test("attack: the password of the database's URL is in no form of the settings", async () => {
  const here = world({ MOORAGE_STORE_URL: "postgres://u:secret@127.0.0.1/db" });
  for (const args of ["config check", "config check --json"]) {
    const { code, out } = await here.moorage(args);
    expect({ args, code }).toEqual({ args, code: 0 });
    expect(out).toContain("postgres://u:***@127.0.0.1/db");
    expect(out).not.toContain("secret");
  }
});
