import argon2 from "argon2";
import { afterEach, expect, test, vi } from "vitest";
import {
  DEFAULT_PASSWORD_OPTIONS,
  HashQueueFull,
  MAX_PASSWORD_BYTES,
  NotWanted,
  PasswordError,
  type PasswordOptions,
  Passwords,
} from "../../../src/auth/passwords.ts";

const SMALL: PasswordOptions = {
  argon2Memory: 1024 * 1024,
  argon2Time: 1,
  argon2Parallelism: 1,
  hashConcurrency: 2,
  hashQueue: 4,
};

const DUMMY = /^\$argon2id\$v=19\$m=1024,t=1,p=1\$/;

afterEach(() => {
  vi.restoreAllMocks();
});

/** argon2.verify that ends only when told to; what it was called with, and how many run. */
function heldVerify() {
  const pending: ((matches: boolean) => void)[] = [];
  const passwords: string[] = [];
  vi.spyOn(argon2, "verify").mockImplementation((_, password) => {
    passwords.push(String(password));
    return new Promise((resolve) => pending.push(resolve));
  });
  return { pending, passwords };
}

/** Lets the check of that number, from 0, end as soon as it has begun. */
async function end(pending: readonly ((matches: boolean) => void)[], number: number) {
  await vi.waitFor(() => expect(pending.length).toBeGreaterThan(number), { timeout: 20_000 });
  pending[number]?.(false);
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("by default hashes with 64 MiB, 3 passes, 1 lane", async () => {
  const hash = await new Passwords().hash("secret");
  expect(hash).toMatch(/^\$argon2id\$v=19\$m=65536,p=1,t=3\$/);
  expect(DEFAULT_PASSWORD_OPTIONS).toMatchObject({ hashConcurrency: 2, hashQueue: 128 });
});

test("verifies the right password only, salted each time", async () => {
  const passwords = new Passwords(SMALL);
  const hash = await passwords.hash("pässword 🔑");
  expect(await passwords.verify(hash, "pässword 🔑")).toBe(true);
  expect(await passwords.verify(hash, "passwort")).toBe(false);
  expect(await passwords.verify(hash, "")).toBe(false);
  expect(await passwords.hash("pässword 🔑")).not.toBe(hash);
});

test("refuses to hash an empty or an overlong password", async () => {
  const passwords = new Passwords(SMALL);
  const longest = "x".repeat(MAX_PASSWORD_BYTES);
  await expect(passwords.hash("")).rejects.toBeInstanceOf(PasswordError);
  await expect(passwords.hash(`${longest}x`)).rejects.toBeInstanceOf(PasswordError);
  await expect(passwords.hash("ä".repeat(513))).rejects.toBeInstanceOf(PasswordError);
  expect(await passwords.verify(await passwords.hash(longest), longest)).toBe(true);
});

test("an overlong password is wrong, costs one verification and is never hashed", async () => {
  const passwords = new Passwords(SMALL);
  const long = "x".repeat(MAX_PASSWORD_BYTES + 1);
  const hash = await argon2.hash(long, { memoryCost: 1024, timeCost: 1, parallelism: 1 });
  const verify = vi.spyOn(argon2, "verify");
  expect(await passwords.verify(hash, long)).toBe(false);
  expect(verify.mock.calls).toEqual([[hash, ""]]);
});

test.each(["gr\ufffd\ufffde-2026", "half a pair \ud83d", "\udc80"])(
  "attack: %j stands for several passwords: it is never right and never hashed, for the same work",
  async (password) => {
    const passwords = new Passwords(SMALL);
    await expect(passwords.hash(password)).rejects.toThrow(/the password is not UTF-8/);
    const hash = await argon2.hash(password, { memoryCost: 1024, timeCost: 1, parallelism: 1 });
    const verify = vi.spyOn(argon2, "verify");
    expect(await passwords.verify(hash, password)).toBe(false);
    expect(await passwords.verify(null, password)).toBe(false);
    expect(verify.mock.calls).toEqual([
      [hash, ""],
      [expect.stringMatching(DUMMY), ""],
    ]);
  },
);
test("attack: another text that isn't UTF-8 does not pass for a password that wasn't either", async () => {
  const passwords = new Passwords(SMALL);
  const [set, tried] = [
    Buffer.from("gr\xfc\xdfe-2026", "latin1"),
    Buffer.from("gr\xe4\xf6e-2026", "latin1"),
  ];
  // This is what ssh2 makes of both.
  expect(tried.toString("utf8")).toBe(set.toString("utf8"));
  const hash = await argon2.hash(set.toString("utf8"), {
    memoryCost: 1024,
    timeCost: 1,
    parallelism: 1,
  });
  const verify = vi.spyOn(argon2, "verify");
  expect(await passwords.verify(hash, tried.toString("utf8"))).toBe(false);
  expect(verify.mock.calls).toEqual([[hash, ""]]);
  await expect(passwords.hash(set.toString("utf8"))).rejects.toThrow("not UTF-8");
});

test("an overlong password does not pass for the empty one", async () => {
  const passwords = new Passwords(SMALL);
  const hash = await argon2.hash("", { memoryCost: 1024, timeCost: 1, parallelism: 1 });
  expect(await passwords.verify(hash, "x".repeat(MAX_PASSWORD_BYTES + 1))).toBe(false);
});

test("without a hash it does the same work and is false", async () => {
  const passwords = new Passwords(SMALL);
  const verify = vi.spyOn(argon2, "verify");
  expect(await passwords.verify(null, "secret")).toBe(false);
  expect(verify.mock.calls).toEqual([[expect.stringMatching(DUMMY), "secret"]]);
});

const SALT = "c2FsdHNhbHRzYWx0c2FsdA";
const HASH = "A".repeat(43);

test.each([
  ["nothing", ""],
  ["plain text", "secret"],
  ["another kind", `$argon2i$v=19$m=1024,t=1,p=1$${SALT}$${HASH}`],
  ["an old version", `$argon2id$v=16$m=1024,t=1,p=1$${SALT}$${HASH}`],
  ["4 TiB of memory", `$argon2id$v=19$m=4294967295,t=1,p=1$${SALT}$${HASH}`],
  ["more memory than allowed", `$argon2id$v=19$m=262145,t=1,p=1$${SALT}$${HASH}`],
  ["more passes than allowed", `$argon2id$v=19$m=1024,t=17,p=1$${SALT}$${HASH}`],
  ["more lanes than allowed", `$argon2id$v=19$m=1024,t=1,p=17$${SALT}$${HASH}`],
  ["too little memory for its lanes", `$argon2id$v=19$m=15,t=1,p=2$${SALT}$${HASH}`],
  ["no passes", `$argon2id$v=19$m=1024,t=0,p=1$${SALT}$${HASH}`],
  ["no lanes", `$argon2id$v=19$m=1024,t=1,p=0$${SALT}$${HASH}`],
  ["a hash too short to mean anything", `$argon2id$v=19$m=1024,t=1,p=1$${SALT}$AAAA`],
  ["a hash too long", `$argon2id$v=19$m=1024,t=1,p=1$${SALT}$${"A".repeat(2_000_000)}`],
  [
    "more passes than allowed, in the other order",
    `$argon2id$v=19$m=1024,p=1,t=17$${SALT}$${HASH}`,
  ],
  ["more parameters", `$argon2id$v=19$m=1024,t=1,p=1,data=AAAA$${SALT}$${HASH}`],
  ["a line behind", `$argon2id$v=19$m=1024,t=1,p=1$${SALT}$${HASH}\n`],
])("a stored hash that is %s is never run", async (_, hash) => {
  const passwords = new Passwords(SMALL);
  const verify = vi.spyOn(argon2, "verify").mockResolvedValue(true);
  expect(await passwords.verify(hash, "secret")).toBe(false);
  expect(verify.mock.calls).toEqual([[expect.stringMatching(DUMMY), "secret"]]);
  expect(verify.mock.calls[0]?.[0]).not.toBe(hash);
});

test("a stored hash of other parameters within bounds is verified", async () => {
  const hash = await new Passwords({ ...SMALL, argon2Time: 2 }).hash("secret");
  expect(await new Passwords(SMALL).verify(hash, "secret")).toBe(true);
});

test("reads the parameters in the reference implementation's order as well", async () => {
  const passwords = new Passwords(SMALL);
  const hash = (await passwords.hash("secret")).replace("p=1,t=1", "t=1,p=1");
  expect(await passwords.verify(hash, "secret")).toBe(true);
  expect(passwords.needsRehash(hash)).toBe(false);
});

test("says which hashes were made with other parameters", async () => {
  const passwords = new Passwords(SMALL);
  expect(passwords.needsRehash(await passwords.hash("secret"))).toBe(false);
  for (const change of [
    { argon2Memory: 2 * 1024 * 1024 },
    { argon2Time: 2 },
    { argon2Parallelism: 2 },
  ]) {
    const hash = await new Passwords({ ...SMALL, ...change }).hash("secret");
    expect(passwords.needsRehash(hash)).toBe(true);
  }
  expect(passwords.needsRehash("nonsense")).toBe(false);
});

test("runs two at once, the others in order, and refuses when the queue is full", async () => {
  const passwords = new Passwords(SMALL);
  const { pending, passwords: started } = heldVerify();
  const results = Array.from({ length: 6 }, (_, n) => passwords.verify(null, `${n}`));
  await expect(passwords.verify(null, "x")).rejects.toBeInstanceOf(HashQueueFull);
  await expect(passwords.hash("x")).rejects.toBeInstanceOf(HashQueueFull);
  expect(started).toEqual(["0", "1"]);
  for (let done = 1; done <= 4; done += 1) {
    pending[done - 1]?.(false);
    await turn();
    expect(started).toHaveLength(done + 2);
  }
  for (const end of pending) end(false);
  await Promise.all(results);
  expect(started).toEqual(["0", "1", "2", "3", "4", "5"]);
});

test("sources take turns: one that floods the queue delays another by one check", async () => {
  const passwords = new Passwords({ ...SMALL, hashConcurrency: 1, hashQueue: 100 });
  const { pending, passwords: started } = heldVerify();
  const check = (name: string, source: string) => passwords.verify(null, name, { source });
  const results = [0, 1, 2, 3, 4].map((n) => check(`eve${n}`, "198.51.100.66"));
  results.push(check("ann0", "192.0.2.1"), check("bob0", "192.0.2.2"), check("ann1", "192.0.2.1"));
  for (let done = 0; done < results.length; done += 1) await end(pending, done);
  await Promise.all(results);
  expect(started).toEqual(["eve0", "eve1", "ann0", "bob0", "eve2", "ann1", "eve3", "eve4"]);
});

test("attack: an address that fills its share of the queue leaves the rest to others", async () => {
  const options = { ...SMALL, hashConcurrency: 1, hashQueue: 100, hashQueuePerAddress: 3 };
  const passwords = new Passwords(options);
  const { pending } = heldVerify();
  const check = (source: string) => passwords.verify(null, "x", { source });
  const results = [1, 2, 3, 4].map(() => check("198.51.100.66"));
  await expect(check("198.51.100.66")).rejects.toBeInstanceOf(HashQueueFull);
  results.push(check("192.0.2.1"));
  for (let done = 0; done < results.length; done += 1) await end(pending, done);
  await Promise.all(results);
  // Its places are free again.
  const last = check("198.51.100.66");
  await end(pending, results.length);
  expect(await last).toBe(false);
});

test("what is not wanted any more when its turn comes is not checked, and the next has its turn", async () => {
  const passwords = new Passwords({ ...SMALL, hashConcurrency: 1 });
  const { pending, passwords: started } = heldVerify();
  const first = passwords.verify(null, "first");
  const gone = passwords.verify(null, "gone", { source: "a", wanted: async () => false });
  const last = passwords.verify(null, "last", { source: "a", wanted: () => true });
  const refused = expect(gone).rejects.toBeInstanceOf(NotWanted);
  await end(pending, 0);
  await refused;
  await end(pending, 1);
  await Promise.all([first, last]);
  expect(started).toEqual(["first", "last"]);
});

test("a place is free again after a failure", async () => {
  const passwords = new Passwords({ ...SMALL, hashConcurrency: 1, hashQueue: 1 });
  vi.spyOn(argon2, "verify").mockRejectedValueOnce(new Error("out of memory"));
  const [first, second] = [passwords.verify(null, "a"), passwords.verify(null, "b")];
  await expect(first).rejects.toThrow("out of memory");
  expect(await second).toBe(false);
  expect(await passwords.verify(null, "c")).toBe(false);
});
