import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KeyOptionError, takeOptions } from "../../../src/auth/key-options.ts";
import { PublicKeyError, parsePublicKey, parsePublicKeys } from "../../../src/auth/keys.ts";
import { makeSigner } from "../../support/signer.ts";

const PLAIN = makeSigner("ed25519");
const TOKEN = makeSigner("sk-ed25519");

function optionsOf(text: string, key = PLAIN) {
  return parsePublicKey(`${text} ${key.line}`).options;
}

function refusal(text: string, key = PLAIN): string {
  try {
    optionsOf(text, key);
  } catch (error) {
    if (error instanceof PublicKeyError) return error.message;
    throw error;
  }
  throw new Error("it was taken");
}

const NONE = { from: null, expiresAt: null, pty: true, touch: true, verify: false };

describe("honoured", () => {
  test.each([
    ["restrict", { ...NONE, pty: false }],
    ["restrict,pty", { ...NONE, pty: true }],
    ["pty,restrict", { ...NONE, pty: false }],
    ["no-pty", { ...NONE, pty: false }],
    ["NO-PTY", { ...NONE, pty: false }],
    ["no-port-forwarding,no-agent-forwarding,no-X11-forwarding,no-user-rc", NONE],
    ['from="192.0.2.0/24,2001:DB8::1"', { ...NONE, from: ["192.0.2.0/24", "2001:db8::1"] }],
    ['expiry-time="20270102Z"', { ...NONE, expiresAt: Date.UTC(2027, 0, 2) }],
    ['expiry-time="202701021530Z"', { ...NONE, expiresAt: Date.UTC(2027, 0, 2, 15, 30) }],
    ['expiry-time="20270102153045z"', { ...NONE, expiresAt: Date.UTC(2027, 0, 2, 15, 30, 45) }],
    ['expiry-time="202701021530"', { ...NONE, expiresAt: new Date(2027, 0, 2, 15, 30).getTime() }],
    ['expiry-time="20270102"', { ...NONE, expiresAt: new Date(2027, 0, 2).getTime() }],
    [
      'expiry-time="20280101Z",expiry-time="20270101Z"',
      { ...NONE, expiresAt: Date.UTC(2027, 0, 1) },
    ],
  ])("%s", (text, options) => {
    expect(optionsOf(text)).toEqual({ text, ...options });
  });

  test("of a token, whether it has to be touched and has to know by whom", () => {
    expect(optionsOf("no-touch-required", TOKEN)).toMatchObject({ touch: false, verify: false });
    expect(optionsOf("verify-required", TOKEN)).toMatchObject({ touch: true, verify: true });
  });

  test("tabs and spaces between options and key", () => {
    expect(parsePublicKey(`no-pty \t ${PLAIN.line}`)).toMatchObject({
      fingerprint: PLAIN.fingerprint,
      comment: "ed25519",
    });
  });

  test("a key without options has none", () => {
    expect(parsePublicKey(PLAIN.line).options).toBeUndefined();
  });
});

describe("refused by name", () => {
  test.each([
    ['command="internal-sftp"', "option command "],
    ['environment="A=b"', "option environment "],
    ["cert-authority", "option cert-authority "],
    ['cert-authority,principals="ann"', "option cert-authority "],
    ['principals="ann"', "option principals "],
    ['permitopen="host:22"', "option permitopen "],
    ['permitlisten="22"', "option permitlisten "],
    ['tunnel="0"', "option tunnel "],
    ["port-forwarding", "option port-forwarding "],
    ["agent-forwarding", "option agent-forwarding "],
    ["X11-forwarding", "option X11-forwarding "],
    ["user-rc", "option user-rc "],
    ["no-pty,quota", "option quota "],
    ["touch-required", "option touch-required "],
    ["no-verify-required", "option no-verify-required "],
    ["no-restrict", "option no-restrict "],
    ["no-touch-required", "for security keys"],
    ["verify-required", "for security keys"],
    ["from", "option from needs a value"],
    ['no-pty="yes"', "option no-pty has no value"],
    ['from="*.example.org"', "option from"],
    ['from="10.*"', "option from"],
    ['from="!192.0.2.1"', "option from"],
    ['from="192.0.2.1/24"', "bits beyond its prefix"],
    ['from=""', "option from"],
    ['from="192.0.2.1",from="192.0.2.2"', "there twice"],
    [`from="${Array.from({ length: 65 }, (_, n) => `192.0.2.${n}`).join()}"`, "more than 64"],
    ['expiry-time="20270631"', "option expiry-time"],
    ['expiry-time="202701022460"', "option expiry-time"],
    ['expiry-time="tomorrow"', "option expiry-time"],
    ['expiry-time=""', "option expiry-time"],
    ['from="192.0.2.1', "option from"],
    ["no-pty,", "no key option"],
    [",no-pty", "no key option"],
  ])("%s", (text, reason) => {
    expect(refusal(text)).toContain(reason);
  });

  test("attack: an option hides in a value's quotes, and counts as none", () => {
    expect(refusal('from="192.0.2.1\\",no-pty"')).toContain("option from");
  });

  test("the same key with other options is refused, since only one of them can count", () => {
    const text = `no-pty ${PLAIN.line}\nrestrict ${PLAIN.line}`;
    expect(() => parsePublicKeys(text)).toThrow("line 2: the key is there already");
    expect(parsePublicKeys(`no-pty ${PLAIN.line}\nno-pty ${PLAIN.line}`)).toHaveLength(2);
  });
});

test("whatever stands in front of a key is honoured or refused", () => {
  const piece = fc.constantFrom(
    "no-pty",
    "restrict",
    'from="192.0.2.1"',
    '"',
    ",",
    " ",
    "\\",
    "=",
    "command",
    "é",
    "\u0000",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      try {
        takeOptions(`${pieces.join("")} ssh-ed25519 AAAA`);
      } catch (error) {
        expect(error).toBeInstanceOf(KeyOptionError);
      }
    }),
    { numRuns: 2_000 },
  );
});
