import { describe, expect, test, vi } from "vitest";
import { Authenticator, type KeyDecision } from "../../../src/auth/authenticator.ts";
import { parseAuthorities } from "../../../src/auth/authority-keys.ts";
import { KEY_REFUSED } from "../../../src/auth/key-grant.ts";
import { parsePublicKey } from "../../../src/auth/keys.ts";
import type { Passwords } from "../../../src/auth/passwords.ts";
import type { Revocation } from "../../../src/store/authorities.ts";
import {
  type CertificateText,
  certificateType,
  FOREVER,
  makeCertificate,
  makeSigner,
  optionText,
} from "../../support/signer.ts";
import { newUser, temporaryStore } from "../store/instance.ts";

const HERE = "192.0.2.1";
const NOW = Date.UTC(2026, 0, 31);
const SECONDS = BigInt(NOW / 1_000);
const CA = makeSigner("ed25519");
const HOST_CA = makeSigner("ed25519");
const KEY = makeSigner("ed25519");
const TYPE = certificateType("ssh-ed25519");
const NOTHING = Buffer.alloc(0);

async function setUp() {
  const { store } = await temporaryStore();
  const state = { now: NOW };
  const nobody = {} as Passwords;
  const authenticator = new Authenticator(store, nobody, undefined, () => state.now);
  const [ann, bob] = [await store.users.add(newUser("ann")), await store.users.add(newUser("bob"))];
  for (const authority of parseAuthorities(CA.line)) await store.authorities.add(authority, 10);
  const find = (
    text: Partial<CertificateText> = {},
    { name = "ann", algorithm = TYPE, address = HERE } = {},
  ): Promise<KeyDecision> => {
    const blob = makeCertificate({ key: KEY, authority: CA, ...text });
    return authenticator.findKey(name, algorithm, blob, address);
  };
  const revoke = (change: Partial<Revocation>) => {
    const by = { reason: "", actor: "test", createdAt: 1 };
    const what = { kind: "key", authority: "", subject: "x" } as const;
    return store.authorities.revoke({ ...what, ...by, ...change }, 10);
  };
  return { store, state, authenticator, ann, bob, find, revoke };
}

describe("a certificate of an authority", () => {
  test("lets in the users that it names, and says how", async () => {
    const { ann, bob, find } = await setUp();
    const grant = {
      key: KEY.fingerprint,
      from: null,
      expiresAt: null,
      pty: false,
      touch: true,
      verify: false,
      certificate: { authority: CA.fingerprint, serial: 1n, id: "ann's laptop" },
    };
    expect(await find()).toEqual({ account: ann, grant });
    const both = { principals: ["carl", "bob", "ann"] };
    expect((await find(both, { name: "bob" })).account).toEqual(bob);
  });

  test("lets in for its time, and its grant has its end", async () => {
    const { find } = await setUp();
    const found = await find({ validAfter: SECONDS, validBefore: SECONDS + 60n });
    expect(found).toMatchObject({ grant: { expiresAt: NOW + 60_000 } });
    expect(await find({ validBefore: FOREVER })).toMatchObject({ grant: { expiresAt: null } });
  });

  test("lets in from the addresses that it names", async () => {
    const { find } = await setUp();
    const critical = [["source-address", optionText("192.0.2.0/24,2001:db8::/32")]] as const;
    expect(await find({ critical })).toMatchObject({
      grant: { from: ["192.0.2.0/24", "2001:db8::/32"] },
    });
    const elsewhere = await find({ critical }, { address: "198.51.100.7" });
    expect(elsewhere).toEqual({ reason: KEY_REFUSED.address });
  });

  test("its extensions say whether there is a terminal, and whether to touch", async () => {
    const { find } = await setUp();
    const extensions = [
      ["nobody@knows.example", optionText("what")],
      ["no-touch-required", NOTHING],
      ["permit-port-forwarding", NOTHING],
      ["permit-pty", NOTHING],
    ] as const;
    expect(await find({ extensions })).toMatchObject({ grant: { pty: true, touch: false } });
    const critical = [["verify-required", NOTHING]] as const;
    expect(await find({ critical })).toMatchObject({ grant: { verify: true } });
  });

  test("of an RSA key it is asked for by its hash", async () => {
    const { find } = await setUp();
    const key = makeSigner("rsa");
    const of = async (stem: string) =>
      (await find({ key }, { algorithm: `${stem}-cert-v01@openssh.com` })).account?.name;
    expect(await of("rsa-sha2-256")).toBe("ann");
    expect(await of("rsa-sha2-512")).toBe("ann");
    expect(await of("ssh-rsa")).toBeUndefined();
  });

  test("counts as a key where a user's logins are limited", async () => {
    const { store, ann, find } = await setUp();
    await store.users.set(ann.id, { auth: ["key"] });
    expect((await find()).account?.name).toBe("ann");
    await store.users.set(ann.id, { auth: ["password"] });
    expect(await find()).toEqual({ reason: "not by this method" });
  });
});

