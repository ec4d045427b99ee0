import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ControlError } from "../../../src/control/errors.ts";
import { FolderControl } from "../../../src/control/folders.ts";
import { GroupControl } from "../../../src/control/groups.ts";
import { UserImport } from "../../../src/control/import/import.ts";
import { type NewUserRequest, UserControl } from "../../../src/control/users.ts";
import { openStore, type Store } from "../../../src/store/store.ts";
import type { Account, UserKey } from "../../../src/store/types.ts";

let root: string;
let store: Store;
let users: UserControl;
let rescanned: Account[];
let rescanError: Error | undefined;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "moorage-control-"));
  store = await openStore(root, "command", "0.0.0");
  rescanned = [];
  rescanError = undefined;
  users = new UserControl({
    store,
    root,
    actor: "cli:tester",
    rule: { passwordMinLength: 1, passwordStrength: 0 },
    quota: { default: 5_000, files: null },
    hash: async (password) => `hash of ${password.length}`,
    rescan: async (account) => {
      rescanned.push((await store.users.byId(account.id)) ?? account);
      if (rescanError) throw rescanError;
      return { bytes: 0, files: 0 };
    },
    sessionsTimeoutMs: 200,
  });
});

afterEach(async () => {
  await store.close();
  rmSync(root, { recursive: true });
});

function add(name: string, more: Partial<NewUserRequest> = {}): Promise<Account> {
  return users.add({ name, role: "user", quotaBytes: 1000, quotaFiles: null, ...more });
}

/** What stands in homes/, but for the instance's mark. */
function homes(): string[] {
  return readdirSync(join(root, "homes")).filter((name) => name !== ".moorage");
}

function key(letter: string): UserKey {
  const fingerprint = `SHA256:${letter.repeat(43)}`;
  return {
    fingerprint,
    algorithm: "ssh-ed25519",
    blob: Buffer.from(letter),
    comment: "",
    createdAt: 1,
  };
}

async function changes(): Promise<string[]> {
  const all = await store.changes.since(0);
  return all.map(({ kind, userId, detail }) => `${kind} ${userId} ${detail}`.trim());
}

async function audited(): Promise<string[]> {
  const all = await store.audit.query({ afterId: 0 });
  return all.map(({ kind, user, actor }) => `${kind} ${user} ${actor}`);
}

