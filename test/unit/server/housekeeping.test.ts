import { expect, test } from "vitest";
import type { Chores } from "../../../src/server/chores.ts";
import { prune } from "../../../src/server/housekeeping.ts";
import { newUser, temporaryStore } from "../store/instance.ts";

test("quotas that are not users' own follow groups and settings, though a command was killed", async () => {
  const { store } = await temporaryStore();
  const config = { quota: { default: 10 } };
  const chores = new Map<string, () => Promise<unknown>>();
  const every: Chores["every"] = (_, failure, work) => void chores.set(failure, work);
  prune({ every } as Chores, { config, store } as never, {} as never, {} as never);
  const group = await store.groups.add("one", { quota: { hasQuota: true, quotaBytes: 5 } });
  const inherited = { quotaOwn: false, quotaBytes: 10 };
  await store.users.add(newUser("ann", { ...inherited, groups: ["one"] }));
  await store.users.add(newUser("bob", inherited));
  await store.users.add(newUser("cid", { quotaBytes: 1 }));
  // Killed here: the group has another quota, its member not yet.
  await store.groups.set(group?.id ?? 0, { quota: { hasQuota: true, quotaBytes: 6 } });
  config.quota.default = 20;
  await chores.get("quotas of groups not looked at")?.();
  const quotas = (await store.users.list()).map(({ quotaBytes }) => quotaBytes);
  expect(quotas).toEqual([6, 20, 1]);
});
