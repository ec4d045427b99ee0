import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Store } from "../../src/store/store.ts";
import { ENGINE, openTestStore } from "../support/store-engine.ts";

const DEFAULT = 1_000;
const USERS = ["ann", "bob"];
const GROUPS = ["one", "two", "three"];

type Quota = number | null | "default";

/** Whole numbers alone: how lists are put together is told in the unit test. */
interface World {
  readonly users: Map<string, { quota: Quota; most: number | null; groups: Set<string> }>;
  readonly groups: Map<string, { quota: Quota; most: number | null }>;
}

interface Step {
  readonly kind: "join" | "leave" | "user-set" | "group-set" | "group-remove" | "settings";
  readonly user: string;
  readonly group: string;
  readonly quota: Quota;
  readonly most: number | null;
}

const QUOTA = fc.oneof(fc.constant("default" as const), fc.constant(null), fc.nat(9));
const STEP: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(
    "join",
    "join",
    "leave",
    "user-set",
    "group-set",
    "group-remove",
    "settings",
  ),
  user: fc.constantFrom(...USERS),
  group: fc.constantFrom(...GROUPS),
  quota: QUOTA,
  most: fc.option(fc.integer({ min: 1, max: 9 })),
});

function modelled({ users, groups }: World, step: Step): void {
  const user = users.get(step.user);
  const group = groups.get(step.group);
  const { quota, most } = step;
  if (step.kind === "join" && group !== undefined) user?.groups.add(step.group);
  if (step.kind === "leave") user?.groups.delete(step.group);
  if (step.kind === "user-set" && user !== undefined) Object.assign(user, { quota, most });
  if (step.kind === "group-set") groups.set(step.group, { quota, most });
  if (step.kind !== "group-remove") return;
  groups.delete(step.group);
  for (const one of users.values()) one.groups.delete(step.group);
}

async function done(store: Store, step: Step): Promise<void> {
  const user = await store.users.byName(step.user);
  const group = await store.groups.byName(step.group);
  const { quota, most: maxSessions } = step;
  const isDefault = quota === "default";
  const said = { hasQuota: !isDefault, quotaBytes: isDefault ? null : quota };
  const place = { groupId: group?.id ?? 0, userId: user?.id ?? 0 };
  switch (step.kind) {
    case "join":
      return void (await store.groups.join(place, DEFAULT));
    case "leave":
      return void (await store.groups.leave(place, DEFAULT));
    case "user-set": {
      const own = isDefault ? { quotaBytes: DEFAULT, quotaOwn: false } : { quotaBytes: quota };
      return void (await store.users.set(place.userId, { ...own, maxSessions }));
    }
    case "group-set": {
      const change = { maxSessions, quota: said };
      if (group === undefined) return void (await store.groups.add(step.group, change));
      await store.groups.set(group.id, change);
      return store.groups.inherit(group.id, DEFAULT);
    }
    case "group-remove":
      return void (await store.groups.remove(place.groupId, DEFAULT));
    case "settings":
      // Nothing was left undone: all have what they are to have already.
      expect(await store.groups.inheritAll(DEFAULT)).toBe(0);
  }
}

function largest(values: readonly Quota[], otherwise: number | null): number | null {
  const said = values.filter((value) => value !== "default");
  if (said.length === 0) return otherwise;
  return said.includes(null) ? null : Math.max(...(said as number[]));
}

function expected({ users, groups }: World, name: string) {
  const user = users.get(name);
  const mine = [...(user?.groups ?? [])].flatMap((group) => groups.get(group) ?? []);
  const given = mine.flatMap(({ most }) => (most === null ? [] : [most]));
  const quotas = mine.map(({ quota }) => quota);
  const own = user?.quota ?? null;
  return {
    groups: [...(user?.groups ?? [])].sort(),
    quotaBytes: own === "default" ? largest(quotas, DEFAULT) : own,
    quotaOwn: own !== "default",
    maxSessions: user?.most ?? (given.length > 0 ? Math.max(...given) : null),
  };
}

const WHAT = "property: after any changes each user has the limits and the quota that count";

test(WHAT, { timeout: 120_000 }, async () => {
  const root = mkdtempSync(join(tmpdir(), "moorage-groups-"));
  const run = async (steps: readonly Step[]): Promise<void> => {
    // A database for each run would take most of the time on PostgreSQL.
    const directory = ENGINE === "sqlite" ? mkdtempSync(join(root, "run-")) : root;
    const store = await openTestStore(directory, "command", "test", { withoutHomes: true });
    const world: World = { users: new Map(), groups: new Map() };
    try {
      for (const { id } of await store.users.list()) await store.users.remove(id);
      for (const { id } of await store.groups.list()) await store.groups.remove(id, null);
      for (const name of USERS) {
        const user = { name, role: "user", passwordHash: null, quotaFiles: null } as const;
        await store.users.add({ ...user, quotaBytes: DEFAULT, quotaOwn: false });
        world.users.set(name, { quota: "default", most: null, groups: new Set() });
      }
      for (const step of steps) {
        await done(store, step);
        modelled(world, step);
        for (const name of USERS) {
          expect(await store.users.byName(name)).toMatchObject(expected(world, name));
        }
      }
    } finally {
      await store.close();
    }
  };
  try {
    await fc.assert(fc.asyncProperty(fc.array(STEP, { maxLength: 25 }), run), { numRuns: 60 });
  } finally {
    rmSync(root, { recursive: true });
  }
});
