import { describe, expect, test, vi } from "vitest";
import { AuthorityControl } from "../../../src/control/authorities.ts";
import { ControlError } from "../../../src/control/errors.ts";
import { makeCertificate, makeSigner } from "../../support/signer.ts";
import { temporaryStore } from "../store/instance.ts";
import { ControlDesk } from "./desk.ts";

const CA = makeSigner("ed25519");
const OTHER = makeSigner("p256");
const KEY = makeSigner("ed25519");

async function setUp() {
  const { store } = await temporaryStore();
  const announced = vi.fn(async () => {});
  const control = new AuthorityControl({ store, actor: "cli:tester", announced });
  const audit = async () => {
    const all = await store.audit.query({ limit: 100 });
    return all.reverse().map(({ kind, actor, detail }) => `${kind} ${actor} ${detail ?? ""}`);
  };
  const changes = async () => (await store.changes.since(0)).map(({ kind }) => kind);
  return { store, control, announced, audit, changes };
}

async function refusal(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ControlError);
  return (error as Error).message;
}

describe("authorities", () => {
  test("are added once, listed, and removed by fingerprint", async () => {
    const { control, audit, changes, announced } = await setUp();
    const both = `# ours\n${CA.line}\ncert-authority ${OTHER.line}\n`;
    expect((await control.add(both)).map(({ fingerprint }) => fingerprint)).toEqual([
      CA.fingerprint,
      OTHER.fingerprint,
    ]);
    expect(await control.add(CA.line)).toEqual([]);
    expect(await control.list()).toHaveLength(2);
    expect(await changes()).toEqual([]);
    await control.remove(CA.fingerprint.replace("SHA256:", ""));
    expect((await control.list()).map(({ algorithm }) => algorithm)).toEqual([OTHER.type]);
    expect(await changes()).toEqual(["keys"]);
    expect(announced).toHaveBeenCalledTimes(1);
    expect(await audit()).toEqual([
      `ca-add cli:tester ${CA.fingerprint}`,
      `ca-add cli:tester ${OTHER.fingerprint}`,
      `ca-remove cli:tester ${CA.fingerprint}`,
    ]);
  });

  test.each([
    [`from="192.0.2.1" ${CA.line}`, "options of a certificate authority"],
    [`cert-authority,principals="ann" ${CA.line}`, "option cert-authority"],
    [
      `ssh-ed25519-cert-v01@openssh.com ${makeCertificate({ key: KEY, authority: CA }).toString("base64")}`,
      "certificates are no keys",
    ],
    ["-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0", "private key"],
    ["", "no public key"],
  ])("%j is none", async (text, reason) => {
    const { control } = await setUp();
    expect(await refusal(control.add(text))).toContain(reason);
  });

  test("one that is not there", async () => {
    const { control } = await setUp();
    expect(await refusal(control.remove("SHA256:x"))).toContain("no certificate authority");
  });
});

