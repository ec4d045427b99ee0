import argon2 from "argon2";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Authenticator } from "../../../src/auth/authenticator.ts";
import { grantOfKey } from "../../../src/auth/key-grant.ts";
import { fingerprint } from "../../../src/auth/keys.ts";
import { type LimitReached, REFUSED } from "../../../src/auth/login-limits.ts";
import { HashQueueFull, type PasswordOptions, Passwords } from "../../../src/auth/passwords.ts";
import type { Store } from "../../../src/store/store.ts";
import type { LoginLimits, UserKey } from "../../../src/store/types.ts";
import { newUser, temporaryStore } from "../store/instance.ts";

const SMALL: PasswordOptions = {
  argon2Memory: 1024 * 1024,
  argon2Time: 1,
  argon2Parallelism: 1,
  hashConcurrency: 2,
  hashQueue: 4,
};

const HERE = "192.0.2.1";
const ELSEWHERE = "198.51.100.1";
const NOW = Date.UTC(2026, 0, 31);

afterEach(() => {
  vi.restoreAllMocks();
});

async function setUp(options: Partial<PasswordOptions> = {}) {
  const { store } = await temporaryStore();
  const warn = vi.fn();
  const passwords = new Passwords({ ...SMALL, ...options });
  const authenticator = new Authenticator(store, passwords, { warn }, () => NOW);
  const hash = await new Passwords(SMALL).hash("right");
  const ann = await store.users.add(newUser("ann", { passwordHash: hash }));
  return { store, authenticator, passwords, ann, hash, warn };
}

function key(bytes: number, algorithm = "ssh-ed25519"): UserKey {
  const blob = Buffer.alloc(51, bytes);
  return { fingerprint: fingerprint(blob), algorithm, blob, comment: "", createdAt: 1 };
}

test("the right password gives the account", async () => {
  const { authenticator, ann } = await setUp();
  expect(await authenticator.verifyPassword("ann", "right")).toEqual(ann);
});

test.each([
  ["a wrong password", "ann", "wrong"],
  ["an unknown user", "nobody", "right"],
  ["a name no user can have", "../ann", "right"],
  ["an empty name", "", "right"],
  ["an overlong password", "ann", "x".repeat(100_000)],
  ["a disabled user", "off", "right"],
  ["a user without a password", "keys", "right"],
  ["a user with a damaged hash", "broken", "right"],
])("%s is turned away for exactly one verification", async (_, name, password) => {
  const { store, authenticator, hash } = await setUp();
  const { id } = await store.users.add(newUser("off", { passwordHash: hash }));
  await store.users.setEnabled(id, false);
  await store.users.add(newUser("keys"));
  await store.users.add(newUser("broken", { passwordHash: "$argon2id$nonsense" }));
  const verify = vi.spyOn(argon2, "verify");
  const hashing = vi.spyOn(argon2, "hash");
  expect(await authenticator.verifyPassword(name, password)).toBeUndefined();
  expect(verify.mock.calls).toHaveLength(1);
  expect(verify.mock.calls[0]?.[0]).toMatch(/^\$argon2id\$v=19\$m=1024,(t=1,p=1|p=1,t=1)\$/);
  expect(hashing).not.toHaveBeenCalled();
});

test.each<[string, (store: Store, id: number) => Promise<unknown>]>([
  ["disabled", (store, id) => store.users.setEnabled(id, false)],
  ["removed", (store, id) => store.users.remove(id)],
  ["given another password", (store, id) => store.users.setPassword(id, "$other")],
])("an account %s while its password is verified is turned away", async (_, change) => {
  const { store, authenticator, ann } = await setUp();
  vi.spyOn(argon2, "verify").mockImplementation(async () => {
    await change(store, ann.id);
    return true;
  });
  expect(await authenticator.verifyPassword("ann", "right")).toBeUndefined();
});

test("a right password is right, too, while another login hashes it anew", async () => {
  const { store, authenticator, passwords, ann } = await setUp();
  const anew = await passwords.hash("right");
  const real = passwords.verify.bind(passwords);
  const verify = vi.spyOn(passwords, "verify").mockImplementation(async (hash, password) => {
    const right = await real(hash, password);
    await store.users.setPassword(ann.id, anew);
    return right;
  });
  expect(await authenticator.verifyPassword("ann", "right")).toMatchObject({ passwordHash: anew });
  expect(verify).toHaveBeenCalledTimes(2);
});

test("too many at once is an error of its own, not a wrong password", async () => {
  const { authenticator } = await setUp({ hashConcurrency: 1, hashQueue: 0 });
  const first = authenticator.verifyPassword("ann", "right");
  const second = authenticator.verifyPassword("ann", "right");
  await expect(second).rejects.toBeInstanceOf(HashQueueFull);
  expect(await first).toBeDefined();
});

