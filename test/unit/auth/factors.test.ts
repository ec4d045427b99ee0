import { chmodSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { FactorKey } from "../../../src/auth/factor-key.ts";
import { type FactorSettings, Factors, refusalAfter } from "../../../src/auth/factors.ts";
import { newSecret, qrCode, readable } from "../../../src/auth/totp.ts";
import type { Store } from "../../../src/store/store.ts";
import type { Account } from "../../../src/store/types.ts";
import { codeAt, STEP_MS, wrongCode } from "../../support/authenticator-app.ts";
import { ENGINE } from "../../support/store-engine.ts";
import {
  newUser,
  rawDatabase,
  sqliteFile,
  sqliteTest,
  storeAt,
  temporaryRoot,
} from "../store/instance.ts";

const OFF: FactorSettings = { requireTotp: "none", totpInPassword: false };
const NOON = Date.UTC(2026, 10, 28, 12);

interface Desk {
  readonly root: string;
  readonly store: Store;
  readonly key: FactorKey;
  readonly ann: Account;
  readonly secret: Buffer;
  /** base32 */
  readonly text: string;
  readonly recovery: readonly string[];
  readonly clock: { now: number };
  /** as another process has them */
  factors(settings?: FactorSettings): Promise<Factors>;
}

/** An instance where ann has a factor. */
async function desk(): Promise<Desk> {
  const root = await temporaryRoot();
  const store = await storeAt(root);
  const ann = await store.users.add(newUser("ann"));
  const clock = { now: NOON };
  const key = new FactorKey(root, store.factors);
  const factors = async (settings = OFF) => {
    const own = await storeAt(root);
    return new Factors({
      store: own,
      key: new FactorKey(root, own.factors),
      settings,
      now: () => clock.now,
    });
  };
  const secret = newSecret();
  const recovery = (await (await factors()).enrol(ann.id, secret)) ?? [];
  const text = (await readable(secret, "ann", "host")).secret;
  return { root, store, key, ann, secret, text, recovery, clock, factors };
}

describe("a code", () => {
  test.each([-1, 0, 1])("counts within one step of the clock: %i", async (steps) => {
    const { ann, text, factors } = await desk();
    const code = codeAt(text, NOON + steps * STEP_MS);
    expect(await (await factors()).check(ann.id, code)).toBe("totp");
  });

  test.each([-2, 2])("does not further away: %i", async (steps) => {
    const { ann, text, factors } = await desk();
    const code = codeAt(text, NOON + steps * STEP_MS);
    expect(await (await factors()).check(ann.id, code)).toBe("wrong");
  });

  test("may be typed in groups", async () => {
    const { ann, text, factors } = await desk();
    const code = codeAt(text, NOON);
    const typed = ` ${code.slice(0, 3)} ${code.slice(3)}`;
    expect(await (await factors()).check(ann.id, typed)).toBe("totp");
  });

  test.each(["", "12345", "1234567", "abcdef", "１２３４５６", "9".repeat(100_000)])(
    "is none: %.10s",
    async (typed) => {
      const { ann, factors } = await desk();
      expect(await (await factors()).check(ann.id, typed)).toBe("wrong");
    },
  );
});

describe("attack: somebody saw a code", () => {
  test("used again it does not count, nor does an earlier one", async () => {
    const { ann, text, factors } = await desk();
    const one = await factors();
    const earlier = codeAt(text, NOON - STEP_MS);
    expect(await one.check(ann.id, codeAt(text, NOON))).toBe("totp");
    expect(await one.check(ann.id, codeAt(text, NOON))).toBe("wrong");
    expect(await one.check(ann.id, earlier)).toBe("wrong");
  });

  test("used at once in several processes it counts in one", async () => {
    const { ann, text, factors } = await desk();
    const all = await Promise.all([factors(), factors(), factors(), factors()]);
    const verdicts = await Promise.all(all.map((one) => one.check(ann.id, codeAt(text, NOON))));
    expect(verdicts.sort()).toEqual(["totp", "wrong", "wrong", "wrong"]);
  });

  test("that confirmed the secret, it does not count at a login", async () => {
    const { store, factors } = await desk();
    const bob = await store.users.add(newUser("bob"));
    const one = await factors();
    const secret = newSecret();
    const text = (await readable(secret, "bob", "host")).secret;
    const step = await one.confirm(secret, codeAt(text, NOON));
    await one.enrol(bob.id, secret, step);
    expect(await one.check(bob.id, codeAt(text, NOON))).toBe("wrong");
    expect(await one.check(bob.id, codeAt(text, NOON + STEP_MS))).toBe("totp");
  });

  test("a code that was looked at while the factor was replaced does not count for the new one", async () => {
    const { ann, store, factors } = await desk();
    const before = await store.factors.find(ann.id);
    await store.factors.remove(ann.id);
    await (await factors()).enrol(ann.id, newSecret());
    const secret = before?.secret ?? Buffer.alloc(0);
    expect(await store.factors.count(ann.id, secret, 1e9)).toBe(false);
  });
});

describe("attack: another user's code", () => {
  test("does not count", async () => {
    const { store, text, factors } = await desk();
    const bob = await store.users.add(newUser("bob"));
    const one = await factors();
    await one.enrol(bob.id, newSecret());
    expect(await one.check(bob.id, codeAt(text, NOON))).toBe("wrong");
  });

  test("nor does another user's recovery code, and it is not used up by that", async () => {
    const { ann, store, recovery, factors } = await desk();
    const bob = await store.users.add(newUser("bob"));
    const one = await factors();
    await one.enrol(bob.id, newSecret());
    const [code = ""] = recovery;
    expect(await one.check(bob.id, code)).toBe("wrong");
    expect(await one.check(ann.id, code)).toBe("recovery");
  });

  test("a row that was copied to another user is not read", async () => {
    const { root, ann, store, text, factors } = await desk();
    const bob = await store.users.add(newUser("bob"));
    const database = await rawDatabase(root);
    if (ENGINE === "sqlite") database.exec("PRAGMA foreign_keys = OFF");
    else database.exec("ALTER TABLE recovery_codes DROP CONSTRAINT recovery_codes_user_id_fkey");
    database.prepare("UPDATE totp SET user_id = ? WHERE user_id = ?").run(bob.id, ann.id);
    const one = await factors();
    await expect(one.check(bob.id, codeAt(text, NOON))).rejects.toThrow("is not the key");
  });
});

describe("a recovery code", () => {
  test("counts once, in one process", async () => {
    const { ann, recovery, factors } = await desk();
    const all = await Promise.all([factors(), factors(), factors()]);
    const [code = ""] = recovery;
    const verdicts = await Promise.all(all.map((one) => one.check(ann.id, code)));
    expect(verdicts.sort()).toEqual(["recovery", "wrong", "wrong"]);
  });

  test("may be typed in capitals and without dashes", async () => {
    const { ann, recovery, factors } = await desk();
    const typed = (recovery[1] ?? "").toUpperCase().replaceAll("-", " ");
    expect(await (await factors()).check(ann.id, typed)).toBe("recovery");
  });

  test("there are ten, new ones void the old ones", async () => {
    const { ann, recovery, store, factors } = await desk();
    expect(new Set(recovery).size).toBe(10);
    const one = await factors();
    const fresh = (await one.renewCodes(ann.id)) ?? [];
    expect(await one.check(ann.id, recovery[0] ?? "")).toBe("wrong");
    expect(await one.check(ann.id, fresh[0] ?? "")).toBe("recovery");
    expect((await store.factors.find(ann.id))?.recoveryCodes).toBe(9);
  });
});

describe("attack: who has the password guesses codes", () => {
  test("after ten wrong ones, in any process, a right one is refused", async () => {
    const { ann, text, factors, clock } = await desk();
    const all = await Promise.all([factors(), factors(), factors()]);
    const guesses = Array.from({ length: 30 }, (_, index) => all[index % 3] as Factors);
    const wrong = wrongCode(text, NOON);
    const verdicts = await Promise.all(guesses.map((one) => one.check(ann.id, wrong)));
    expect(verdicts.filter((verdict) => verdict === "wrong")).toHaveLength(10);
    expect(verdicts.filter((verdict) => verdict === "refused")).toHaveLength(20);
    const [one = await factors()] = all;
    expect(await one.check(ann.id, codeAt(text, NOON))).toBe("refused");
    expect(await one.wait(ann.id)).toBe(60_000);
    clock.now += 60_000;
    expect(await one.check(ann.id, codeAt(text, clock.now))).toBe("totp");
    expect(await one.wait(ann.id)).toBe(0);
  });

  test("each further wrong code doubles the time, up to a day", async () => {
    expect([9, 10, 11, 12].map(refusalAfter)).toEqual([0, 60_000, 120_000, 240_000]);
    expect(refusalAfter(1_000)).toBe(86_400_000);
  });

  test("meanwhile the user comes in by a recovery code", async () => {
    const { ann, text, recovery, factors } = await desk();
    const one = await factors();
    const wrong = wrongCode(text, NOON);
    for (let guess = 0; guess < 11; guess += 1) await one.check(ann.id, wrong);
    expect(await one.check(ann.id, recovery[3] ?? "")).toBe("recovery");
  });

  test("wrong recovery codes count as well", async () => {
    const { ann, factors } = await desk();
    const one = await factors();
    const wrong = "aaaaa-aaaaa-aaaaa-aaaaa";
    for (let guess = 0; guess < 10; guess += 1) await one.check(ann.id, wrong);
    expect(await one.check(ann.id, wrong)).toBe("refused");
  });

  test("a right code forgives the wrong ones before it", async () => {
    const { ann, text, factors, clock } = await desk();
    const one = await factors();
    for (let round = 0; round < 3; round += 1) {
      const wrong = wrongCode(text, clock.now);
      for (let guess = 0; guess < 9; guess += 1) await one.check(ann.id, wrong);
      expect(await one.check(ann.id, codeAt(text, clock.now))).toBe("totp");
      clock.now += STEP_MS;
    }
  });
});

describe("attack: the database was stolen without keys/", () => {
  sqliteTest("it holds no secret and no recovery code", async () => {
    const { root, store, secret, text, recovery } = await desk();
    await store.audit.flush();
    sqliteFile(root).pragma("wal_checkpoint(TRUNCATE)");
    const bytes = readFileSync(join(root, "db", "moorage.sqlite"));
    expect(bytes.includes("totp")).toBe(true);
    for (const form of [secret, Buffer.from(text), Buffer.from(text.replaceAll(" ", ""))]) {
      expect(bytes.includes(form)).toBe(false);
    }
    for (const code of recovery) {
      expect(bytes.includes(code)).toBe(false);
      expect(bytes.includes(code.replaceAll("-", ""))).toBe(false);
    }
  });

  test("with a key of one's own it says that the key is another", async () => {
    const { root, ann, text, factors } = await desk();
    const other = Buffer.alloc(32, 7).toString("base64");
    writeFileSync(join(root, "keys", "factor.key"), other);
    const one = await factors();
    await expect(one.check(ann.id, codeAt(text, NOON))).rejects.toThrow("is not the key");
  });
});

describe("keys/factor.key", () => {
  test("is made for its owner alone, once", async () => {
    const { root, store, factors } = await desk();
    const file = join(root, "keys", "factor.key");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const before = readFileSync(file, "utf8");
    const bob = await store.users.add(newUser("bob"));
    await (await factors()).enrol(bob.id, newSecret());
    expect(readFileSync(file, "utf8")).toBe(before);
  });

  test("made by several processes at once it is one", async () => {
    const root = await temporaryRoot();
    const store = await storeAt(root);
    const users = await Promise.all(
      ["a", "b", "c", "d"].map((name) => store.users.add(newUser(name))),
    );
    const secret = newSecret();
    const stored = await Promise.all(
      users.map(({ id }) => new FactorKey(root, store.factors).encrypt(secret, id)),
    );
    const key = new FactorKey(root, store.factors);
    for (const [index, { id }] of users.entries()) {
      expect(await key.decrypt(stored[index] as Buffer, id)).toEqual(secret);
    }
  });

  test("gone while there are secrets, it is an error and none is made anew", async () => {
    const { root, key, ann, store, text, factors } = await desk();
    rmSync(join(root, "keys", "factor.key"));
    const missing = "keys/factor.key is missing";
    await expect(key.check()).rejects.toThrow(missing);
    const one = await factors();
    await expect(one.check(ann.id, codeAt(text, NOON))).rejects.toThrow(missing);
    const bob = await store.users.add(newUser("bob"));
    await expect(one.enrol(bob.id, newSecret())).rejects.toThrow(missing);
    await store.factors.remove(ann.id);
    await key.check();
    expect(await one.enrol(bob.id, newSecret())).toHaveLength(10);
  });

  test("that others can read is refused", async () => {
    const { root, key } = await desk();
    chmodSync(join(root, "keys", "factor.key"), 0o640);
    await expect(key.check()).rejects.toThrow("run chmod 600");
  });

  test("that was cut short is refused", async () => {
    const { root, key } = await desk();
    writeFileSync(join(root, "keys", "factor.key"), "AAAA\n");
    await expect(key.check()).rejects.toThrow("is no key of this program");
  });
});

describe("who needs a code", () => {
  const cases = [
    ["none", "user", null, "none"],
    ["none", "admin", null, "none"],
    ["none", "user", ["totp"], "enrol"],
    ["admins", "user", null, "none"],
    ["admins", "admin", null, "enrol"],
    ["all", "user", null, "enrol"],
  ] as const;

  test.each(cases)(
    "login.require_totp %s, %s, require %j: %s",
    async (setting, role, own, need) => {
      const { store, factors } = await desk();
      const bob = await store.users.add(newUser("bob", { role, require: own }));
      const one = await factors({ requireTotp: setting, totpInPassword: false });
      expect(await one.need(bob)).toBe(need);
      await one.enrol(bob.id, newSecret());
      expect(await one.need(bob)).toBe("code");
    },
  );
});

describe("a password with a code behind it", () => {
  const ON: FactorSettings = { requireTotp: "none", totpInPassword: true };

  test("is taken apart only where the setting says so, and only of who has a factor", async () => {
    const { store, factors } = await desk();
    await store.users.add(newUser("bob"));
    const [off, on] = [await factors(), await factors(ON)];
    const typed = "a+b+123456";
    expect(await off.split("ann", typed)).toEqual({ password: typed });
    expect(await on.split("ann", typed)).toEqual({ password: "a+b", code: "123456" });
    expect(await on.split("bob", typed)).toEqual({ password: typed });
    expect(await on.split("nobody", typed)).toEqual({ password: typed });
    expect(await on.split("ann", "secret")).toEqual({ password: "secret" });
    expect(await on.split("ann", "+123456")).toEqual({ password: "+123456" });
  });
});

test("what an authenticator program reads is RFC 6238 with its usual values", async () => {
  const { secret, uri } = await readable(Buffer.from("12345678901234567890"), "ann", "harbour");
  expect(secret).toBe("GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
  expect(uri).toMatch(/^otpauth:\/\/totp\/Moorage:ann%40harbour\?issuer=Moorage&secret=GEZDGNBV/);
  // RFC 6238 appendix B, the last six digits.
  expect(codeAt(secret, 59_000)).toBe("287082");
  expect(codeAt(secret, 1_111_111_109_000)).toBe("081804");
  expect((await qrCode(uri)).split("\n").length).toBeLessThan(30);
});
