import { beforeEach, describe, expect, it } from "vitest";
import { wanted } from "../../../admin/wanted.ts";
import { FAKE_NOW, FakeControl } from "../../support/fake-control.ts";
import { Bench } from "./bench.ts";

let control: FakeControl;
let bench: Bench;

beforeEach(() => {
  control = new FakeControl({ users: 30 });
  bench = new Bench().feed(control);
});

describe("a filter", () => {
  it("is typed in every list, and says where one is in what it lets through", async () => {
    bench.view("log").feed(control).keys("/").type("LOGIN-F");
    expect(wanted(bench.model)[1]?.params).toEqual({ limit: 0, text: "LOGIN-F" });
    await bench.feed(control).keys("enter").settle(control);
    const found = bench.model.log.lines;
    expect(new Set(found.map(({ record }) => record.kind))).toEqual(new Set(["login-failed"]));
    expect(bench.text).toContain(
      `${found.length} of ${found.length} lines   of ${found.length} records`,
    );
    bench.keys("escape");
    expect(wanted(bench.model)[1]?.params).toEqual({ limit: 0 });
    bench.view("help").feed(control).keys("/").type("lift");
    expect(bench.text).toContain("lift the selected ban");
    expect(bench.text).not.toContain("go to a view");
    bench.keys("enter", "escape");
    expect(bench.text).toContain("go to a view");
    expect(bench.keys("escape").model.view).toBe("log");
  });

  it("of addresses looks into what is said of them", () => {
    const address = { lastUser: "root", since: FAKE_NOW, until: FAKE_NOW + 60_000 };
    const penalty = { ...address, address: "198.51.100.7", reason: "guesses", failures: 9 };
    const failed = { address: "203.0.113.9", failures: 3, users: ["admin"], lastAt: FAKE_NOW };
    control.securityState = { bans: [], penalties: [penalty], failures: [failed] };
    bench.view("security").feed(control).keys("/").type("ADM").keys("enter");
    expect(bench.text).toContain("203.0.113.9");
    expect(bench.text).not.toContain("198.51.100.7");
  });
});
