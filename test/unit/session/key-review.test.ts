import { describe, expect, test } from "vitest";
import { KEY_ENDED, type KeyGrant, type Regrant } from "../../../src/auth/key-grant.ts";
import type { Entry } from "../../../src/session/entry.ts";
import { howLoggedIn, isByKey } from "../../../src/session/entry.ts";
import { KeyReview } from "../../../src/session/key-review.ts";
import type { Login } from "../../../src/session/session.ts";

const NOW = 1_000;
const GRANT: KeyGrant = {
  key: "SHA256:key",
  from: null,
  expiresAt: null,
  pty: true,
  touch: true,
  verify: false,
  certificate: undefined,
};
const CERTIFICATE = { authority: "SHA256:ca", serial: 7n, id: "laptop\n" };

function entry(grant: KeyGrant | undefined, terminals?: boolean): Entry {
  const login = { account: { id: 1 }, method: "publickey", key: grant?.key, grant };
  const session = terminals === undefined ? {} : { session: { terminals } };
  return { login, peer: { address: "192.0.2.1" }, grant, ...session } as unknown as Entry;
}

function review(entries: readonly Entry[], answer: (grant: KeyGrant) => Promise<Regrant>) {
  const ended: [Entry, string][] = [];
  const errors: unknown[] = [];
  const keys = new KeyReview({
    entries: new Set(entries),
    regrant: (_, grant) => answer(grant),
    end: (one, text) => void ended.push([one, text]),
    onError: (error) => void errors.push(error),
  });
  return { keys, ended, errors };
}

describe("attack: a session goes on when its key or certificate does not let in any more", () => {
  test.each(["expired", "address", "revoked", "authority", "key"] as const)(
    "%s: it ends, and no other does",
    async (objection) => {
      const other = { ...GRANT, key: "SHA256:other" };
      const [mine, theirs, password] = [entry(GRANT), entry(other), entry(undefined)];
      const { keys, ended } = review([mine, theirs, password], async (grant) =>
        grant === GRANT ? { objection } : { grant },
      );
      await keys.changed();
      expect(ended).toEqual([[mine, KEY_ENDED[objection]]]);
      await keys.run();
      expect(ended).toHaveLength(1);
    },
  );

  test("its end comes while it is open", () => {
    const [until, longer, never] = [NOW, NOW + 1, null].map((expiresAt) =>
      entry({ ...GRANT, expiresAt }),
    ) as [Entry, Entry, Entry];
    const { keys, ended } = review([until, longer, never], async (grant) => ({ grant }));
    keys.endExpired(NOW - 1);
    expect(ended).toEqual([]);
    keys.endExpired(NOW);
    expect(ended).toEqual([[until, KEY_ENDED.expired]]);
  });

  test("the database can't be read meanwhile: it is looked at again", async () => {
    const mine = entry(GRANT);
    const state = { isBroken: true };
    const { keys, ended, errors } = review([mine], async () => {
      if (state.isBroken) throw new Error("database is locked");
      return { objection: "revoked" };
    });
    await keys.changed();
    expect([ended, errors.length]).toEqual([[], 1]);
    state.isBroken = false;
    await keys.run();
    expect(ended).toHaveLength(1);
  });
});

test("other options of a key hold for a session from then on", async () => {
  const mine = entry(GRANT, true);
  const now = { ...GRANT, pty: false, expiresAt: NOW };
  const { keys, ended } = review([mine], async () => ({ grant: now }));
  await keys.changed();
  expect(mine.grant).toEqual(now);
  expect(mine.session?.terminals).toBe(false);
  keys.endExpired(NOW);
  expect(ended).toHaveLength(1);
});

test("a key of the user's is removed: a session by a certificate of it does not end for that", () => {
  const by = (grant: KeyGrant) => isByKey(entry(grant), GRANT.key);
  expect(by(GRANT)).toBe(true);
  expect(by({ ...GRANT, certificate: CERTIFICATE })).toBe(false);
});

test("the audit trail says which certificate it was", () => {
  const grant = { ...GRANT, certificate: CERTIFICATE };
  const login = { method: "publickey", key: grant.key, grant } as Login;
  const text = howLoggedIn(login);
  expect(text).toContain("publickey SHA256:key by certificate ");
  expect(text).toContain(" (serial 7) of SHA256:ca");
  expect(text).not.toContain("\n");
});
