import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LoginError } from "../../../../src/client/errors.ts";
import { loginSettings } from "../../../../src/client/login/settings.ts";
import type { Target } from "../../../../src/client/types.ts";

let home: string;
const before = process.env.HOME;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "moorage-settings-"));
  process.env.HOME = home;
});

afterEach(() => {
  process.env.HOME = before;
  rmSync(home, { recursive: true, force: true });
});

/** Writes files by their path in the home directory. */
function write(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    const path = join(home, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text, { mode: 0o600 });
  }
}

/** What counts of the settings, as `ssh -G` names it. */
function ours(target: Target, file = join(home, ".ssh/config")): Record<string, string[]> {
  const found = loginSettings({ target, identities: [], acceptNew: false, configFile: file });
  return {
    hostname: [found.host],
    port: [String(found.port)],
    user: [found.user],
    hostkeyalias: found.keyHost === found.host ? [] : [found.keyHost],
    identityfile: found.identities.filter((one) => !one.startsWith(join(home, ".ssh/id_"))),
    identitiesonly: [found.identitiesOnly ? "yes" : "no"],
  };
}

/** What OpenSSH makes of the same file. */
function theirs({ host, user }: Target, file = join(home, ".ssh/config")) {
  const login = user === undefined ? [] : ["-l", user];
  const said = execFileSync("ssh", ["-G", "-F", file, ...login, host], {
    encoding: "utf8",
    env: { ...process.env, HOME: home },
    stdio: ["ignore", "pipe", "ignore"],
  });
  const values: Record<string, string[]> = { hostkeyalias: [], identityfile: [] };
  for (const line of said.split("\n")) {
    const [, name = "", value = ""] = /^(\S+) (.*)$/.exec(line) ?? [];
    if (value.startsWith("~/.ssh/id_")) continue;
    if (/^(hostname|port|user|hostkeyalias|identityfile|identitiesonly)$/.test(name)) {
      values[name] = [...(values[name] ?? []), value];
    }
  }
  return values;
}

function expectSame(...targets: Target[]): void {
  for (const target of targets) expect(ours(target), target.host).toEqual(theirs(target));
}

function refusal(target: Target): string {
  expect(() => theirs(target)).toThrow();
  try {
    ours(target);
  } catch (error) {
    expect(error).toBeInstanceOf(LoginError);
    return (error as Error).message;
  }
  throw new Error("it was taken");
}

describe("a file that includes others means what it means to OpenSSH", () => {
  it("by names below ~/.ssh, absolute ones, ~, and several at once", () => {
    write({
      ".ssh/config": `Include first ~/second "${home}/with blank" missing ~/nowhere/*\nUser last\nPort 1\n`,
      ".ssh/first": "Port 2001\n",
      second: "User two\nPort 2002\nIdentityFile /k/2\n",
      "with blank": "HostKeyAlias three\nIdentityFile /k/3\nIdentityFile /k/2\n",
    });
    expectSame({ host: "any" }, { host: "any", user: "typed" });
    expect(ours({ host: "any" })).toMatchObject({
      port: ["2001"],
      user: ["two"],
      hostkeyalias: ["three"],
      identityfile: ["/k/2", "/k/3"],
    });
  });

  it("by patterns, in the order of their bytes", () => {
    write({
      ".ssh/config": "Include conf.d/*.conf */x conf.d/[!a]?.late conf.d/\\*.star\n",
      ".ssh/conf.d/10.conf": "IdentityFile /k/10\nPort 10\n",
      ".ssh/conf.d/9.conf": "IdentityFile /k/9\nPort 9\n",
      ".ssh/conf.d/B.conf": "IdentityFile /k/B\n",
      ".ssh/conf.d/a.conf": "IdentityFile /k/a\n",
      ".ssh/conf.d/ä.conf": "IdentityFile /k/ae\n",
      ".ssh/conf.d/.hidden.conf": "IdentityFile /k/hidden\n",
      ".ssh/conf.d/a.conf~": "IdentityFile /k/backup\n",
      ".ssh/a/x": "IdentityFile /k/ax\n",
      ".ssh/a-b/x": "IdentityFile /k/abx\n",
      ".ssh/conf.d/a1.late": "IdentityFile /k/a1\n",
      ".ssh/conf.d/b1.late": "IdentityFile /k/b1\n",
      ".ssh/conf.d/*.star": "IdentityFile /k/star\n",
      ".ssh/conf.d/no.star": "IdentityFile /k/nostar\n",
    });
    mkdirSync(join(home, ".ssh/conf.d/directory.conf"));
    expectSame({ host: "any" });
    expect(ours({ host: "any" }).identityfile).toEqual(
      ["10", "9", "B", "a", "ae", "abx", "ax", "b1", "star"].map((name) => `/k/${name}`),
    );
  });

  it("within a block only where that is in force, and blocks in them only within it", () => {
    write({
      ".ssh/config": `
Host *.harbour !quay.harbour
  Include ships
  IdentityFile /k/after
Host pier
  Port 44
Match originalhost buoy user ann
  Include ships
IdentityFile /k/buoy
Host *
  Include everywhere
`,
      ".ssh/ships":
        "Port 22001\nHost a.*\n  User anchor\n  HostName %h.example\nHost buoy\n  User bell\n",
      ".ssh/everywhere": "Host quay*\nUser quay\nMatch all\nPort 99\n",
    });
    const hosts = ["a.harbour", "b.harbour", "quay.harbour", "pier", "buoy", "other"];
    expectSame(...hosts.map((host) => ({ host })), { host: "buoy", user: "ann" });
    expect(ours({ host: "a.harbour" })).toMatchObject({
      hostname: ["a.harbour.example"],
      port: ["22001"],
      user: ["anchor"],
      identityfile: ["/k/after"],
    });
  });

  it("with Match by address, by user, negated, and once all is known", () => {
    write({
      ".ssh/config": `
Match final host *.example.org
  Port 300
Match exec false
  Port 400
Host short
  HostName short.example.org
  User sam
Include more
`,
      ".ssh/more": `
Match host short.example.org !user sam
  IdentityFile /k/notsam
Match host SHORT.example.org user s*,x*
  IdentityFile /k/sam
Match !originalhost short
  IdentityFile /k/long
`,
    });
    const targets = ["short", "long.example.org", "x"].map((host) => ({ host }));
    expectSame(...targets, { host: "short", user: "tom" });
    expect(ours({ host: "short" })).toMatchObject({ port: ["300"], identityfile: ["/k/sam"] });
  });

  it("but for commands, of which none is run", () => {
    write({ ".ssh/config": `Match exec "touch ${home}/ran"\n  Port 400\n` });
    expect(ours({ host: "any" }).port).toEqual(["22"]);
    expect(existsSync(join(home, "ran"))).toBe(false);
  });

  it("sixteen deep, and no deeper", () => {
    write({ ".ssh/config": "Include 1\n", ".ssh/16": "Port 16\n" });
    for (let at = 1; at < 16; at += 1) write({ [`.ssh/${at}`]: `Include ${at + 1}\n` });
    expectSame({ host: "any" });
    expect(ours({ host: "any" }).port).toEqual(["16"]);
    write({ ".ssh/16": "Include 17\n", ".ssh/17": "Port 17\n" });
    expect(refusal({ host: "any" })).toMatch(/too deep/);
    write({ ".ssh/config": "Host none\n  Include config\n" });
    expect(refusal({ host: "any" })).toMatch(/include each other/);
  });

  it("refusing what others may have written", () => {
    write({ ".ssh/config": "Include open\n", ".ssh/open": "Port 1\n" });
    chmodSync(join(home, ".ssh/open"), 0o602);
    expect(refusal({ host: "any" })).toMatch(/\.ssh\/open: bad owner or permissions/);
  });
});

