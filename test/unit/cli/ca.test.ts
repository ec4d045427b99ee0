import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { makeSigner } from "../../support/signer.ts";
import { world } from "./world.ts";

const CA = makeSigner("ed25519");
const KEY = makeSigner("ed25519");
const TOKEN = makeSigner("sk-ed25519");

test("ca: add, list, revoke, unrevoke, remove, for people and as JSON", async () => {
  const { root, moorage } = world();
  await moorage("user add ann --password-stdin", "correct horse battery staple 17\n");
  const file = join(root, "ca.pub");
  writeFileSync(file, `${CA.line}\n`);
  const out = async (args: string) => {
    const result = await moorage(args);
    expect(result).toMatchObject({ code: 0, err: "" });
    return result.out;
  };
  expect(await out("ca list")).toBe("There are no certificate authorities.\n");
  expect(await out(`ca add ${file}`)).toBe(`Added ${CA.fingerprint}\n`);
  expect(await out(`ca add ${file}`)).toBe(`Was there already: ${CA.fingerprint}\n`);
  expect(await out("ca list")).toMatch(/^FINGERPRINT .*\nSHA256:.* ssh-ed25519 .* ed25519\n$/);
  expect(JSON.parse(await out("ca list --json"))).toEqual([
    {
      fingerprint: CA.fingerprint,
      algorithm: "ssh-ed25519",
      comment: "ed25519",
      createdAt: expect.stringMatching(/Z$/),
    },
  ]);
  expect(await out("ca revoked")).toBe("Nothing is revoked.\n");
  const serial = `serial 7 of ${CA.fingerprint}`;
  expect(await out("ca revoke --serial 7 --reason lost")).toBe(`Revoked ${serial} (number 1).\n`);
  expect(await out(`ca revoke --key ${KEY.fingerprint}`)).toContain("(number 2)");
  expect(await out("ca revoked")).toContain(serial);
  expect(JSON.parse(await out("ca revoked --json"))[0]).toEqual({
    number: 1,
    kind: "serial",
    ca: CA.fingerprint,
    subject: "7",
    reason: "lost",
    by: expect.stringMatching(/^cli:/),
    createdAt: expect.stringMatching(/Z$/),
  });
  expect(await out("ca unrevoke 1")).toBe(`${serial} is not revoked any more.\n`);
  expect(await out(`ca remove ${CA.fingerprint}`)).toContain("let nobody in any more");
  const logs = JSON.stringify(await out("logs --json"));
  for (const kind of ["ca-add", "ca-revoke", "ca-unrevoke", "ca-remove"]) {
    expect(logs).toContain(kind);
  }
});

test("ca: what can't be is said in one line", async () => {
  const { root, moorage } = world();
  await moorage("user add ann --password-stdin", "correct horse battery staple 17\n");
  const file = join(root, "ca.pub");
  writeFileSync(file, `restrict ${CA.line}\n`);
  for (const [args, text] of [
    [`ca add ${file}`, "options of a certificate authority"],
    ["ca add /nonexistent", "can't read the key file"],
    ["ca remove SHA256:x", "no certificate authority"],
    ["ca revoke", "give one of"],
    ["ca unrevoke x", "no revocation"],
  ] as const) {
    const { code, err } = await moorage(args);
    expect(code).not.toBe(0);
    expect(err).toContain(text);
    expect(err.trim()).not.toContain("\n");
  }
});

test("user key: options are taken, changed, shown, and refused by name", async () => {
  const { root, moorage } = world();
  const file = join(root, "key.pub");
  const give = (options: string, signer = KEY) =>
    writeFileSync(file, `${options} ${signer.line}\n`);
  give('from="192.0.2.0/24"');
  expect((await moorage(`user add ann --key ${file}`)).code).toBe(0);
  const key = async () => JSON.parse((await moorage("user key list ann --json")).out);
  expect(await key()).toMatchObject([
    {
      options: 'from="192.0.2.0/24"',
      from: ["192.0.2.0/24"],
      expiresAt: null,
      terminal: true,
      touchRequired: null,
      verifyRequired: null,
    },
  ]);
  give('restrict,expiry-time="20290101Z"');
  expect((await moorage(`user key add ann ${file}`)).out).toBe(
    `Changed the options of ${KEY.fingerprint}\n`,
  );
  expect((await moorage(`user key add ann ${file}`)).out).toContain("Was there already");
  expect(await key()).toMatchObject([
    { from: null, terminal: false, expiresAt: "2029-01-01T00:00:00.000Z" },
  ]);
  expect((await moorage("user key list ann")).out).toContain('restrict,expiry-time="20290101Z"');
  give("verify-required", TOKEN);
  expect((await moorage(`user key add ann ${file}`)).out).toBe(`Added ${TOKEN.fingerprint}\n`);
  expect((await key())[1]).toMatchObject({ touchRequired: true, verifyRequired: true });
  give('command="id"');
  const { code, err } = await moorage(`user key add ann ${file}`);
  expect([code, err]).toEqual([1, expect.stringContaining("the key option command ")]);
});