describe("revocations", () => {
  test("by serial number, key ID and key; told at once, listed, taken back", async () => {
    const { control, audit, changes } = await setUp();
    await control.add(CA.line);
    const certificate = makeCertificate({ key: KEY, authority: CA });
    const line = `ssh-ed25519-cert-v01@openssh.com ${certificate.toString("base64")} me`;
    await control.revoke({ serial: "007", reason: "lost\n" });
    await control.revoke({ id: "ann's laptop" });
    await control.revoke({ id: "ann's laptop", authority: CA.fingerprint });
    await control.revoke({ key: line });
    // The same key, given in two other ways.
    await control.revoke({ key: KEY.line });
    await control.revoke({ key: KEY.fingerprint });
    expect(await control.revoked()).toMatchObject([
      { number: 1, kind: "serial", authority: CA.fingerprint, subject: "7", actor: "cli:tester" },
      { number: 2, kind: "id", authority: "", subject: "ann's laptop" },
      { number: 3, kind: "id", authority: CA.fingerprint },
      { number: 4, kind: "key", authority: "", subject: KEY.fingerprint },
    ]);
    expect(await changes()).toEqual(["keys", "keys", "keys", "keys"]);
    expect(await control.unrevoke(4)).toMatchObject({ subject: KEY.fingerprint });
    expect(await control.revoked()).toHaveLength(3);
    expect(await refusal(control.unrevoke(4))).toContain("no revocation 4");
    expect((await audit()).slice(-2)).toEqual([
      `ca-revoke cli:tester key ${KEY.fingerprint}`,
      `ca-unrevoke cli:tester key ${KEY.fingerprint}`,
    ]);
  });

  test("stay when their authority is removed", async () => {
    const { control, store } = await setUp();
    await control.add(CA.line);
    await control.revoke({ serial: "7" });
    await control.remove(CA.fingerprint);
    await control.add(CA.line);
    const of = { authority: CA.fingerprint, serial: 7n, id: "" };
    expect(await store.authorities.isRevoked(KEY.fingerprint, of)).toBe(true);
  });

  test.each([
    [{}, "one of a serial number"],
    [{ serial: "1", id: "x" }, "one of a serial number"],
    [{ serial: "0" }, "serial number 0"],
    [{ serial: "-1" }, "no serial number"],
    [{ serial: `${2n ** 64n}` }, "no serial number"],
    [{ serial: "1", authority: "SHA256:x" }, "no certificate authority"],
    [{ id: "" }, "key ID"],
    [{ id: "a\nb" }, "key ID"],
    [{ key: "SHA256:short" }, "not a public key"],
    [{ key: KEY.line, authority: CA.fingerprint }, "name no CA"],
    [{ key: "ssh-ed25519-cert-v01@openssh.com AAAA" }, "certificate is damaged"],
    [{ id: "x", reason: "x".repeat(201) }, "reason"],
  ])("%j is refused", async (request, reason) => {
    const { control } = await setUp();
    await control.add(CA.line);
    expect(await refusal(control.revoke(request))).toContain(reason);
  });

  test("a serial number needs its authority where there are several, or none", async () => {
    const { control } = await setUp();
    expect(await refusal(control.revoke({ serial: "1" }))).toContain("there is no certificate");
    await control.add(`${CA.line}\n${OTHER.line}`);
    expect(await refusal(control.revoke({ serial: "1" }))).toContain("--ca");
    const authority = OTHER.fingerprint;
    expect(await control.revoke({ serial: "1", authority })).toMatchObject({ authority });
  });
});

test("over the socket: the same, and a revoked key is no user's", async () => {
  const desk = await ControlDesk.open();
  await desk.addUser("ann");
  const control = desk.as();
  const { added } = await control.call("ca.add", { text: CA.line });
  expect(added).toEqual(await control.call("ca.list", {}));
  await control.call("ca.revoke", { key: KEY.line });
  const text = KEY.line;
  expect(await refusal(control.call("keys.add", { name: "ann", text }))).toContain("is revoked");
  const [revocation] = await control.call("ca.revoked", {});
  expect(revocation).toMatchObject({ kind: "key", authority: null, actor: "cli:tester" });
  await control.call("ca.unrevoke", { number: revocation?.number ?? 0 });
  await control.call("keys.add", { name: "ann", text });
  // Again, with options: they hold, and are told.
  const again = { name: "ann", text: `no-pty ${text}` };
  expect((await control.call("keys.add", again)).added).toMatchObject([{ options: "no-pty" }]);
  expect((await control.call("keys.add", again)).added).toEqual([]);
  const { keys } = await control.call("users.show", { name: "ann" });
  expect(keys).toMatchObject([{ options: "no-pty", expiresAt: null }]);
  expect(await desk.store.changes.since(0)).toMatchObject([{ kind: "keys" }, { kind: "keys" }]);
  expect(await control.call("ca.remove", { fingerprint: CA.fingerprint })).toMatchObject({
    fingerprint: CA.fingerprint,
  });
  await desk.close();
});
