import { readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

// The rooms of docs/architecture.md and who may know whom. What isn't listed is refused.

/** The ground: contracts and pure functions. Every room may know them. */
const GROUND = new Set([
  "channel",
  "errors",
  "hash",
  "processes",
  "processors",
  "tally",
  "seldom",
  "text",
  "turn",
  "version",
]);

/** What the ground knows of itself, besides `text`. */
const GROUND_KNOWS: Readonly<Record<string, readonly string[]>> = { errors: ["text"] };

/**
 * What a room may import, types included: whole rooms, or of a room only a folder or file. What
 * isn't listed is refused.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  memory: [],
  access: [],
  rates: [],
  vfs: ["access"],
  store: ["access/modes", "vfs/books"],
  quota: ["store", "vfs"],
  trail: ["store"],
  auth: ["store"],
  metrics: [],
  digests: ["store/digests", "vfs/types", "vfs/watch"],
  events: ["auth/addresses", "store"],
  config: [
    "auth/access",
    "auth/addresses",
    "auth/factors",
    "auth/penalties",
    "digests/types",
    "events/addresses",
    "events/kinds",
    "events/types",
  ],
  log: ["config/types"],
  sftp: ["digests/types", "memory", "vfs/path", "vfs/types"],
  shell: [
    "digests/types",
    "sftp/longname",
    "vfs/names",
    "vfs/path",
    "vfs/trash-names",
    "vfs/trash-search",
    "vfs/types",
  ],
  ssh: ["memory"],
  session: [
    "auth/key-grant",
    "auth/login-limits",
    "config/types",
    "digests/types",
    "memory",
    "rates",
    "sftp/session",
    "shell",
    "store",
    "vfs",
  ],
  transport: ["auth", "config/types", "memory", "session", "ssh", "store/types", "vfs/path"],
  workers: [
    "config/types",
    "control/host",
    "control/protocol",
    "digests/threads",
    "memory/limit",
    "rates",
    "transport",
  ],
  backup: ["store", "vfs"],
  control: [
    "access",
    "auth",
    "config",
    "events",
    "metrics/text",
    "quota",
    "session/audited-file",
    "store",
    "vfs/homes",
    "vfs/path",
    "vfs/standing",
    "vfs/trash-search",
    "vfs/types",
  ],
  check: [
    "config",
    "control/nodes",
    "events",
    "control/secrets",
    "control/server-user",
    "quota/rescan",
    "session/fitted-limits",
    "store",
    "vfs/homes",
    "vfs/space",
  ],
  screens: [
    "control/errors",
    "control/protocol",
    "control/subscriptions",
    "digests/types",
    "session",
    "shell",
    "store/types",
    "vfs/types",
  ],
  admin: [
    "access/modes",
    "auth/login-limits",
    "auth/login-limits-text",
    "control/calls",
    "control/client",
    "control/errors",
    "control/protocol",
    "screens/messages",
    "store/login-limits",
    "store/types",
  ],
  client: ["config/nearest", "memory", "sftp/wire", "ssh"],
  server: [
    "access",
    "auth",
    "config",
    "control",
    "digests",
    "events",
    "memory",
    "metrics/endpoint",
    "quota",
    "rates",
    "screens",
    "session",
    "ssh",
    "store",
    "trail",
    "transport",
    "vfs",
    "workers",
  ],
  cli: [
    "access",
    "admin",
    "auth",
    "backup",
    "check",
    "client",
    "config",
    "control",
    "log",
    "quota",
    "server",
    "shell",
    "store",
    "transport/listening-socket",
    "vfs/evidence",
    "vfs/home",
    "vfs/proc",
    "vfs/types",
    "workers",
  ],
  main: ["cli"],
  "client-program": ["cli"],
  "kept-program": [],
  moorage: ["kept-program", "main", "program"],
};

/** Packages that are kept to one place, by the start of the paths that may import them. */
const KEPT_TO: Readonly<Record<string, readonly string[]>> = {
  "get-east-asian-width": ["src/text/"],
  ssh2: ["src/ssh/", "src/transport/", "src/client/"],
  "better-sqlite3": ["src/store/"],
  "moorage-sqlite-node20": ["src/store/database-driver.ts"],
  "@noble/post-quantum": ["src/ssh/ml-kem-noble.ts"],
  pg: ["src/store/postgres/link.js"],
  "@napi-rs/blake-hash": ["src/hash.js"],
  argon2: ["src/auth/passwords.ts"],
  otpauth: ["src/auth/totp.ts"],
  uqr: ["src/auth/totp.ts"],
  // In a thread only: it would hold up all sessions.
  "@zxcvbn-ts/core": ["src/auth/strength-worker.js"],
  "@zxcvbn-ts/language-common": ["src/auth/strength-worker.js"],
  blessed: ["admin/"],
  "csv-parse": ["src/control/import/"],
  zod: ["src/config/", "src/control/params.ts"],
  "smol-toml": ["src/config/"],
  commander: ["src/cli/"],
  pino: ["src/log.ts"],
  "pino-pretty": ["src/log.ts"],
  "ssh-config": ["src/client/"],
  "prom-client": ["src/metrics/text.ts"],
};

/** Packages whose types may be used everywhere. */
const FREE_TYPES = new Set(["pino"]);

/** The files that need what only require() reaches: parts of ssh2, or what a program requires. */
const MAY_REQUIRE = new Set([
  "src/hash.js",
  "src/kept-program.cts",
  "src/ssh/native-ciphers.ts",
  "src/ssh/offer.ts",
  "src/ssh/self-check.ts",
]);

const NO_DISK_FOR_SFTP = /^(node:)?(fs|fs\/promises|path|child_process|worker_threads|net)$/;
const HIDDEN_IMPORT = /\bgetBuiltinModule\b|\b(import|require)\(\s*[^\s"]/;
const HIDDEN_IMPORT_OR_REQUIRE = new RegExp(`\\bcreateRequire\\b|${HIDDEN_IMPORT.source}`);
const SQL = /\b(SELECT\s[^;]*\sFROM|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|PRAGMA)\s/;
const MAX_LINES = 400;

type Sources = ReadonlyMap<string, string>;

function room(file: string): string {
  const [top = "", name = ""] = file.split("/");
  return top === "src" ? name.replace(/\.(c?ts|js)$/, "") : top;
}

interface Import {
  readonly name: string;
  /** erased when compiled */
  readonly typeOnly: boolean;
}

/** Every module that a file names: import, export … from, import(…), types by import(…), require(…). */
function imported(file: string, text: string): Import[] {
  const statement = /^(?:import|export)\s(type\s)?(?:[^;"]*\sfrom\s)?"([^"]+)"/gm;
  const call = /\b(?:import|require)\(\s*"([^"]+)"/g;
  const place = (name = ""): string =>
    name.startsWith(".") ? posix.join(posix.dirname(file), name) : name;
  return [
    ...[...text.matchAll(statement)].map(([, type, name]) => {
      return { name: place(name), typeOnly: type !== undefined };
    }),
    ...[...text.matchAll(call)].map(([, name]) => ({ name: place(name), typeOnly: false })),
  ];
}

function isLocal(name: string): boolean {
  return /^(src|admin|test)\//.test(name);
}

/** Whether the file is that room, folder or file: "vfs", "sftp/wire", "vfs/path". */
function isIn(file: string, place: string): boolean {
  const inside = place === "admin" ? "admin" : `src/${place}`;
  return file.startsWith(`${inside}/`) || file.startsWith(`${inside}.`);
}

function localViolation(file: string, { name: target }: Import): string | undefined {
  const from = room(file);
  const to = room(target);
  if (target.startsWith("test/")) return "test code in the program";
  if (from === to) return undefined;
  if (GROUND.has(from)) {
    return GROUND_KNOWS[from]?.includes(to) ? undefined : "the ground knows no room";
  }
  if (GROUND.has(to)) return undefined;
  const allowed = MAY_IMPORT[from]?.some((place) => isIn(target, place)) ?? false;
  return allowed ? undefined : `${from} must not know ${target}`;
}

function packageViolation(file: string, { name, typeOnly }: Import): string | undefined {
  if (room(file) === "sftp" && NO_DISK_FOR_SFTP.test(name)) return "sftp knows no disk";
  if (name.startsWith("node:")) return undefined;
  const bare = name.startsWith("@") ? name.split("/", 2).join("/") : (name.split("/")[0] ?? name);
  const places = KEPT_TO[bare];
  if (typeOnly && FREE_TYPES.has(bare)) return undefined;
  if (places === undefined) return "a package that no room was given";
  return places.some((place) => file.startsWith(place))
    ? undefined
    : `kept to ${places.join(", ")}`;
}

function importViolations(file: string, text: string): string[] {
  const found: string[] = [];
  for (const one of imported(file, text)) {
    const why = isLocal(one.name) ? localViolation(file, one) : packageViolation(file, one);
    if (why !== undefined) found.push(`${file} imports ${one.name}: ${why}`);
  }
  return found;
}

function textViolations(file: string, text: string): string[] {
  const code = text.replace(/^\s*(\/\/|\/?\*).*$/gm, "");
  const found: string[] = [];
  if (room(file) !== "store" && SQL.test(code)) found.push(`${file}: SQL outside of store`);
  const hidden = MAY_REQUIRE.has(file) ? HIDDEN_IMPORT : HIDDEN_IMPORT_OR_REQUIRE;
  if (hidden.test(code)) {
    found.push(`${file}: an import that can't be checked`);
  }
  return found;
}

/** Rooms on a cycle of imports, types included. */
function cycles(sources: Sources): string[] {
  const edges = new Map<string, Set<string>>();
  for (const [file, text] of sources) {
    for (const { name: target } of imported(file, text)) {
      if (!isLocal(target) || room(file) === room(target)) continue;
      edges.set(room(file), (edges.get(room(file)) ?? new Set()).add(room(target)));
    }
  }
  const reach = (from: string, seen: Set<string>): Set<string> => {
    for (const next of edges.get(from) ?? []) if (!seen.has(next)) reach(next, seen.add(next));
    return seen;
  };
  const looped = [...edges.keys()].filter((name) => reach(name, new Set()).has(name));
  return looped.length === 0 ? [] : [`rooms on an import cycle: ${looped.sort().join(", ")}`];
}

function violations(sources: Sources): string[] {
  const found = [...sources].flatMap(([file, text]) => [
    ...importViolations(file, text),
    ...textViolations(file, text),
  ]);
  return [...found, ...cycles(sources)];
}

function tree(): Sources {
  const root = fileURLToPath(new URL("../../", import.meta.url));
  const sources = new Map<string, string>();
  for (const top of ["src", "admin"]) {
    let names: string[] = [];
    try {
      names = readdirSync(`${root}${top}`, { recursive: true, encoding: "utf8" });
    } catch {
      continue;
    }
    for (const name of names.filter((entry) => /\.(c?ts|js)$/.test(entry))) {
      sources.set(`${top}/${name}`, readFileSync(`${root}${top}/${name}`, "utf8"));
    }
  }
  return sources;
}

describe("the rooms of the program", () => {
  it("import only what their rank allows", () => {
    const sources = tree();
    expect(new Set([...sources.keys()].map(room)).size).toBeGreaterThan(20);
    expect(violations(sources)).toEqual([]);
  });

  it(`keep their files under ${MAX_LINES} lines`, () => {
    const long = [...tree()].filter(([, text]) => text.split("\n").length - 1 > MAX_LINES);
    expect(long.map(([file]) => file)).toEqual([]);
  });
});

describe("the check itself", () => {
  const of = (file: string, ...lines: string[]): string[] =>
    violations(new Map([[file, lines.join("\n")]]));

  const refused: [string, string][] = [
    ["src/auth/a.ts", 'import { listen } from "../transport/listener.ts";'],
    ["src/auth/a.ts", 'import type { SftpSession } from "../sftp/session.ts";'],
    ["src/quota/a.ts", 'import { serveSftp } from "../sftp/session.ts";'],
    ["src/store/a.ts", 'export { listen } from "../transport/listener.ts";'],
    ["src/store/a.ts", 'export * from "../sftp/session.ts";'],
    ["src/store/a.ts", 'import {\n  a,\n  b,\n} from "../auth/names.ts";'],
    ["src/sftp/a.ts", 'import { openHome } from "../vfs/home.ts";'],
    ["src/sftp/a.ts", 'import type { Ledger } from "../quota/ledger.ts";'],
    ["src/sftp/a.ts", 'import type { Account } from "../store/types.ts";'],
    ["src/sftp/deep/a.ts", 'const home = await import("../../vfs/home.ts");'],
    ["src/sftp/a.ts", 'type Home = import("../vfs/home.ts").Home;'],
    ["src/sftp/a.ts", 'import { openSync } from "node:fs";'],
    ["src/sftp/a.ts", 'import { open } from "node:fs/promises";'],
    ["src/sftp/a.ts", 'import "fs";'],
    ["src/session/a.ts", 'import ssh2 from "ssh2";'],
    ["src/auth/keys.ts", 'import ssh2 from "ssh2";'],
    ["src/auth/names.ts", 'import ssh2 from "ssh2";'],
    ["src/sftp/a.ts", 'import { utils } from "ssh2/lib/protocol/utils.js";'],
    ["src/quota/a.ts", 'import Database from "better-sqlite3";'],
    ["src/cli/a.ts", 'import blessed from "blessed";'],
    ["src/cli/a.ts", 'import pad from "left-pad";'],
    ["admin/a.ts", 'import { addUser } from "../src/control/users.ts";'],
    ["src/client/a.ts", 'import { serveSftp } from "../sftp/session.ts";'],
    ["src/client/a.ts", 'import { listen } from "../transport/listener.ts";'],
    ["admin/a.ts", 'import { openStore } from "../src/store/store.ts";'],
    ["src/vfs/a.ts", 'import { Ledger } from "../quota/ledger.ts";'],
    ["src/session/a.ts", 'import { pino } from "pino";'],
    ["src/channel.ts", 'import type { Session } from "./session/session.ts";'],
    ["src/vfs/a.ts", 'import type { Books } from "../quota/ledger.ts";'],
    ["src/vfs/a.ts", 'import type { Account } from "../store/types.ts";'],
    ["src/store/a.ts", 'import { openHome } from "../vfs/home.ts";'],
    ["src/sftp/a.ts", 'import { Outbox } from "../ssh/outbox.ts";'],
    ["src/session/a.ts", 'import type { AdminScreens } from "../screens/screens.ts";'],
    ["src/auth/a.ts", 'import type { Penalty } from "../control/protocol.ts";'],
    ["src/text/a.ts", 'import { FsError } from "../errors.ts";'],
    ["src/log.ts", 'import { fake } from "../test/support/fake.ts";'],
    ["src/quota/a.ts", 'connection.prepare("UPDATE homes SET used_bytes = 0");'],
    ["src/control/a.ts", "sql(`SELECT name\n  FROM homes`);"],
    ["src/sftp/a.ts", 'const fs = createRequire(import.meta.url)("fs");'],
    ["src/ssh/offer.ts", 'require("better-sqlite3");'],
    ["src/ssh/offer.ts", "require(name);"],
    ["src/sftp/a.ts", "const fs = await import(name);"],
  ];
  it.each(refused)("refuses in %s: %s", (file, line) => {
    expect(of(file, line)).toHaveLength(1);
  });

  const allowed: [string, string][] = [
    ["src/sftp/a.ts", 'import type { UserFileSystem } from "../vfs/types.ts";'],
    ["src/sftp/a.ts", 'import { bytes } from "../vfs/path.ts";'],
    ["src/vfs/path.ts", 'import { visible } from "../text/safe.ts";'],
    ["admin/a.ts", 'import { visible } from "../src/text/safe.ts";'],
    ["src/sftp/a.ts", 'import { Reader } from "./reader.ts";'],
    ["src/quota/a.ts", 'import { toBuffer } from "../vfs/path.ts";'],
    ["src/store/a.ts", 'import type { Usage } from "../vfs/books.ts";'],
    ["src/quota/a.ts", 'import { Jail } from "../vfs/jail.ts";'],
    ["src/session/a.ts", 'import type { Logger } from "pino";'],
    ["src/vfs/a.ts", 'import { openSync } from "node:fs";'],
    ["src/client/a.ts", 'import { FrameQueue } from "../sftp/wire/frames.ts";'],
    ["src/client/a.ts", 'import { Outbox } from "../ssh/outbox.ts";'],
    ["src/ssh/offer.ts", 'createRequire(import.meta.url); require("ssh2/lib/a.js");'],
    ["src/store/a.ts", 'connection.prepare("UPDATE homes SET used_bytes = 0");'],
    ["src/quota/a.ts", "// one UPDATE homes SET used_bytes a write would be too slow"],
    ["src/quota/a.ts", 'throw new Error("nothing to select from here");'],
    ["admin/a.ts", 'import { connect } from "../src/control/client.ts";'],
    ["admin/a.ts", 'import blessed from "blessed";'],
  ];
  it.each(allowed)("allows in %s: %s", (file, line) => {
    expect(of(file, line)).toEqual([]);
  });

  it("counts types in a cycle", () => {
    const sources = new Map([
      ["src/vfs/a.ts", 'import type { Ledger } from "../quota/ledger.ts";'],
      ["src/quota/a.ts", 'import "../vfs/a.ts";'],
    ]);
    expect(cycles(sources)).toEqual(["rooms on an import cycle: quota, vfs"]);
  });

  it("finds a cycle that leads over three rooms", () => {
    const sources = new Map([
      ["src/vfs/a.ts", 'import "../quota/a.ts";'],
      ["src/quota/a.ts", 'import "../store/a.ts";'],
      ["src/store/a.ts", 'import "../vfs/a.ts";'],
    ]);
    expect(cycles(sources)).toEqual(["rooms on an import cycle: quota, store, vfs"]);
  });
});
