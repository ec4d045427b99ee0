import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { BanControl } from "../../../src/control/bans.ts";
import type { LocalControl } from "../../../src/control/local.ts";
import { ControlDesk } from "./desk.ts";

let desk: ControlDesk;
let control: LocalControl;

beforeEach(async () => {
  desk = await ControlDesk.open();
  control = desk.as("alice@203.0.113.5");
});

afterEach(async () => {
  control.close();
  await desk.close();
});

const set = (address: string, more = {}) => control.call("bans.set", { address, ...more });

test("a ban is kept, shown, told to all processes and audited; and so is its end", async () => {
  const result = await set(" 192.0.2.0/24 ", { forMs: 3_600_000, reason: "a\u001b[31m  b\n" });
  expect(result).toMatchObject({ address: "192.0.2.0/24", ended: [] });
  const { bans } = await control.call("security", {});
  expect(bans).toMatchObject([
    { network: "192.0.2.0/24", reason: "a [31m b", actor: "alice@203.0.113.5" },
  ]);
  expect(bans[0]?.until).toBe(result.until);
  expect(await desk.changes()).toEqual(["ban 192.0.2.0/24"]);
  expect(desk.told).toEqual(["changes"]);
  expect(await control.call("bans.lift", { address: "192.0.2.0/24" })).toBeNull();
  await expect(control.call("bans.lift", { address: "192.0.2.0/24" })).rejects.toThrow(
    "192.0.2.0/24 is not banned",
  );
  expect(await desk.audited()).toEqual([
    "ban alice@203.0.113.5 for 1h: a [31m b",
    "ban-lifted alice@203.0.113.5",
  ]);
});

test("the sessions from there are waited for, and told", async () => {
  const ann = await desk.addUser("ann");
  const id = await desk.enter(ann);
  const applied = async () => void (await desk.store.sessions.leave(id));
  Object.assign(desk.host, { applyChanges: applied });
  expect(await set("192.0.2.0/24")).toMatchObject({ until: null, ended: [id] });
});

describe("the address that somebody administers from", () => {
  test("is banned by force only, with its network, too", async () => {
    await expect(set("203.0.113.5")).rejects.toThrow(
      "203.0.113.5 is the address you administer this from: it takes --force",
    );
    await expect(set("203.0.113.0/24")).rejects.toThrow(
      "203.0.113.0/24 has 203.0.113.5, which is the address",
    );
    expect((await control.call("security", {})).bans).toEqual([]);
    await set("203.0.113.0/24", { force: true });
    expect((await control.call("security", {})).bans).toHaveLength(1);
  });

  test("may be the terminal's, whom the server doesn't know", async () => {
    const { store } = desk;
    const bans = new BanControl({ store, actor: "cli:root" });
    const from = "::ffff:198.51.100.9";
    await expect(bans.ban({ address: "198.51.100.9", from })).rejects.toThrow("it takes --force");
    await bans.ban({ address: "198.51.100.8", from });
  });
});

test("what is no ban gets a clear error", async () => {
  await expect(set("example.org")).rejects.toThrow(
    '"example.org" is no address or network: give one such as 192.0.2.1 or 2001:db8::/32',
  );
  await expect(set("10.0.0.1/8")).rejects.toThrow("write 10.0.0.0/8, or the address alone");
  await expect(set("10.0.0.1", { forMs: 0 })).rejects.toThrow("forMs is missing or not what");
  await expect(set("10.0.0.1", { reason: "x".repeat(201) })).rejects.toThrow(
    "a reason has 200 characters at most",
  );
  expect(await desk.audited()).toEqual([]);
});
