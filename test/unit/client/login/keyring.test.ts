import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { identities } from "../../../../src/client/login/keyring.ts";
import type { LoginSettings } from "../../../../src/client/login/settings.ts";

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "moorage-keyring-"));
  file = join(directory, "carol");
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", file]);
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** How many keys of a file that somebody named would be offered, and what is said of it. */
async function offered(name: string, namedIdentities = true): Promise<[number, string[]]> {
  const told: string[] = [];
  const prompts = {
    secret: () => Promise.resolve(undefined),
    confirm: () => Promise.resolve(false),
    notice: (text: string) => {
      told.push(text);
    },
  };
  const settings = { identities: [name], namedIdentities, identitiesOnly: false, agent: undefined };
  const keys = await identities(settings as unknown as LoginSettings, prompts);
  return [keys.length, told];
}

it("a public key in the place of a private one is not offered, and said to be one", async () => {
  expect(await offered(file)).toEqual([1, []]);
  const why = "this is a public key: give the private one, whose name does not end in .pub";
  expect(await offered(`${file}.pub`)).toEqual([0, [`${file}.pub: ${why}`]]);
});

it("a file that is not there is said to be missing, where somebody named it", async () => {
  expect(await offered(`${file}x`)).toEqual([0, [`${file}x: no such file`]]);
  expect(await offered(`${file}x`, false)).toEqual([0, []]);
});