describe("add", () => {
  test("makes the account and its home, and records who did it", async () => {
    const account = await add("alice", { password: "secret", keys: [key("a"), key("b")] });
    expect(account).toMatchObject({
      name: "alice",
      role: "user",
      enabled: true,
      quotaBytes: 1000,
      quotaFiles: null,
      passwordHash: "hash of 6",
    });
    expect(statSync(join(root, "homes/alice")).mode & 0o777).toBe(0o700);
    expect((await users.show("alice")).keys.map((k) => k.fingerprint)).toEqual([
      key("a").fingerprint,
      key("b").fingerprint,
    ]);
    expect(rescanned).toEqual([]);
    expect(await audited()).toEqual(["user-add alice cli:tester"]);
  });

  test("without a password only keys let the user in", async () => {
    expect((await add("alice")).passwordHash).toBeNull();
  });

  test("a name that is taken is refused, and nothing changes", async () => {
    await add("alice", { password: "secret" });
    await expect(add("alice", { password: "other one" })).rejects.toThrow(/exists already/);
    expect((await users.account("alice")).passwordHash).toBe("hash of 6");
  });

  test("of two at once for one name exactly one is made", async () => {
    const results = await Promise.allSettled([add("alice"), add("alice"), add("alice")]);
    expect(results.filter((r) => r.status === "fulfilled")).toHaveLength(1);
    for (const result of results) {
      if (result.status === "rejected") expect(result.reason).toBeInstanceOf(ControlError);
    }
  });

  test.each(["", "A", "-a", ".a", "a/b", "..", "a b", "ä", "a".repeat(33), "a\n"])(
    "the name %j is refused",
    async (name) => {
      await expect(add(name)).rejects.toMatchObject({ exitCode: 2 });
      expect(homes()).toEqual([]);
    },
  );

  test.each(["", "a\tb", "a\u0000", "x".repeat(1025)])(
    "the password %j is refused",
    async (text) => {
      await expect(add("alice", { password: text })).rejects.toMatchObject({ exitCode: 2 });
      expect(await store.users.count()).toBe(0);
    },
  );

  test("a home kept from before has what a group's folder would cover: nobody is added", async () => {
    const folders = new FolderControl({ store, root, actor: "cli:tester" });
    const groups = new GroupControl({ store, actor: "cli:tester", quota: { default: null } });
    await groups.add("staff");
    await folders.add({ name: "p", quotaBytes: null, quotaFiles: null });
    await folders.share("p", { to: "@staff", access: "full" });
    mkdirSync(join(root, "homes", "ann", "p"), { recursive: true });
    const refused = "ann has /p of their own, which the folder would cover";
    await expect(add("ann", { groups: ["staff"] })).rejects.toThrow(refused);
    const imports = new UserImport({
      store,
      root,
      actor: "cli:tester",
      rule: { passwordMinLength: 1, passwordStrength: 0 },
      quota: { default: null, files: null },
      hash: async () => "x",
      concurrency: 1,
    });
    const { faults } = await imports.check("name,groups\nann,staff\n");
    expect(faults).toEqual([{ line: 2, text: expect.stringContaining(refused) }]);
    expect(await store.users.list()).toEqual([]);
  });

  test("a home kept from before is counted before anybody can log in", async () => {
    mkdirSync(join(root, "homes/alice"), { recursive: true });
    expect(await add("alice")).toMatchObject({ enabled: true });
    expect(rescanned).toMatchObject([{ name: "alice", enabled: false }]);
  });

  test("when a kept home can't be counted there is no account", async () => {
    mkdirSync(join(root, "homes/alice"), { recursive: true });
    rescanError = new Error("the disk fails");
    await expect(add("alice")).rejects.toThrow("the disk fails");
    expect(await store.users.count()).toBe(0);
  });

  test("a link or file in place of the home is refused", async () => {
    symlinkSync("/tmp", join(root, "homes/alice"));
    writeFileSync(join(root, "homes/bob"), "");
    await expect(add("alice")).rejects.toThrow(/not a directory/);
    await expect(add("bob")).rejects.toThrow(/not a directory/);
    expect(await store.users.count()).toBe(0);
  });
});