test("a login rehashes when the parameters changed, and answers before that is done", async () => {
  const { store, authenticator, passwords, ann, hash } = await setUp({ argon2Time: 2 });
  let finish = () => {};
  const held = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const real = passwords.hash.bind(passwords);
  vi.spyOn(passwords, "hash").mockImplementation((password) => held.then(() => real(password)));
  expect(await authenticator.verifyPassword("ann", "right")).toBeDefined();
  expect((await store.users.byId(ann.id))?.passwordHash).toBe(hash);
  finish();
  await authenticator.settled();
  expect((await store.users.byId(ann.id))?.passwordHash).toMatch(
    /^\$argon2id\$v=19\$m=1024,p=1,t=2\$/,
  );
  expect(await authenticator.verifyPassword("ann", "right")).toBeDefined();
});

test("many logins at once rehash once", async () => {
  const { authenticator, passwords } = await setUp({ argon2Time: 2 });
  const hashing = vi.spyOn(passwords, "hash");
  const login = () => authenticator.verifyPassword("ann", "right");
  await Promise.all([login(), login(), login(), login()]);
  await authenticator.settled();
  expect(hashing).toHaveBeenCalledTimes(1);
});

test("a wrong password never rehashes", async () => {
  const { store, authenticator, ann, hash } = await setUp({ argon2Time: 2 });
  await authenticator.verifyPassword("ann", "wrong");
  await authenticator.settled();
  expect((await store.users.byId(ann.id))?.passwordHash).toBe(hash);
});

test("a password changed during the rehash wins", async () => {
  const { store, authenticator, passwords, ann } = await setUp({ argon2Time: 2 });
  const real = passwords.hash.bind(passwords);
  vi.spyOn(passwords, "hash").mockImplementation(async (password) => {
    await store.users.setPassword(ann.id, "$new");
    return real(password);
  });
  expect(await authenticator.verifyPassword("ann", "right")).toBeDefined();
  await authenticator.settled();
  expect((await store.users.byId(ann.id))?.passwordHash).toBe("$new");
});

test("a rehash that fails is only logged, without the password or a hash", async () => {
  const { store, authenticator, passwords, ann, hash, warn } = await setUp({ argon2Time: 2 });
  vi.spyOn(passwords, "hash").mockRejectedValue(new HashQueueFull());
  expect(await authenticator.verifyPassword("ann", "right")).toBeDefined();
  await authenticator.settled();
  expect((await store.users.byId(ann.id))?.passwordHash).toBe(hash);
  expect(warn.mock.calls).toEqual([
    [{ user: "ann", reason: "HashQueueFull" }, "password not rehashed"],
  ]);
});

test("a user's key gives the account, by its type and by its signature algorithms", async () => {
  const { store, authenticator, ann } = await setUp();
  await store.keys.add(ann.id, key(1));
  await store.keys.add(ann.id, key(2, "ssh-rsa"));
  const find = (algorithm: string, blob: Buffer) =>
    authenticator.findKey("ann", algorithm, blob, HERE);
  const grant = grantOfKey(key(1).blob);
  expect(await find("ssh-ed25519", key(1).blob)).toEqual({ account: ann, grant });
  for (const algorithm of ["ssh-rsa", "rsa-sha2-256", "rsa-sha2-512"]) {
    const rsa = grantOfKey(key(2).blob);
    expect(await find(algorithm, key(2).blob)).toEqual({ account: ann, grant: rsa });
  }
});

test("no other key, name or type does", async () => {
  const { store, authenticator, ann, hash } = await setUp();
  const bob = await store.users.add(newUser("bob", { passwordHash: hash }));
  const off = await store.users.add(newUser("off"));
  await store.keys.add(ann.id, key(1));
  await store.keys.add(bob.id, key(2));
  await store.keys.add(off.id, key(1));
  await store.users.setEnabled(off.id, false);
  const attempts: [string, string, Buffer][] = [
    ["ann", "ssh-ed25519", key(2).blob],
    ["ann", "ssh-rsa", key(1).blob],
    ["ann", "rsa-sha2-256", key(1).blob],
    ["ann", "ssh-ed25519", Buffer.alloc(0)],
    ["ann", "ssh-ed25519", key(1).blob.subarray(1)],
    ["bob", "ssh-ed25519", key(1).blob],
    ["off", "ssh-ed25519", key(1).blob],
    ["nobody", "ssh-ed25519", key(1).blob],
    ["../ann", "ssh-ed25519", key(1).blob],
    ["ANN", "ssh-ed25519", key(1).blob],
  ];
  for (const attempt of attempts) expect(await authenticator.findKey(...attempt, HERE)).toEqual({});
});

test("a removed key no longer works", async () => {
  const { store, authenticator, ann } = await setUp();
  await store.keys.add(ann.id, key(1));
  await store.keys.remove(ann.id, key(1).fingerprint);
  expect(await authenticator.findKey("ann", "ssh-ed25519", key(1).blob, HERE)).toEqual({});
});