describe("attacks", () => {
  const BY_CA: readonly (readonly [string, Partial<CertificateText>, string])[] = [
    ["a certificate of a host is used as a user's", { kind: 2 }, "is one of a host"],
    ["another user's", { principals: ["bob"] }, "is for other users"],
    ["one that names nobody", { principals: [] }, "names no user"],
    ["one that names nobody by an empty name", { principals: [""] }, "is for other users"],
    ["an expired one", { validBefore: SECONDS }, "has expired"],
    ["one that is not valid yet", { validAfter: SECONDS + 1n }, "is not valid yet"],
    ["one that is never valid", { validAfter: FOREVER, validBefore: 0n }, "is not valid yet"],
    [
      "a critical option that nobody knows",
      { critical: [["else@example.org", NOTHING]] },
      "critical option",
    ],
    [
      "one that forces a command",
      { critical: [["force-command", optionText("id")]] },
      "critical option",
    ],
    [
      "an extension's name among the critical options",
      { critical: [["permit-pty", NOTHING]] },
      "critical option",
    ],
    [
      "source addresses that are none",
      { critical: [["source-address", optionText("*.example.org")]] },
      "source address",
    ],
    ["no source address at all", { critical: [["source-address", optionText("")]] }, "source"],
    [
      "source addresses that are cut off",
      { critical: [["source-address", NOTHING]] },
      "is damaged",
    ],
    ["something in a flag", { critical: [["verify-required", optionText("no")]] }, "is damaged"],
  ];

  test.each(BY_CA)("%s", async (_, text, reason) => {
    const { find } = await setUp();
    const { account, ...more } = (await find(text)) as { account?: object; reason?: string };
    expect(account).toBeUndefined();
    expect(more.reason).toContain(reason);
  });

  const BY_OTHERS: readonly (readonly [string, Partial<CertificateText>])[] = [
    ["one that the authority of hosts signed", { authority: HOST_CA }],
    [
      "the key of the right authority, signed by another",
      { authorityBlob: CA.blob, authority: HOST_CA },
    ],
    ["one that is signed by its own key", { authority: KEY }],
  ];

  test.each(BY_OTHERS)("%s: nobody is told of it", async (_, text) => {
    const { find } = await setUp();
    expect(await find(text)).toEqual({});
  });

  test("a request whose name is not the certificate's", async () => {
    const { authenticator, find } = await setUp();
    const names = ["rsa-sha2-512", "ecdsa-sha2-nistp256", "sk-ssh-ed25519", "ssh-rsa", "x", ""];
    for (const name of names) {
      expect(await find({}, { algorithm: `${name}-cert-v01@openssh.com` })).toEqual({});
    }
    expect(await find({}, { algorithm: "ssh-ed25519" })).toEqual({});
    expect(await authenticator.findKey("ann", TYPE, KEY.blob, HERE)).toEqual({});
  });

  test("a key of the user's is no certificate, and a certificate no key", async () => {
    const { store, ann, authenticator } = await setUp();
    const blob = makeCertificate({ key: KEY, authority: HOST_CA });
    await store.keys.add(ann.id, parsePublicKey(KEY.line));
    expect(await authenticator.findKey("ann", TYPE, blob, HERE)).toEqual({});
    expect(await authenticator.findKey("ann", "ssh-ed25519", blob, HERE)).toEqual({});
  });

  test("an authority that was removed", async () => {
    const { store, find } = await setUp();
    await store.authorities.remove(CA.fingerprint);
    expect(await find()).toEqual({});
  });

  test("unknown and disabled users cost the same look-ups, and get the same answer", async () => {
    const { store, ann, find } = await setUp();
    const looked = [
      vi.spyOn(store.users, "byName"),
      vi.spyOn(store.authorities, "find"),
      vi.spyOn(store.authorities, "isRevoked"),
    ];
    const calls = () => looked.map(({ mock }) => mock.calls.length);
    const principals = ["ann", "nobody"];
    await find({ principals });
    expect(calls()).toEqual([1, 1, 1]);
    expect(await find({ principals }, { name: "nobody" })).toEqual({});
    expect(calls()).toEqual([2, 2, 2]);
    await store.users.setEnabled(ann.id, false);
    expect(await find({ principals })).toEqual({});
    expect(calls()).toEqual([3, 3, 3]);
    // What is wrong with it is said of none of them, to nobody.
    expect(await find({ principals, kind: 2 })).toEqual({});
  });
});