describe("StrictHostKeyChecking", () => {
  const unknown = (acceptNew = false): string => {
    const configFile = join(home, ".ssh/config");
    return loginSettings({ target: { host: "h" }, identities: [], acceptNew, configFile })
      .unknownHost;
  };

  it.each([
    ["accept-new", "accept"],
    ["Yes", "refuse"],
    ["true", "refuse"],
    ["ask", "ask"],
    ["no", "ask"],
    ["off", "ask"],
  ])("%s: of a key that is not known: %s", (value, meaning) => {
    write({ ".ssh/config": `StrictHostKeyChecking ${value}\n` });
    expect(unknown()).toBe(meaning);
  });

  it("is less than the option", () => {
    write({ ".ssh/config": "StrictHostKeyChecking yes\n" });
    expect(unknown(true)).toBe("accept");
  });
});

it("the standard file may be missing, but not be written by others", () => {
  const options = { target: { host: "any" }, identities: [], acceptNew: false };
  expect(loginSettings(options).port).toBe(22);
  write({ ".ssh/config": "Port 5\n" });
  expect(loginSettings(options).port).toBe(5);
  chmodSync(join(home, ".ssh/config"), 0o666);
  expect(() => loginSettings(options)).toThrow(/bad owner or permissions/);
});

describe("a configuration that is made to cost time or memory", () => {
  const settings = (): unknown =>
    loginSettings({
      target: { host: "h", user: "u" },
      identities: [],
      acceptNew: false,
      configFile: join(home, ".ssh/config"),
    });

  it("is refused when files include each other again and again", () => {
    const files: Record<string, string> = { ".ssh/config": "Include f1\n" };
    for (let i = 1; i < 15; i++) files[`.ssh/f${i}`] = `Include f${i + 1} f${i + 1} f${i + 1}\n`;
    write({ ...files, ".ssh/f15": "User u\n" });
    expect(settings).toThrow(/too many files are included/);
  });

  it("is refused when a file is larger than any configuration", () => {
    write({ ".ssh/config": "Include large\n", ".ssh/large": "" });
    truncateSync(join(home, ".ssh/large"), 3e9);
    expect(settings).toThrow(/large: is too large/);
  });

  it("takes a pattern whose range runs backwards for one that nothing fits", () => {
    write({ ".ssh/config": "Include [z-a]*\nPort 77\n", ".ssh/m": "Port 78\n" });
    expect(settings()).toMatchObject({ port: 77 });
  });
});
