import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { prepareInstance } from "../../../src/control/instance.ts";
import { closeOpenSecrets, openSecrets, refuseOpenSecrets } from "../../../src/control/secrets.ts";

let root: string;
const own = process.getuid?.() ?? 0;
const OWNER = { uid: own, name: "me", alone: false };

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "moorage-test-"));
  for (const name of ["keys", "db"]) mkdirSync(join(root, name), { mode: 0o700 });
  for (const name of ["keys/ssh_host_rsa_key", "keys/factor.key", "db/moorage.sqlite"]) {
    writeFileSync(join(root, name), "", { mode: 0o600 });
  }
  for (const name of ["keys/ssh_host_rsa_key.pub", "db/reserve", "keys/.gitignore"]) {
    writeFileSync(join(root, name), "", { mode: 0o644 });
  }
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function problems(owner = OWNER): string[] {
  return openSecrets(root, owner).map(({ text, todo }) => `${text}: ${todo}`);
}

test("an instance as it is made: public keys and the reserve are no secrets", () => {
  expect(problems()).toEqual([]);
});

test("a public key that another server is just making is no secret, a private one is", () => {
  const making = "4c52e594-35f8-4288-8309-d81f71295054.new";
  writeFileSync(join(root, `keys/ssh_host_rsa_key.pub.${making}`), "", { mode: 0o644 });
  expect(problems()).toEqual([]);
  writeFileSync(join(root, `keys/ssh_host_rsa_key.${making}`), "", { mode: 0o644 });
  expect(problems()).toHaveLength(1);
});

test.each([
  ["keys", 0o750, "keys/ can be entered by others", "chmod 700"],
  ["db", 0o755, "db/ can be entered by others", "chmod 700"],
  ["keys/ssh_host_rsa_key", 0o640, "keys/ssh_host_rsa_key can be read by others", "chmod 600"],
  ["keys/factor.key", 0o604, "keys/factor.key can be read by others", "chmod 600"],
  ["db/moorage.sqlite", 0o644, "db/moorage.sqlite can be read by others", "chmod 600"],
])("%s with mode %o", (name, mode, text, command) => {
  chmodSync(join(root, name), mode);
  const line = `${text}: ${command} ${join(root, name)}${mode >= 0o700 ? "/" : ""}`;
  expect(problems()).toEqual([line]);
  expect(() => refuseOpenSecrets(root, OWNER)).toThrow(`${text}: run ${command}`);
});

test.runIf(own === 0)(
  "a stranger's; what is root's only where the server is not to be alone",
  () => {
    chownSync(join(root, "keys"), 12345, 12345);
    const [first = ""] = problems();
    expect(first).toBe(
      `keys/ belongs to another user (uid 12345) than the server's: chown -R me ${root}`,
    );
    chownSync(join(root, "keys"), 0, 0);
    const another = { uid: 12345, name: "m:", alone: false };
    expect(problems(another)).toEqual([]);
    expect(problems({ ...another, alone: true })).toHaveLength(5);
    expect(() => refuseOpenSecrets(root, { ...another, alone: true })).toThrow(/and 4 more/);
  },
);

test("keys/ and db/ of a checkout are closed when an instance is made there, and not after that", () => {
  rmSync(join(root, "db", "moorage.sqlite"));
  for (const name of ["keys", "db"]) chmodSync(join(root, name), 0o755);
  prepareInstance(root);
  expect(["keys", "db"].map((name) => statSync(join(root, name)).mode & 0o777)).toEqual([
    0o700, 0o700,
  ]);
  writeFileSync(join(root, "db", "moorage.sqlite"), "", { mode: 0o600 });
  chmodSync(join(root, "keys"), 0o755);
  prepareInstance(root);
  expect(problems()).toHaveLength(1);
});

test("what an earlier version left open is closed by a start; keys that others could read are not", () => {
  for (const name of ["keys", "db"]) chmodSync(join(root, name), 0o755);
  chmodSync(join(root, "db", "moorage.sqlite"), 0o644);
  chmodSync(join(root, "keys", "ssh_host_rsa_key"), 0o640);
  expect(closeOpenSecrets(root, OWNER)).toEqual([
    "keys/ can be entered by others",
    "db/ can be entered by others",
    "db/moorage.sqlite can be read by others",
  ]);
  expect(problems()).toEqual([
    expect.stringMatching(/^keys\/ssh_host_rsa_key can be read by others: chmod 600 /),
  ]);
  expect(() => refuseOpenSecrets(root, OWNER)).toThrow("keys/ssh_host_rsa_key");
});

test("what is another user's is not closed for him", () => {
  chmodSync(join(root, "db"), 0o755);
  expect(closeOpenSecrets(root, { ...OWNER, uid: OWNER.uid + 1 })).toEqual([]);
  expect(statSync(join(root, "db")).mode & 0o777).toBe(0o755);
});

test("directories that are links, to another disk, count by where they lead", () => {
  for (const name of ["keys", "db"]) {
    renameSync(join(root, name), join(root, `${name}-elsewhere`));
    symlinkSync(`${name}-elsewhere`, join(root, name));
  }
  expect(problems()).toEqual([]);
  chmodSync(join(root, "db-elsewhere"), 0o755);
  expect(problems()).toEqual([expect.stringMatching(/^db\/ can be entered by others: chmod 700 /)]);
  expect(closeOpenSecrets(root, OWNER)).toHaveLength(1);
  expect(problems()).toEqual([]);
});
