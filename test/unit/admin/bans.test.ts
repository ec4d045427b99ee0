import { beforeEach, describe, expect, it } from "vitest";
import { FAKE_NOW, FakeControl } from "../../support/fake-control.ts";
import { Bench } from "./bench.ts";

let control: FakeControl;
let bench: Bench;

beforeEach(() => {
  control = new FakeControl({ users: 10 });
  bench = new Bench().feed(control);
});

/** Calls that control got. */
function changes(): unknown[] {
  return control.calls.map(({ method, params }) => [method, params]);
}

describe("bans", () => {
  const BAN = { network: "192.0.2.0/24", reason: "", actor: "cli:root", since: FAKE_NOW };

  it("lifts the selected ban", async () => {
    control.securityState = {
      bans: [{ ...BAN, until: null }],
      penalties: [],
      failures: [],
    };
    bench.view("security").feed(control);
    await bench.keys("x", "y").settle(control);
    expect(changes()).toEqual([["bans.lift", { address: "192.0.2.0/24" }]]);
  });

  it("bans an address that is typed, for a time and a reason", async () => {
    bench.view("security").feed(control).keys("b").type("2001:db8::/48").keys("tab").type("1d");
    await bench.keys("tab").type("guesses").keys("enter").settle(control);
    const params = { address: "2001:db8::/48", forMs: 86_400_000, reason: "guesses" };
    expect(changes()).toEqual([["bans.set", params]]);
    expect(bench.model.notice?.text).toBe("2001:db8::/48 is banned.");
    expect(bench.model.dialogs).toEqual([]);
  });

  it("offers the selected row's address, and says in the form what is wrong", async () => {
    control.securityState = {
      bans: [],
      penalties: [],
      failures: [{ address: "203.0.113.1", failures: 1, users: ["x"], lastAt: FAKE_NOW }],
    };
    bench.view("security").feed(control).keys("b", "tab").type("soon").keys("enter");
    expect(bench.model.dialogs[0]?.error).toMatch(/^how long: it is not a number with a unit/);
    bench.keys("ctrl-u").type("0").keys("enter");
    expect(bench.model.dialogs[0]?.error).toBe("a ban lasts longer than nothing");
    await bench.keys("ctrl-u", "enter").settle(control);
    expect(changes()).toEqual([["bans.set", { address: "203.0.113.1" }]]);
  });

  it("says from where it is used, and bans that only when told", async () => {
    bench = new Bench({ from: "198.51.100.9" }).feed(control).view("security").feed(control);
    await bench.keys("b").type("198.51.100.9").keys("enter").settle(control);
    const params = { address: "198.51.100.9", from: "198.51.100.9" };
    expect(changes()).toEqual([["bans.set", params]]);
    bench.keys("b").type("198.51.100.9").keys("up", "right", "enter");
    await bench.settle(control);
    expect(changes().at(-1)).toEqual(["bans.set", { ...params, force: true }]);
  });

  it("bans the address of a session", async () => {
    bench.view("sessions").feed(control);
    const remote = bench.model.sessionList?.[0]?.remote ?? "";
    await bench.keys("b", "enter").settle(control);
    expect(remote).toMatch(/:\d+$/);
    expect(changes()).toEqual([["bans.set", { address: remote.replace(/:\d+$/, "") }]]);
  });

  it("are shown with their terms, and who set them", () => {
    control.securityState = { bans: [{ ...BAN, until: null }], penalties: [], failures: [] };
    const { model } = bench.view("security").feed(control).keys("enter");
    expect(model.dialogs[0]).toMatchObject({
      title: "Ban",
      lines: expect.arrayContaining([
        ["Address", "192.0.2.0/24"],
        ["By", "cli:root"],
        ["Until", "lifted"],
      ]),
    });
  });
});
