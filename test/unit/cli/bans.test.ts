import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Io } from "../../../src/cli/io.ts";
import { run } from "../../../src/cli/run.ts";
import { sshAddress } from "../../../src/cli/ssh-address.ts";
import { prepareInstance } from "../../../src/control/instance.ts";
import { openStore, type Store } from "../../../src/store/store.ts";

const DAY = 86_400_000;

let root: string;
let store: Store;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "moorage-bans-"));
  prepareInstance(root);
  store = await openStore(root, "command", "test");
});

afterEach(async () => {
  await store.close();
  rmSync(root, { recursive: true });
});

async function moorage(args: readonly string[], env: Record<string, string> = {}) {
  let [out, err] = ["", ""];
  const io: Io = {
    env: { MOORAGE_ROOT: root, ...env },
    stdin: new PassThrough(),
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    colour: false,
  };
  return { code: await run([...args], io), out, err };
}

/** The address is refused for failed logins. */
function punish(source: string): Promise<unknown> {
  const until = Date.now() + DAY;
  return store.penalties.update(source, () => ({
    failures: 10,
    users: ["root"],
    reason: "failed logins",
    since: Date.now(),
    lastAt: Date.now(),
    debtUntil: until,
    refusedUntil: until,
  }));
}

describe("ban, penalties, unban, while no server runs", () => {
  test("say what they did, and keep who did it", async () => {
    expect(await moorage(["penalties"])).toEqual({
      code: 0,
      out: "No address is banned or has a penalty.\n",
      err: "",
    });
    expect((await moorage(["ban", "2001:DB8::/48"])).out).toBe(
      "Banned 2001:db8::/48 until it is lifted.\n",
    );
    const banned = await moorage(["ban", "192.0.2.7", "--for", "1d", "--reason", "two\nlines"]);
    expect(banned.out).toMatch(/^Banned 192\.0\.2\.7 until \d{4}-\d\d-\d\d \d\d:\d\d\.\n$/);
    await punish("198.51.100.1");
    const { out } = await moorage(["penalties"]);
    const [title, ...rows] = out.trimEnd().split("\n");
    expect(title?.split(/ +/)).toEqual(["ADDRESS", "KIND", "UNTIL", "SINCE", "BY", "REASON"]);
    expect(rows.sort()).toEqual([
      expect.stringMatching(/^192\.0\.2\.7 +ban +\d[-\d: ]+ cli:\S+ +two lines$/),
      expect.stringMatching(/^198\.51\.100\.1 +penalty +\d[-\d: ]+ server +failed logins$/),
      expect.stringMatching(/^2001:db8::\/48 +ban +no end +\d[-\d: ]+ cli:\S+$/),
    ]);
    expect((await moorage(["unban", "2001:db8:0::/48"])).out).toBe(
      "2001:db8:0::/48 is not banned any more.\n",
    );
    expect((await moorage(["unban", "198.51.100.1"])).out).toBe(
      "The penalty of 198.51.100.1 is lifted.\n",
    );
    const audited = await store.audit.query({ afterId: 0 });
    expect(audited.map(({ kind, remote, detail }) => [kind, remote, detail])).toEqual([
      ["ban", "2001:db8::/48", "until lifted"],
      ["ban", "192.0.2.7", "for 1d: two lines"],
      ["ban-lifted", "2001:db8::/48", undefined],
      ["penalty-lifted", "198.51.100.1", undefined],
    ]);
    for (const { actor } of audited) expect(actor).toMatch(/^cli:/);
  });

  test("--json has names to script against", async () => {
    const banned = await moorage(["ban", "192.0.2.7", "--for", "12h", "--json"]);
    const { until, ...result } = JSON.parse(banned.out);
    expect(result).toEqual({ address: "192.0.2.7", ended: [] });
    expect(JSON.parse((await moorage(["ban", "192.0.2.8", "--json"])).out).until).toBeNull();
    await moorage(["unban", "192.0.2.8"]);
    await punish("2001:db8:1:2::/64");
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    expect(JSON.parse((await moorage(["penalties", "--json"])).out)).toEqual([
      {
        address: "192.0.2.7",
        kind: "ban",
        reason: "",
        since: time,
        until,
        by: expect.stringMatching(/^cli:/),
      },
      {
        address: "2001:db8:1:2::/64",
        kind: "penalty",
        reason: "failed logins",
        since: time,
        until: time,
        by: "server",
      },
    ]);
    const lifted = await moorage(["unban", "192.0.2.7", "--json"]);
    expect(JSON.parse(lifted.out)).toEqual({ ban: true, penalty: false });
  });

  test("what can't be done is one line that says why", async () => {
    const nobody = await moorage(["unban", "192.0.2.7"]);
    expect(nobody).toMatchObject({ code: 1, out: "" });
    expect(nobody.err).toBe("moorage: 192.0.2.7 is not banned: `moorage penalties` shows who is\n");
    await moorage(["ban", "192.0.2.0/24"]);
    expect((await moorage(["unban", "192.0.2.7"])).err).toBe(
      "moorage: 192.0.2.7 is banned with all of 192.0.2.0/24: only that can be lifted\n",
    );
    for (const args of [
      ["ban", "host"],
      ["unban", "10.0.0.1/8"],
      ["ban", "1.2.3.4", "--for", "0"],
    ]) {
      const { code, err } = await moorage(args);
      expect({ code, lines: err.trimEnd().split("\n").length }).toEqual({ code: 2, lines: 1 });
    }
    const long = await moorage(["ban", "1.2.3.4", "--for", "soon"]);
    expect(long.err).toContain("Give a time such as 30m, 12h, 1d, at most 36500d");
  });
});

test("the address of one's own SSH connection is banned by force only", async () => {
  const env = { SSH_CONNECTION: "198.51.100.9 50022 192.0.2.1 22" };
  const spared = await moorage(["ban", "198.51.100.0/24"], env);
  expect(spared).toMatchObject({ code: 1, out: "" });
  expect(spared.err).toContain("198.51.100.0/24 has 198.51.100.9, which is the address");
  expect(spared.err).toContain("--force");
  expect(await store.bans.all(0)).toEqual([]);
  expect((await moorage(["ban", "198.51.100.0/24", "--force"], env)).code).toBe(0);
  expect((await moorage(["ban", "192.0.2.1"], env)).code).toBe(0);
});

test.each([
  [{}, undefined],
  [{ SSH_CONNECTION: "2001:db8::1 1 2001:db8::2 22" }, "2001:db8::1"],
  [{ SSH_CONNECTION: "fe80::1%eth0 1 fe80::2%eth0 22" }, "fe80::1"],
  [{ SSH_CLIENT: "192.0.2.1 1 22" }, "192.0.2.1"],
  [{ SSH_CONNECTION: "UNKNOWN 65535 UNKNOWN 65535" }, undefined],
])("of %j the address is %s", (env, address) => {
  expect(sshAddress(env)).toBe(address);
});