describe("changes", () => {
  test("set changes what is given and tells the servers", async () => {
    const { id } = await add("alice");
    expect(await users.set("alice", { quotaBytes: null })).toMatchObject({ quotaBytes: null });
    expect(await users.set("alice", { quotaFiles: 5, role: "admin" })).toMatchObject({
      quotaBytes: null,
      quotaFiles: 5,
      role: "admin",
    });
    expect(await changes()).toEqual([`user-set ${id}`, `user-set ${id}`]);
  });

  test("the password, the state and keys, with who did it", async () => {
    const { id } = await add("alice");
    await users.setPassword("alice", "a new one");
    await users.disable("alice");
    expect(await users.account("alice")).toMatchObject({ enabled: false });
    await users.enable("alice");
    expect(await users.account("alice")).toMatchObject({
      enabled: true,
      passwordHash: "hash of 9",
    });
    expect(await users.addKeys("alice", [key("a"), key("a")])).toHaveLength(1);
    await users.removeKey("alice", key("a").fingerprint);
    expect(await users.listKeys("alice")).toEqual([]);
    expect(await changes()).toEqual([
      `password-set ${id}`,
      `user-disabled ${id}`,
      `user-set ${id}`,
      `key-removed ${id} ${key("a").fingerprint}`,
    ]);
    expect(await audited()).toEqual(
      ["user-add", "user-passwd", "user-disable", "user-enable", "key-add", "key-remove"].map(
        (kind) => `${kind} alice cli:tester`,
      ),
    );
  });

  test("a key is also found without the fingerprint's prefix; an unknown one is told", async () => {
    await add("alice", { keys: [key("a")] });
    await expect(users.removeKey("alice", "SHA256:nonsense")).rejects.toThrow(/no key/);
    await users.removeKey("alice", "a".repeat(43));
    expect(await users.listKeys("alice")).toEqual([]);
  });

  test("every use-case tells of an unknown user in one line", async () => {
    const calls = [
      users.show("no\nbody"),
      users.set("nobody", { role: "user" }),
      users.setPassword("nobody", "x"),
      users.enable("nobody"),
      users.disable("nobody"),
      users.remove("nobody"),
      users.addKeys("nobody", []),
      users.listKeys("nobody"),
      users.removeKey("nobody", "x"),
      users.rescan("nobody"),
    ];
    for (const call of calls) await expect(call).rejects.toThrow(/^no user "no[^\n]+$/);
    expect(await changes()).toEqual([]);
  });

  test("rescan says by how much the books were wrong", async () => {
    await add("alice");
    await users.rescan("alice");
    expect(rescanned).toHaveLength(1);
    const [record] = await store.audit.query({ kind: "rescan" });
    expect(record).toMatchObject({ user: "alice", detail: "corrected by 0 bytes, 0 files" });
  });
});

describe("the last admin that is enabled", () => {
  const attempts = {
    demote: (force?: boolean) => users.set("root", { role: "user" }, force ? { force } : {}),
    disable: (force?: boolean) => users.disable("root", force ? { force } : {}),
    remove: (force?: boolean) => users.remove("root", force ? { force } : {}),
  };

  test.each(Object.entries(attempts))("is not to %s, but by force", async (_, attempt) => {
    await add("root", { role: "admin" });
    await add("other", { role: "admin" });
    await users.disable("other");
    await add("alice");
    const before = await users.account("root");
    await expect(attempt()).rejects.toThrow(/last admin.*--force/);
    expect(await users.account("root")).toEqual(before);
    await attempt(true);
    const after = await store.users.byName("root");
    expect(after?.role === "admin" && after.enabled).toBe(false);
  });

  test("an admin who has expired is none that could take over", async () => {
    await add("root", { role: "admin" });
    await add("other", { role: "admin", expiresAt: 1 });
    await expect(users.disable("root")).rejects.toThrow(/last admin/);
    await users.set("other", { expiresAt: null });
    await users.disable("root");
  });

  test.each(Object.entries(attempts))("one of two is free to %s", async (_, attempt) => {
    await add("root", { role: "admin" });
    await add("other", { role: "admin" });
    await attempt();
    expect(await users.account("other")).toMatchObject({ role: "admin", enabled: true });
  });

  test("stays, also when two commands take one of two away at the same moment", async () => {
    const other = await openStore(root, "command", "0.0.0");
    const hash = async () => "hash";
    const rescan = async () => ({ bytes: 0, files: 0 });
    const rule = { passwordMinLength: 1, passwordStrength: 0 };
    const quota = { default: null, files: null };
    const actor = "cli:other";
    const others = new UserControl({ store: other, root, actor, rule, quota, hash, rescan });
    await add("first", { role: "admin" });
    await add("second", { role: "admin" });
    try {
      for (let round = 0; round < 20; round++) {
        await Promise.allSettled([
          round % 2 ? users.disable("first") : users.set("first", { role: "user" }),
          others.disable("second"),
        ]);
        const left = (await store.users.list()).filter((a) => a.role === "admin" && a.enabled);
        expect(left.length).toBeGreaterThanOrEqual(1);
        for (const name of ["first", "second"]) {
          await users.set(name, { role: "admin" });
          await users.enable(name);
        }
      }
    } finally {
      await other.close();
    }
  });

  test("may be given other limits, and stay admin", async () => {
    await add("root", { role: "admin" });
    await users.set("root", { quotaBytes: 5, role: "admin" });
    expect(await users.account("root")).toMatchObject({ role: "admin", quotaBytes: 5 });
  });
});

describe("remove", () => {
  async function session(userId: number): Promise<number> {
    const limits = { maxSessions: 10, maxSessionsPerUser: 10, queue: 10 };
    const entered = await store.sessions.enter({ userId, remote: "::1", client: "t" }, limits);
    if (entered.outcome !== "active") throw new Error("not let in");
    return entered.id;
  }

  test("keeps the home unless asked, then deletes all of it", async () => {
    await add("alice");
    mkdirSync(join(root, "homes/alice/a/b"), { recursive: true });
    writeFileSync(join(root, "homes/alice/a/b/file"), "data");
    expect(await users.remove("alice")).toEqual({ homeDeleted: false });
    expect(existsSync(join(root, "homes/alice/a/b/file"))).toBe(true);
    await add("alice");
    expect(rescanned).toHaveLength(1);
    expect(await users.remove("alice", { deleteHome: true })).toEqual({ homeDeleted: true });
    expect(homes()).toEqual([]);
  });

  test("deletes links and not what they lead to", async () => {
    await add("alice");
    mkdirSync(join(root, "outside"));
    writeFileSync(join(root, "outside/file"), "data");
    symlinkSync(join(root, "outside"), join(root, "homes/alice/link"));
    await users.remove("alice", { deleteHome: true });
    expect(existsSync(join(root, "outside/file"))).toBe(true);
  });

  test("deletes trees deeper than any path can name, and directories that may not be written", async () => {
    await add("alice");
    const home = join(root, "homes/alice");
    const name = "d".repeat(200);
    mkdirSync(join(home, "a", name), { recursive: true });
    writeFileSync(join(home, "a", name, "file"), "data");
    // 40 levels of 200 bytes: twice what the system takes as a path.
    for (let level = 0; level < 40; level += 1) {
      mkdirSync(join(home, "b", name), { recursive: true });
      renameSync(join(home, "a"), join(home, "b", name, "a"));
      renameSync(join(home, "b"), join(home, "a"));
    }
    writeFileSync(Buffer.from(`${home}/\xff`, "latin1"), "not UTF-8");
    mkdirSync(join(home, "closed/in"), { recursive: true });
    chmodSync(join(home, "closed"), 0o500);
    expect(await users.remove("alice", { deleteHome: true })).toEqual({ homeDeleted: true });
    expect(homes()).toEqual([]);
  });

  test("deletes a home that is a link and not what it leads to", async () => {
    await add("alice");
    mkdirSync(join(root, "elsewhere"));
    writeFileSync(join(root, "elsewhere/file"), "data");
    rmSync(join(root, "homes/alice"), { recursive: true });
    symlinkSync(join(root, "elsewhere"), join(root, "homes/alice"));
    expect(await users.remove("alice", { deleteHome: true })).toEqual({ homeDeleted: true });
    expect(homes()).toEqual([]);
    expect(existsSync(join(root, "elsewhere/file"))).toBe(true);
  });

  test("clears what an interrupted deletion left", async () => {
    await add("alice");
    mkdirSync(join(root, "homes/.trash-bob-0123/x"), { recursive: true });
    await users.remove("alice", { deleteHome: true });
    expect(homes()).toEqual([]);
  });

  test("waits for the sessions to end, which it asks for first", async () => {
    const { id } = await add("alice");
    const open = await session(id);
    let disabledFirst = false;
    const ending = (async () => {
      await vi.waitFor(async () => expect(await changes()).toContain(`user-removed ${id} alice`));
      disabledFirst = (await store.users.byId(id))?.enabled === false;
      await store.sessions.leave(open);
    })();
    await users.remove("alice", { deleteHome: true });
    await ending;
    expect(disabledFirst).toBe(true);
    expect(await store.users.count()).toBe(0);
  });

  test("when they don't end nothing is deleted, and the user stays disabled", async () => {
    const { id } = await add("alice");
    await session(id);
    await expect(users.remove("alice", { deleteHome: true })).rejects.toThrow(
      /disabled but not removed/,
    );
    expect(await users.account("alice")).toMatchObject({ enabled: false });
    expect(existsSync(join(root, "homes/alice"))).toBe(true);
  });
});
