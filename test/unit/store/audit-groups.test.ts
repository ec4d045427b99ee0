import { expect, test } from "vitest";
import { kindsOf, logOf } from "../../../src/store/audit-groups.ts";

test("attack: who restores files again and again does not fill the log of what administrators do", () => {
  expect(logOf("restore")).toBe("users");
  expect(kindsOf("admin")).not.toContain("restore");
  expect(kindsOf("files")).toContain("restore");
});