describe("revoked", () => {
  const REASON = { reason: "the certificate is revoked" };

  test.each<[string, Partial<Revocation>]>([
    ["by its serial number", { kind: "serial", authority: CA.fingerprint, subject: "1" }],
    ["by its name, of any authority", { kind: "id", subject: "ann's laptop" }],
    ["by its name", { kind: "id", authority: CA.fingerprint, subject: "ann's laptop" }],
    ["by its key", { kind: "key", subject: KEY.fingerprint }],
    ["by its authority's key", { kind: "key", subject: CA.fingerprint }],
  ])("%s", async (_, what) => {
    const { find, revoke, authenticator, ann } = await setUp();
    const { grant } = (await find()) as { grant: never };
    await revoke(what);
    expect(await find()).toEqual(REASON);
    expect(await authenticator.regrant(ann.id, grant, HERE)).toEqual({ objection: "revoked" });
  });

  test.each<[string, Partial<Revocation>]>([
    ["another authority's serial number", { kind: "serial", authority: "x", subject: "1" }],
    ["another serial number", { kind: "serial", authority: CA.fingerprint, subject: "11" }],
    ["another name", { kind: "id", subject: "ann's laptop " }],
    ["another authority's name", { kind: "id", authority: "x", subject: "ann's laptop" }],
    ["another key", { kind: "key", subject: HOST_CA.fingerprint }],
  ])("not by %s", async (_, what) => {
    const { find, revoke } = await setUp();
    await revoke(what);
    expect((await find()).account?.name).toBe("ann");
  });

  test("the largest serial number, exactly", async () => {
    const { find, revoke } = await setUp();
    await revoke({ kind: "serial", authority: CA.fingerprint, subject: `${FOREVER}` });
    expect((await find({ serial: FOREVER - 1n })).account?.name).toBe("ann");
    expect(await find({ serial: FOREVER })).toEqual(REASON);
  });

  test("a revoked key lets nobody in as a plain key either", async () => {
    const { store, ann, authenticator, revoke } = await setUp();
    await store.keys.add(ann.id, parsePublicKey(KEY.line));
    const find = () => authenticator.findKey("ann", "ssh-ed25519", KEY.blob, HERE);
    expect((await find()).account?.name).toBe("ann");
    await revoke({ subject: KEY.fingerprint });
    expect(await find()).toEqual({ reason: KEY_REFUSED.revoked });
  });
});

describe("key options", () => {
  test("from and an end are held against the login, and the options are granted", async () => {
    const { store, state, ann, authenticator } = await setUp();
    const line = `from="192.0.2.0/24",expiry-time="20260201Z",no-pty ${KEY.line}`;
    await store.keys.add(ann.id, parsePublicKey(line));
    const find = (address: string) =>
      authenticator.findKey("ann", "ssh-ed25519", KEY.blob, address);
    const expiresAt = Date.UTC(2026, 1, 1);
    expect(await find(HERE)).toMatchObject({ grant: { expiresAt, pty: false, touch: true } });
    expect(await find("198.51.100.1")).toEqual({ reason: KEY_REFUSED.address });
    state.now = expiresAt;
    expect(await find(HERE)).toEqual({ reason: KEY_REFUSED.expired });
  });

  test("that change are what the key grants from then on", async () => {
    const { store, ann, authenticator } = await setUp();
    await store.keys.add(ann.id, parsePublicKey(KEY.line));
    const found = await authenticator.findKey("ann", "ssh-ed25519", KEY.blob, HERE);
    const { grant } = found as { grant: never };
    await store.keys.put(ann.id, [parsePublicKey(`no-pty ${KEY.line}`)]);
    expect(await authenticator.regrant(ann.id, grant, HERE)).toMatchObject({
      grant: { pty: false },
    });
    await store.keys.put(ann.id, [parsePublicKey(`from="198.51.100.1" ${KEY.line}`)]);
    expect(await authenticator.regrant(ann.id, grant, HERE)).toEqual({ objection: "address" });
    await store.keys.remove(ann.id, KEY.fingerprint);
    expect(await authenticator.regrant(ann.id, grant, HERE)).toEqual({ objection: "key" });
  });
});
