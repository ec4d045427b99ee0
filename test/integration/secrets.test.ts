import { spawn } from "node:child_process";
import { once } from "node:events";
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { gunzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { codeAt } from "../support/authenticator-app.ts";
import { PROGRAM, type SpawnedServer, spawnServer } from "../support/server.ts";
import { dial, makeKey } from "../support/ssh-client.ts";

const PASSWORD = "Quiet-Harbour-Lantern-71";
const NEXT_PASSWORD = "Second-Harbour-Lantern-72";
const MISTYPED = "Quiet-Harbour-Lantern-17";
const KEY = makeKey("ed25519");

let directory: string;
let server: SpawnedServer | undefined;
/** all that programs printed, by what they were */
const printed = new Map<string, string>();

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "moorage-secrets-"));
});

afterEach(async () => {
  await server?.kill();
  rmSync(directory, { recursive: true, force: true });
});

const root = (): string => join(directory, "instance");

/** Runs the program with everything logged; keeps what it printed. */
async function moorage(args: readonly string[], input = ""): Promise<string> {
  const env = { ...process.env, MOORAGE_LOG_LEVEL: "trace", XDG_STATE_HOME: directory };
  const child = spawn(process.execPath, [PROGRAM, "--root", root(), ...args], { env });
  child.stdin.end(input);
  const [out, err, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close"),
  ]);
  expect([args.join(" "), code, err]).toEqual([args.join(" "), 0, err]);
  printed.set(args.join(" "), out + err);
  return out;
}

/** Tries to log in; answers questions in turn. */
async function logIn(how: { password?: string; key?: boolean; answers?: string[] }) {
  const answers = [...(how.answers ?? [])];
  const { client, ready, closed } = dial(
    { port: server?.port ?? 0 },
    {
      username: "ann",
      ...(how.password !== undefined && { password: how.password }),
      ...(how.key && { privateKey: KEY.private }),
      tryKeyboard: answers.length > 0,
    },
  );
  client.on("keyboard-interactive", (_name, _text, _language, prompts, finish) =>
    finish(prompts.map(() => answers.shift() ?? "")),
  );
  const isIn = await ready.then(
    () => true,
    () => false,
  );
  client.end();
  await closed;
  return isIn;
}

/** Every file below a directory, whole; archives unpacked. */
function* written(top: string): Generator<readonly [path: string, data: Buffer]> {
  for (const name of readdirSync(top)) {
    const path = join(top, name);
    const stat = lstatSync(path);
    if (stat.isDirectory()) yield* written(path);
    else if (stat.isFile()) {
      const data = readFileSync(path);
      yield [path, data];
      if (data[0] === 0x1f && data[1] === 0x8b) yield [`${path}, unpacked`, gunzipSync(data)];
    }
  }
}

/** A secret in the forms that programs write. */
function forms(secret: string): Buffer[] {
  const raw = Buffer.from(secret);
  const texts = ["base64", "base64url", "hex"].map((encoding) =>
    raw.toString(encoding as "hex").replace(/=+$/, ""),
  );
  const escaped = encodeURIComponent(secret);
  return [raw, ...[...texts, escaped].map((one) => Buffer.from(one))];
}

test("nothing that is written in a full run has a password, a key, a code or a secret in it", async () => {
  await moorage(["user", "add", "ann", "--password-stdin"], `${PASSWORD}\n`);
  writeFileSync(join(directory, "key.pub"), KEY.public);
  await moorage(["user", "key", "add", "ann", join(directory, "key.pub")]);
  server = await spawnServer(root(), ["--log-file", "db/moorage.log"], {
    workers: 2,
    env: { MOORAGE_LOG_LEVEL: "trace" },
  });
  expect(await logIn({ password: PASSWORD })).toBe(true);
  expect(await logIn({ password: MISTYPED })).toBe(false);
  expect(await logIn({ key: true })).toBe(true);

  const enrolled = await moorage(["user", "totp", "ann", "enroll", "--no-confirm", "--json"]);
  const { secret, recoveryCodes } = JSON.parse(enrolled) as {
    readonly secret: string;
    readonly recoveryCodes: readonly string[];
  };
  printed.delete("user totp ann enroll --no-confirm --json");
  const code = codeAt(secret);
  const [recovery = ""] = recoveryCodes;
  await moorage(["user", "set", "ann", "--require", "totp"]);
  expect(await logIn({ answers: [PASSWORD, code] })).toBe(true);
  expect(await logIn({ answers: [PASSWORD, recovery] })).toBe(true);
  await moorage(["user", "passwd", "ann", "--password-stdin"], `${NEXT_PASSWORD}\n`);
  for (const command of ["user show ann", "user list", "status", "logs", "config check", "check"])
    await moorage([...command.split(" "), "--json"]);
  const made = await moorage(["user", "add", "bob", "--generate"]);
  const [, generated = ""] = /^Password: (\S+)$/m.exec(made) ?? [];
  expect(generated.length).toBeGreaterThan(11);
  printed.delete("user add bob --generate");
  await moorage(["backup", join(directory, "backup.tar.gz"), "--homes"]);
  printed.set("the server", server.output());

  const privateKey = KEY.private.split("\n")[3] ?? "";
  expect(privateKey.length).toBeGreaterThan(30);
  const secrets = { PASSWORD, NEXT_PASSWORD, MISTYPED, secret, recovery, generated, privateKey };
  const everything = [
    ...written(directory),
    ...[...printed].map(([what, out]) => [what, Buffer.from(out)] as const),
  ];
  // What is no secret is found: the search works.
  expect(everything.filter(([, data]) => data.includes("ann")).length).toBeGreaterThan(5);
  for (const [name, value] of Object.entries(secrets)) {
    for (const form of forms(value)) {
      const found = everything.filter(([, data]) => data.includes(form)).map(([where]) => where);
      expect({ name, form: form.toString(), found }).toMatchObject({ found: [] });
    }
  }
}, 60_000);