test("an unknown user costs the same look-ups as a known one", async () => {
  const { store, authenticator } = await setUp();
  const find = vi.spyOn(store.keys, "find");
  const byName = vi.spyOn(store.users, "byName");
  for (const name of ["ann", "nobody", "../ann"]) {
    await authenticator.findKey(name, "ssh-ed25519", key(1).blob, HERE);
  }
  expect(find).toHaveBeenCalledTimes(3);
  expect(byName).toHaveBeenCalledTimes(3);
});

test("notes a completed login", async () => {
  const { store, authenticator, ann } = await setUp();
  const before = Date.now();
  await authenticator.loggedIn(ann);
  expect((await store.users.byId(ann.id))?.lastLoginAt).toBeGreaterThanOrEqual(before);
});

describe("a user's limits", () => {
  const REFUSING: [string, Partial<LoginLimits>, LimitReached][] = [
    ["from another address", { from: ["198.51.100.0/24"] }, "address"],
    ["after the expiry", { expiresAt: NOW }, "expired"],
    ["by another method", { auth: ["key"] }, "method"],
  ];

  test.each(REFUSING)(
    "attack: the right password %s costs what a wrong one costs",
    async (...of) => {
      const [, limits, limit] = of;
      // Other parameters than the hash's: a login that lets in would hash anew.
      const { store, authenticator, ann, hash } = await setUp({ argon2Time: 2 });
      await store.users.set(ann.id, limits);
      const work = [vi.spyOn(argon2, "verify"), vi.spyOn(argon2, "hash")] as const;
      const looked = [vi.spyOn(store.users, "byName"), vi.spyOn(store.users, "byId")] as const;
      const all = () => [...work, ...looked].map(({ mock }) => mock.calls.length);
      expect(await authenticator.logIn("ann", "wrong", HERE)).toEqual({});
      await authenticator.settled();
      const wrong = all();
      expect(await authenticator.logIn("ann", "right", HERE)).toEqual({ limit });
      await authenticator.settled();
      expect(all()).toEqual(wrong.map((calls) => 2 * calls));
      expect(wrong).toEqual([1, 0, 1, 1]);
      expect(work[0].mock.calls.map(([used]) => used)).toEqual([hash, hash]);
      expect((await store.users.byId(ann.id))?.passwordHash).toBe(hash);
    },
  );

  test.each(REFUSING)("a group's limits refuse its members %s, as their own do", async (...of) => {
    const [, limits, limit] = of;
    const { store, authenticator, ann } = await setUp();
    const groupId = (await store.groups.add("staff", limits))?.id ?? 0;
    expect((await authenticator.logIn("ann", "right", HERE)).account).toBeDefined();
    await store.groups.join({ groupId, userId: ann.id }, null);
    expect(await authenticator.logIn("ann", "right", HERE)).toEqual({ limit });
  });

  test("a wrong password is only wrong, whatever the limits", async () => {
    const { store, authenticator, ann } = await setUp();
    await store.users.set(ann.id, { expiresAt: 1, from: ["198.51.100.0/24"], auth: ["key"] });
    expect(await authenticator.logIn("ann", "wrong", HERE)).toEqual({});
  });

  test("let in who keeps to them", async () => {
    const { store, authenticator, ann } = await setUp();
    const from = ["192.0.2.0/24"];
    const limited = await store.users.set(ann.id, { expiresAt: NOW + 1, from, auth: ["password"] });
    expect(await authenticator.logIn("ann", "right", HERE)).toEqual({ account: limited });
  });

  test.each<[string, Partial<LoginLimits>, LimitReached]>([
    ["address", { from: ["192.0.2.0/24"] }, "address"],
    ["time", { expiresAt: NOW }, "expired"],
    ["method", { auth: ["password"] }, "method"],
  ])("attack: a user's key at the wrong %s is none of the user's", async (_, limits, limit) => {
    const { store, authenticator, ann } = await setUp();
    await store.keys.add(ann.id, key(1));
    await store.users.set(ann.id, limits);
    const { blob } = key(1);
    const found = await authenticator.findKey("ann", "ssh-ed25519", blob, ELSEWHERE);
    expect(found).toEqual({ reason: REFUSED[limit] });
    expect(await authenticator.findKey("ann", "ssh-ed25519", key(2).blob, HERE)).toEqual({});
  });

  test("changed while the password is verified count", async () => {
    const { store, authenticator, ann } = await setUp();
    vi.spyOn(argon2, "verify").mockImplementation(async () => {
      await store.users.set(ann.id, { from: ["198.51.100.0/24"] });
      return true;
    });
    expect(await authenticator.logIn("ann", "right", HERE)).toEqual({ limit: "address" });
  });

  test("don't keep a user from confirming the own password in a session", async () => {
    const { store, authenticator, ann } = await setUp();
    await store.users.set(ann.id, { auth: ["key"] });
    expect(await authenticator.verifyPassword("ann", "right")).toMatchObject({ id: ann.id });
  });
});
