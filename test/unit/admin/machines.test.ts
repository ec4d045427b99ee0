import { expect, test } from "vitest";
import { FakeControl } from "../../support/fake-control.ts";
import { Bench } from "./bench.ts";

test("sessions say their machine where there is more than one, also on their page", () => {
  const control = new FakeControl({ users: 3, sessions: 3 });
  const alone = new Bench({ columns: 120 }).view("sessions").feed(control);
  expect(alone.text).not.toContain("MACHINE");
  control.sessions = control.sessions.map((one, at) => ({ ...one, machine: `files-${at}` }));
  const several = new Bench({ columns: 120 }).view("sessions").feed(control);
  expect(several.text).toMatch(/ADDRESS +MACHINE +CLIENT/);
  expect(several.text).toMatch(/192\.0\.2\.11:50001 +files-1 /);
  expect(several.keys("enter").text).toMatch(/Machine +files-0/);
});
