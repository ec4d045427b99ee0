import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Io } from "../../../src/cli/io.ts";
import { run } from "../../../src/cli/run.ts";
import { codeAt, wrongCode } from "../../support/authenticator-app.ts";

const CHEAP = { MOORAGE_AUTH_ARGON2_MEMORY: "1MiB", MOORAGE_AUTH_ARGON2_TIME: "1" };

let root: string;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "moorage-totp-"));
  await moorage("user add alice --change");
});

afterEach(() => {
  rmSync(root, { recursive: true });
});

/** @param answer to each question, from all that was printed before; absent: no terminal */
async function moorage(args: string, answer?: (printed: string) => string, colour = false) {
  const stdin: PassThrough & { isTTY?: boolean } = new PassThrough();
  stdin.isTTY = answer !== undefined;
  let [out, err] = ["", ""];
  const io: Io = {
    env: { ...CHEAP, MOORAGE_ROOT: root },
    stdin,
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
      if (/: $/.test(text)) stdin.write(`${answer?.(out + err) ?? ""}\n`);
    },
    colour,
  };
  if (answer === undefined) stdin.end();
  const code = await run(args.split(" "), io);
  return { code, out, err };
}

function secretIn(printed: string): string {
  return /Secret: ([A-Z2-7 ]+)$/m.exec(printed)?.[1] ?? "";
}

const RECOVERY = /^ {2}[a-z2-9]{5}(-[a-z2-9]{5}){3}$/gm;

async function status(): Promise<Record<string, unknown>> {
  return JSON.parse((await moorage("user totp alice --json")).out);
}

const NONE = { name: "alice", enrolledAt: null, recoveryCodes: 0, refusedUntil: null };

describe("moorage user totp", () => {
  test("enroll asks for a code, shows the recovery codes once, and status says so", async () => {
    expect((await moorage("user totp alice")).out).toBe("No second factor.\n");
    expect(await status()).toEqual(NONE);
    const done = await moorage("user totp alice enroll", (out) => codeAt(secretIn(out)));
    expect(done.code).toBe(0);
    expect(done.out).toMatch(/^otpauth:\/\/totp\/Moorage:alice%40/m);
    expect(done.out.match(RECOVERY)).toHaveLength(10);
    expect(await status()).toMatchObject({ name: "alice", recoveryCodes: 10, refusedUntil: null });
    expect((await moorage("user totp alice")).out).toMatch(/^Recovery codes +10 left$/m);
    expect(statSync(join(root, "keys", "factor.key")).mode & 0o777).toBe(0o600);
  });

  test("the picture is there where colours are", async () => {
    const plain = await moorage("user totp alice enroll", () => "");
    expect(plain.out).not.toContain("█");
    const coloured = await moorage("user totp alice enroll", () => "", true);
    expect(coloured.out).toContain("\x1b[97;40m█");
  });

  test("with wrong codes nothing is set up", async () => {
    const { code, err } = await moorage("user totp alice enroll", (out) =>
      wrongCode(secretIn(out)),
    );
    expect(code).toBe(1);
    expect(err.match(/That code is wrong/g)).toHaveLength(3);
    expect(await status()).toEqual(NONE);
  });

  test("--json prints JSON alone on standard output", async () => {
    const { out, err } = await moorage("user totp alice enroll --json", (all) =>
      codeAt(secretIn(all)),
    );
    const made = JSON.parse(out);
    expect(made).toMatchObject({ name: "alice", secret: secretIn(err).replaceAll(" ", "") });
    expect(made.uri).toContain(made.secret);
    expect(made.recoveryCodes).toHaveLength(10);
  });

  test("without a terminal --no-confirm is needed", async () => {
    const refused = await moorage("user totp alice enroll --json");
    expect(refused).toMatchObject({ code: 2, out: "" });
    expect(refused.err).toMatch(/give --no-confirm/);
    const made = await moorage("user totp alice enroll --json --no-confirm");
    expect(made).toMatchObject({ code: 0, err: "" });
    expect(JSON.parse(made.out).recoveryCodes).toHaveLength(10);
  });

  test("one that is there is not replaced by the way", async () => {
    await moorage("user totp alice enroll --no-confirm");
    const again = await moorage("user totp alice enroll --no-confirm");
    expect(again).toMatchObject({ code: 1, out: "" });
    expect(again.err).toMatch(/alice has a second factor already: remove it first/);
    expect((await moorage("user totp alice remove")).code).toBe(0);
    expect(await status()).toEqual(NONE);
    expect((await moorage("user totp alice remove")).err).toMatch(/alice has no second factor/);
  });

  test("attack: what the audit trail knows makes no codes", async () => {
    const { out } = await moorage("user totp alice enroll --no-confirm");
    const trail = (await moorage("logs --json")).out;
    expect(trail).toContain("totp-enroll");
    for (const secret of [secretIn(out), ...(out.match(RECOVERY) ?? [])]) {
      expect(trail).not.toContain(secret.trim());
    }
  });

  test("of nobody is an error", async () => {
    expect((await moorage("user totp bob enroll --no-confirm")).err).toMatch(/no user "bob"/);
  });
});

test("--require and --password-change are set, shown, and taken away", async () => {
  const shown = async () => JSON.parse((await moorage("user show alice --json")).out);
  expect(await shown()).toMatchObject({ require: null, passwordChange: true });
  await moorage("user set alice --require totp --password-change no");
  expect(await shown()).toMatchObject({ require: ["totp"], passwordChange: false });
  const { out } = await moorage("user show alice");
  expect(out).toMatch(/^Logins need +totp$/m);
  expect(out).toMatch(/^Password +set$/m);
  await moorage("user set alice --require none --password-change yes");
  expect(await shown()).toMatchObject({ require: null, passwordChange: true });
  expect((await moorage("user show alice")).out).toMatch(/to be changed at the next login/);
  await moorage("user passwd alice --generate");
  expect(await shown()).toMatchObject({ passwordChange: true });
  await moorage("user set alice --password-change no");
  await moorage("user passwd alice --generate");
  expect(await shown()).toMatchObject({ passwordChange: false });
  await moorage("user passwd alice --generate --change");
  expect(await shown()).toMatchObject({ passwordChange: true });
  const wrong = await moorage("user set alice --require sms");
  expect(wrong.err).toMatch(/Give totp or none/);
});
