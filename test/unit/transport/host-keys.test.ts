import { execFileSync } from "node:child_process";
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { givenHostKeys, loadHostKeys } from "../../../src/transport/host-keys.ts";

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "moorage-keys-"));
});

afterEach(() => rm(directory, { recursive: true, force: true }));

const NAMES = ["ssh_host_ecdsa_key", "ssh_host_ed25519_key", "ssh_host_rsa_key"];

describe("loadHostKeys", () => {
  test("makes three keys that only the owner can read, and finds them again", async () => {
    const made = await loadHostKeys(directory);
    expect(made.map((key) => key.algorithm)).toEqual([
      "ssh-ed25519",
      "ecdsa-sha2-nistp256",
      "ssh-rsa",
    ]);
    const files = (await readdir(directory)).sort();
    expect(files).toEqual(NAMES.flatMap((name) => [name, `${name}.pub`]).sort());
    for (const name of NAMES) {
      expect((await stat(join(directory, name))).mode & 0o777).toBe(0o600);
    }
    expect(await loadHostKeys(directory)).toEqual(made);
  });

  test("ssh-keygen reads them and prints the same fingerprints", async () => {
    const keys = await loadHostKeys(directory);
    const bits: Record<string, string> = {};
    for (const name of NAMES) {
      const line = execFileSync("ssh-keygen", ["-l", "-f", join(directory, name)]).toString();
      const [size = "", print = ""] = line.split(" ");
      bits[name] = size;
      expect(keys.map((key) => key.sha256)).toContain(print);
      const open = execFileSync("ssh-keygen", ["-y", "-f", join(directory, name)]).toString();
      const written = await readFile(join(directory, `${name}.pub`), "utf8");
      expect(written.split(" ")[1]).toBe(open.trim().split(" ")[1]);
    }
    expect(bits).toEqual({
      ssh_host_ecdsa_key: "256",
      ssh_host_ed25519_key: "256",
      ssh_host_rsa_key: "3072",
    });
  });

  test("a directory that is open to all, as in a checkout, is closed when keys are made", async () => {
    await chmod(directory, 0o755);
    await loadHostKeys(directory);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
  });

  test("many that start at once end with one set", async () => {
    const sets = await Promise.all(Array.from({ length: 4 }, () => loadHostKeys(directory)));
    for (const set of sets) expect(set).toEqual(sets[0]);
    expect((await readdir(directory)).filter((name) => name.endsWith(".new"))).toEqual([]);
  });

  test("a key others can read is refused by name", async () => {
    await loadHostKeys(directory);
    await chmod(join(directory, "ssh_host_rsa_key"), 0o640);
    await expect(loadHostKeys(directory)).rejects.toThrow(
      "keys/ssh_host_rsa_key can be read by others: run chmod 600 on it",
    );
  });

  test("what is no key is refused and left alone", async () => {
    const file = join(directory, "ssh_host_ed25519_key");
    await writeFile(file, "not a key\n", { mode: 0o600 });
    await expect(loadHostKeys(directory)).rejects.toThrow(
      "keys/ssh_host_ed25519_key is not an unencrypted OpenSSH private key",
    );
    expect(await readFile(file, "utf8")).toBe("not a key\n");
  });

  test("a public key in place of the private one is refused", async () => {
    await loadHostKeys(directory);
    const file = join(directory, "ssh_host_ed25519_key");
    await writeFile(file, await readFile(`${file}.pub`));
    await expect(loadHostKeys(directory)).rejects.toThrow("is not an unencrypted OpenSSH");
  });
});

describe("givenHostKeys", () => {
  test("keys of the environment are all there are, with line ends or without", async () => {
    const made = await loadHostKeys(directory);
    const [ed25519, , rsa] = made.map(({ privateKey }) => privateKey);
    const env = {
      MOORAGE_HOST_KEY_ED25519: ed25519,
      MOORAGE_HOST_KEY_RSA: rsa?.trim().replaceAll("\n", "\\n"),
      MOORAGE_HOST_KEY_ECDSA: "",
    };
    const prints = givenHostKeys(env).map(({ sha256 }) => sha256);
    expect(prints).toEqual([made[0]?.sha256, made[2]?.sha256]);
    expect(givenHostKeys({})).toEqual([]);
  });

  test("what is no key is refused by the name of its variable, and not quoted", async () => {
    const bad = () => givenHostKeys({ MOORAGE_HOST_KEY_RSA: "secret" });
    expect(bad).toThrow("MOORAGE_HOST_KEY_RSA is not an unencrypted OpenSSH private key");
    const [ed25519] = await loadHostKeys(directory);
    const other = () => givenHostKeys({ MOORAGE_HOST_KEY_RSA: ed25519?.privateKey });
    expect(other).toThrow("MOORAGE_HOST_KEY_RSA is a key of another kind");
  });
});
