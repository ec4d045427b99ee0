import { expect, test } from "vitest";
import { type PlanShare, planOf } from "../../../src/access/plan.ts";

function share(folder: string, to: string, at: string, access: PlanShare["access"] = "full") {
  return { folderId: folder.length, folder, to, at, access };
}

test("a folder is where it was shared with the user, not where a group has it", () => {
  const { mounts, access } = planOf(
    [share("@p", "@g", "/g", "read"), share("@p", "ann", "/mine", "add")],
    [],
  );
  expect(mounts).toEqual([{ at: "/mine", id: 2, name: "@p" }]);
  expect(access.at("/mine").access).toBe("add");
  expect(access.at("/g").access).toBe("full");
});

test("two groups have it at two paths: it is at both", () => {
  const { mounts } = planOf([share("@p", "@g", "/one"), share("@p", "@h", "/two")], []);
  expect(mounts.map(({ at }) => at)).toEqual(["/one", "/two"]);
});

test("two folders at one path: the user's own share counts, else the first name", () => {
  const both = [share("@aa", "@g", "/x", "read"), share("@b", "ann", "/x", "add")];
  expect(planOf(both, []).mounts).toEqual([{ at: "/x", id: 2, name: "@b" }]);
  const groups = [share("@b", "@g", "/x", "read"), share("@aa", "@h", "/x", "drop")];
  const { mounts, access } = planOf(groups, []);
  expect(mounts).toEqual([{ at: "/x", id: 3, name: "@aa" }]);
  expect(access.at("/x").access).toBe("drop");
});

test("a rule at a folder's path stands before its share when it is the user's own", () => {
  const shares = [share("@p", "ann", "/p", "full")];
  const own = planOf(shares, [{ of: "ann", path: "/p", access: "read" }]);
  expect(own.access.at("/p").access).toBe("read");
  const group = planOf(shares, [{ of: "@g", path: "/p", access: "read" }]);
  expect(group.access.at("/p").access).toBe("full");
});
