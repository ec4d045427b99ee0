import { afterEach, beforeEach, expect, test } from "vitest";
import { Team } from "../../support/team.ts";

let team: Team;

beforeEach(async () => {
  team = await Team.create();
});

afterEach(() => team.close());

test("a user has so many rules at most; one that is there can still be changed and removed", async () => {
  const { id } = await team.user("ann");
  const { access } = team.instance.store;
  for (let n = 0; n < 1000; n += 1) {
    await access.setRule({ userId: id, groupId: null }, `/d${n}`, "read");
  }
  await expect(team.access.set("ann", "/more", "read")).rejects.toThrow(
    "ann has 1000 rules already: remove some",
  );
  await team.access.set("ann", "/d7", "none");
  await team.access.remove("ann", "/d8");
  await team.access.set("ann", "/more", "read");
  expect(await team.access.explain("ann", "/d7/x")).toMatchObject({ access: "none" });
});
