import { beforeEach, expect, test } from "vitest";
import { type World, world } from "./world.ts";

let here: World;

beforeEach(async () => {
  here = world({ MOORAGE_QUOTA_DEFAULT: "5MB" });
  for (const name of ["alice", "bob"]) await said(`user add ${name}`);
});

async function said(args: string, answer?: string): Promise<string> {
  const { code, out, err } = await here.moorage(args, answer);
  expect({ args, code, err: answer === undefined ? err : "" }).toEqual({ args, code: 0, err: "" });
  return out;
}

async function json(args: string) {
  return JSON.parse(await said(`${args} --json`));
}

test("add, join, list and show, for people and with the JSON that scripts read", async () => {
  expect(await said("group list")).toBe("No groups.\n");
  expect(await said("group add @students --quota 2MB --max-sessions 2 --auth key")).toBe(
    "Added group students.\n",
  );
  expect(await said("group join @students alice bob")).toBe("Now in group students: alice, bob.\n");
  expect(await said("group join students alice")).toBe("alice: in it already.\n");
  expect(await said("group list")).toMatch(
    /^NAME +MEMBERS +QUOTA +LIMITS\nstudents +2 +2 MB +by key, 2 sessions\n$/,
  );
  const [group] = await json("group list");
  expect(group).toEqual({
    name: "students",
    hasQuota: true,
    quotaBytes: 2_000_000,
    members: 2,
    createdAt: expect.stringMatching(/Z$/),
    expiresAt: null,
    from: null,
    auth: ["key"],
    maxSessions: 2,
    uploadRate: null,
    require: null,
    downloadRate: null,
    trashKeep: null,
  });
  const shown = { ...group, members: ["alice", "bob"], shares: 0, rules: 0 };
  expect(await json("group show students")).toEqual(shown);
  expect(await said("group show students")).toMatch(/^Members +2\n +alice\n +bob\n/m);
  expect(await said("group leave students bob bob")).toBe("No more in group students: bob.\n");
});

test("a user is shown with what is in force and where it comes from", async () => {
  await said("group add students --quota 2MB --max-sessions 2 --expires 2099-12-31");
  await said("group add staff --quota none --max-sessions 4");
  await said("user add carol --group students,@staff --expires 2098-12-31");
  const shown = await said("user show carol");
  expect(shown).toMatch(/^Groups +staff, students$/m);
  expect(shown).toMatch(/^Quota +none \(of group staff\)$/m);
  expect(shown).toMatch(/^Max sessions +4 \(of group staff\)$/m);
  expect(shown).toMatch(/^Expires +2098-12-31 23:59$/m);
  expect(await json("user show carol")).toMatchObject({
    groups: ["staff", "students"],
    maxSessions: null,
    expiresAt: new Date(2098, 11, 31, 23, 59, 59, 999).toISOString(),
    effective: { maxSessions: 4, expiresAt: new Date(2098, 11, 31, 23, 59, 59, 999).toISOString() },
    quotaBytes: null,
    quotaOwn: false,
  });
  expect(await said("user show alice")).toMatch(/^Quota +5 MB \(5000000 bytes, the default\)$/m);
  expect(await said("user list")).toMatch(/^carol .* staff, students +until 2098.*, 4 sessions$/m);
});

test("user set --quota default gives a quota back to the groups", async () => {
  await said("group add students --quota 2MB");
  await said("user set alice --quota 1MB");
  await said("group join students alice");
  expect(await json("user show alice")).toMatchObject({ quotaBytes: 1_000_000, quotaOwn: true });
  await said("user set alice --quota default");
  expect(await json("user show alice")).toMatchObject({ quotaBytes: 2_000_000, quotaOwn: false });
  await said("group set students --quota default");
  expect(await json("user show alice")).toMatchObject({ quotaBytes: 5_000_000, quotaOwn: false });
});

test("remove asks on a terminal, needs --yes without one, and says what goes", async () => {
  await said("group add students");
  await said("group join students alice");
  expect(await here.moorage("group remove students")).toMatchObject({
    code: 2,
    err: "moorage: no terminal to ask: give --yes\n",
  });
  const no = await here.moorage("group remove students", "n\n");
  expect(no).toMatchObject({ code: 1, out: "" });
  expect(no.err).toContain("Remove group students (1 member)? [y/N]: ");
  expect(await json("group list")).toHaveLength(1);
  expect(await said("group remove students", "y\n")).toBe("Removed group students (1 member).\n");
  await said("group add students");
  expect(await said("group remove students --yes")).toBe("Removed group students (0 members).\n");
  expect(await json("user show alice")).toMatchObject({ groups: [] });
});

test.each([
  ["group set students", 2, /nothing to change/],
  ["group show nobody", 1, /no group "nobody": `moorage group list`/],
  ["group add ../x", 2, /can't be a group's name/],
  ["group join students eve", 1, /no user "eve"/],
  ["user add carol --group none", 1, /no group "none"/],
  ["user add carol --group ,", 2, /names of groups with commas/i],
  ["group add x --quota much", 2, /a size such as/],
])("%s is refused with code %i", async (args, code, text) => {
  await said("group add students");
  const outcome = await here.moorage(args);
  expect(outcome).toMatchObject({ code, out: "" });
  expect(outcome.err).toMatch(text);
});
