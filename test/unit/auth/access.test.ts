import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { Access } from "../../../src/auth/access.ts";
import { Bans } from "../../../src/auth/bans.ts";
import { BanControl } from "../../../src/control/bans.ts";
import { storeAt, temporaryRoot } from "../store/instance.ts";

const DAY = 86_400_000;
const NOBODY = { has: async () => false };

async function whyOf(allow: string[], deny: string[], address: string | undefined) {
  return (await new Access({ allow, deny }, NOBODY).refuses(address))?.why;
}

describe("the lists of the settings", () => {
  test.each([
    ["nothing is set", [], [], "192.0.2.1", undefined],
    ["denied", [], ["192.0.2.1"], "192.0.2.1", "address in access.deny"],
    ["in a denied network", [], ["192.0.2.0/24"], "192.0.2.255", "address in access.deny"],
    ["beside a denied network", [], ["192.0.2.0/24"], "192.0.3.0", undefined],
    ["allowed", ["10.0.0.0/8"], [], "10.255.0.1", undefined],
    ["not allowed", ["10.0.0.0/8"], [], "192.0.2.1", "address not in access.allow"],
    ["allowed and denied", ["10.0.0.0/8"], ["10.1.0.0/16"], "10.1.2.3", "address in access.deny"],
    ["IPv6 allowed", ["2001:db8::/32"], [], "2001:db8:ffff::1", undefined],
    ["IPv6 not allowed", ["2001:db8::/32"], [], "2001:db9::1", "address not in access.allow"],
    ["IPv6 with a zone", [], ["fe80::/10"], "fe80::1%eth0", "address in access.deny"],
    ["a mapped client", [], ["192.0.2.1"], "::ffff:192.0.2.1", "address in access.deny"],
    ["a mapped list", [], ["::ffff:192.0.2.0/120"], "192.0.2.9", "address in access.deny"],
    ["both mapped", ["::ffff:c000:201"], [], "::ffff:c000:201", undefined],
    ["all IPv4", [], ["0.0.0.0/0"], "::ffff:203.0.113.9", "address in access.deny"],
    ["all IPv4, an IPv6 client", [], ["0.0.0.0/0"], "2001:db8::1", undefined],
    ["all IPv6, an IPv4 client", ["::/0"], [], "192.0.2.1", "address not in access.allow"],
    ["the network of ::1, an IPv4 client", [], ["::/64"], "192.0.2.1", undefined],
    ["unknown, everybody may", [], ["192.0.2.1"], undefined, undefined],
    ["unknown, some may", ["0.0.0.0/0"], [], undefined, "address not in access.allow"],
  ])("%s", async (_, allow, deny, address, why) => {
    expect(await whyOf(allow, deny, address)).toBe(why);
    // An address spelled as IPv6 is the same address.
    if (address !== undefined && /^[\d.]+$/.test(address)) {
      expect(await whyOf(allow, deny, `::ffff:${address}`)).toBe(why);
    }
  });

  test("are followed when a reload puts others in their place", async () => {
    const settings: { allow: readonly string[]; deny: readonly string[] } = { allow: [], deny: [] };
    const access = new Access(settings, NOBODY);
    expect(await access.refuses("192.0.2.1")).toBeUndefined();
    settings.deny = ["192.0.2.1"];
    expect((await access.refuses("192.0.2.1"))?.why).toBe("address in access.deny");
    settings.deny = [];
    settings.allow = ["192.0.2.2"];
    expect((await access.refuses("192.0.2.1"))?.why).toBe("address not in access.allow");
    expect(await access.refuses("192.0.2.2")).toBeUndefined();
  });

  test("decide as the bits do", async () => {
    const bits = fc.integer({ min: 0, max: 2 ** 32 - 1 });
    const network = fc.record({ start: bits, prefix: fc.integer({ min: 0, max: 32 }) });
    const lists = fc.array(network, { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(bits, lists, lists, async (address, allow, deny) => {
        const isIn = (list: readonly { start: number; prefix: number }[]) =>
          list.some(({ start, prefix }) => masked(start, prefix) === masked(address, prefix));
        const texts = (list: readonly { start: number; prefix: number }[]) =>
          list.map(({ start, prefix }) => `${dotted(masked(start, prefix))}/${prefix}`);
        const refused = (await whyOf(texts(allow), texts(deny), dotted(address))) !== undefined;
        expect(refused).toBe(isIn(deny) || (allow.length > 0 && !isIn(allow)));
      }),
    );
  });
});

function masked(address: number, prefix: number): number {
  const size = 2 ** (32 - prefix);
  return Math.floor(address / size) * size;
}

function dotted(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");
}

describe("bans by hand", () => {
  let root: string;
  let now: number;

  beforeEach(async () => {
    root = await temporaryRoot();
    now = 1_700_000_000_000;
  });

  /** One process of the instance. */
  async function process() {
    const store = await storeAt(root);
    const clock = () => now;
    const access = new Access({ allow: ["0.0.0.0/0"], deny: [] }, new Bans(store.bans, clock));
    return { access, store, bans: new BanControl({ store, actor: "cli:root", now: clock }) };
  }

  test("hold in all processes from their commit on, and until they are lifted", async () => {
    const [one, two] = [await process(), await process()];
    expect(await two.access.refuses("192.0.2.7")).toBeUndefined();
    await one.bans.ban({ address: "192.0.2.7" });
    for (const { access } of [one, two]) {
      expect(await access.refuses("192.0.2.7")).toMatchObject({ why: "address banned" });
      expect(await access.refuses("::ffff:192.0.2.7")).toMatchObject({ why: "address banned" });
      expect(await access.refuses("192.0.2.8")).toBeUndefined();
    }
    now += 1_000 * DAY;
    expect(await two.access.refuses("192.0.2.7")).toBeDefined();
    expect(await two.bans.lift("::ffff:c000:207")).toBe(true);
    expect(await one.access.refuses("192.0.2.7")).toBeUndefined();
    expect(await one.bans.lift("192.0.2.7")).toBe(false);
  });

  test("end when their time is over, each for itself", async () => {
    const { access, bans, store } = await process();
    await bans.ban({ address: "192.0.2.0/24", forMs: DAY });
    await bans.ban({ address: "192.0.2.7", forMs: 2 * DAY });
    now += DAY - 1;
    expect(await access.refuses("192.0.2.1")).toBeDefined();
    now += 1;
    expect(await access.refuses("192.0.2.1")).toBeUndefined();
    expect(await access.refuses("192.0.2.7")).toBeDefined();
    expect(await bans.list()).toMatchObject([{ network: "192.0.2.7" }]);
    expect(await bans.lift("192.0.2.0/24")).toBe(false);
    now += DAY;
    expect(await access.refuses("192.0.2.7")).toBeUndefined();
    await store.bans.prune(now);
    expect(await store.bans.all(0)).toEqual([]);
  });

  test("are replaced by a later one of the same network", async () => {
    const { bans } = await process();
    await bans.ban({ address: "2001:DB8:0::/48", reason: "first" });
    now += 1;
    await bans.ban({ address: "2001:db8::/48", reason: "second", forMs: DAY });
    expect(await bans.list()).toEqual([
      {
        network: "2001:db8::/48",
        reason: "second",
        actor: "cli:root",
        since: now,
        until: now + DAY,
      },
    ]);
  });

  test("are at most a thousand; one that is over makes room", async () => {
    const { bans } = await process();
    for (let n = 0; n < 1_000; n += 1) {
      await bans.ban({ address: `10.0.${n >> 8}.${n & 255}`, ...(n === 5 && { forMs: DAY }) });
    }
    await expect(bans.ban({ address: "192.0.2.1" })).rejects.toThrow(
      "there are 1000 bans already: lift some, or put networks into access.deny",
    );
    await bans.ban({ address: "10.0.0.7", reason: "once more" });
    now += DAY;
    await bans.ban({ address: "192.0.2.1" });
    await expect(bans.ban({ address: "192.0.2.2" })).rejects.toThrow("already");
  });
});
