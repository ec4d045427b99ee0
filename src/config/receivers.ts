import { z } from "zod";
import { refuser } from "../events/addresses.ts";
import { KIND_NAMES } from "../events/kinds.ts";
import type { Receiver } from "../events/types.ts";
import { isTable } from "./file.ts";
import { duration, integer, size, text } from "./kinds.ts";
import { exactNetworks } from "./lists.ts";
import { nearest } from "./nearest.ts";
import type { Setting } from "./settings.ts";

const MAX_RECEIVERS = 32;
const MAX_ITEMS = 100;
const MAX_ARGUMENTS = 64;
const FILE = { pattern: /^[^\0\n]{0,1024}$/, kind: "a path, absolute or below the instance" };
const KIND = "tables [[events]], or the same as JSON; docs/events.md";

/** The keys of one `[[events]]`, as moorage.toml has them. `name` and `kinds` must be given. */
export const RECEIVER_KEYS: Readonly<Record<string, Setting>> = asSettings({
  name: text("", "Names the receiver, for `moorage events` and the log.", {
    pattern: /^[a-z0-9][a-z0-9_.-]{0,31}$/,
    kind: "a name of a-z, 0-9, `.`, `_`, `-`",
  }),
  kinds: kindNames(),
  users: texts("Only what concerns these users: names with `*`, `?`, `[…]`; empty for all.", {
    kind: "a list of patterns of users' names",
    item: /^[^\0\n]{1,255}$/,
    most: MAX_ITEMS,
  }),
  folders: texts("Only what is in these shared folders, likewise, without `@`; empty for all.", {
    kind: "a list of patterns of folders' names",
    item: /^[^@\0\n][^\0\n]{0,254}$/,
    most: MAX_ITEMS,
  }),
  url: text("", "Where events are posted to; either this or `command`.", {
    pattern: /^(https?:\/\/[^\s]{1,2000})?$/,
    kind: "a URL with https, or http for what is in `allow`",
  }),
  secret_file: text("", "File with the secret that signs what is posted.", FILE),
  secret_env: text("", "The same from a variable of the server's environment.", {
    pattern: /^([A-Za-z_]\w{0,127})?$/,
    kind: "the name of a variable",
  }),
  allow: exactNetworks(
    "Addresses that are refused otherwise: this machine's own, of the link, private and reserved ones.",
  ),
  ca_file: text("", "File with the certificates that the receiver's is signed by, in PEM.", FILE),
  command: texts(
    "Program to run, absolute, and its arguments; the event is on its standard input.",
    {
      kind: "a list: an absolute path and arguments",
      item: /^[^\0]{0,4096}$/,
      most: MAX_ARGUMENTS,
    },
  ),
  timeout: duration("10s", ["1s", "10m"], "How long one delivery may take."),
  at_once: integer(1, [1, 16], "Deliveries at once; with 1 events arrive in their order."),
  queue: integer(10_000, [1, 1_000_000], "Events that may wait; further ones are dropped."),
  queue_bytes: size("16MiB", ["64KiB", "4GiB"], "What may wait, in bytes."),
  keep: duration("3d", ["1m", "365d"], "How long an event may wait; then it is dropped."),
});

/** Each kind of setting knows its own type; here they are all read alike. */
function asSettings(keys: Record<string, unknown>): Readonly<Record<string, Setting>> {
  return keys as Readonly<Record<string, Setting>>;
}

/** All receivers of events. */
export function receivers(description: string): Setting<readonly Receiver[]> {
  const schema = z.unknown().transform((value, context) => {
    try {
      return parseAll(value);
    } catch (thrown) {
      if (!(thrown instanceof Problem)) throw thrown;
      context.addIssue({ code: "custom", message: thrown.message });
      return z.NEVER;
    }
  });
  return { kind: KIND, default: [], description, schema, format: formatted };
}

/** Without what of a URL may be a secret. */
function formatted(all: readonly Receiver[]): string {
  return all.map(({ name, url, command }) => `${name} (${shownTarget(url, command)})`).join(", ");
}

/** Where events go, as everybody may read it: paths of URLs are secrets of some services. */
export function shownTarget(url: string, command: readonly string[]): string {
  return url === "" ? (command[0] ?? "") : new URL(url).origin;
}

class Problem extends Error {}

function parseAll(value: unknown): readonly Receiver[] {
  const given = typeof value === "string" ? fromJson(value) : value;
  if (!Array.isArray(given) || !given.every(isTable)) throw new Problem(KIND);
  if (given.length > MAX_RECEIVERS) throw new Problem(`there may be ${MAX_RECEIVERS} receivers`);
  const all = given.map(parseOne);
  const twice = all.find(({ name }, at) => all.findIndex((one) => one.name === name) < at);
  if (twice !== undefined) throw new Problem(`two receivers have the name ${twice.name}`);
  return all;
}

function fromJson(text: string): unknown {
  if (text.trim() === "") return [];
  try {
    return JSON.parse(text);
  } catch {
    throw new Problem(KIND);
  }
}

function parseOne(given: Record<string, unknown>, at: number): Receiver {
  const name =
    typeof given.name === "string" && given.name !== "" ? shortly(given.name) : `no. ${at + 1}`;
  const problems = Object.keys(given).flatMap((key) =>
    key in RECEIVER_KEYS ? [] : [unknown(key)],
  );
  const parsed: Record<string, unknown> = {};
  for (const [key, { schema, kind, default: value }] of Object.entries(RECEIVER_KEYS)) {
    if (given[key] === undefined) parsed[camelCase(key)] = value;
    // The one without a default that would do.
    if (given[key] === undefined && key !== "name") continue;
    const result = schema.safeParse(given[key]);
    if (result.success) parsed[camelCase(key)] = result.data;
    else problems.push(problemOf(key, kind, result.error.issues));
  }
  const receiver = parsed as unknown as Receiver;
  if (problems.length === 0) problems.push(...together(receiver));
  if (problems.length > 0) throw new Problem(`receiver ${name}: ${problems.join("; ")}`);
  return receiver;
}

/** Where the schema knows more than the kind of value, that too. */
function problemOf(key: string, kind: string, issues: readonly { message: string }[]): string {
  const known = issues.find(({ message }) => message !== kind);
  return `${key} must be ${kind}${known === undefined ? "" : `: ${known.message}`}`;
}

function unknown(key: string): string {
  const near = nearest(key, Object.keys(RECEIVER_KEYS));
  return `unknown key ${shortly(key)}${near === undefined ? "" : `, did you mean ${near}?`}`;
}

function camelCase(key: string): string {
  return key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** What is wrong though each key has a value that it may have. */
function together(receiver: Receiver): string[] {
  const { kinds, url, command } = receiver;
  const problems: string[] = [];
  if (kinds.length === 0) problems.push('kinds must say which events, such as ["upload"]');
  if ((url === "") === (command.length === 0)) problems.push("give either url or command");
  else problems.push(...(url === "" ? aboutCommand(receiver) : aboutUrl(receiver)));
  return problems;
}

function aboutCommand({ command, secretFile, secretEnv, allow, caFile }: Receiver): string[] {
  const problems: string[] = [];
  if (!command[0]?.startsWith("/")) problems.push("command must begin with an absolute path");
  const unused = secretFile + secretEnv + caFile !== "" || allow.length > 0;
  if (unused) problems.push("secret_file, secret_env, ca_file and allow are for a url");
  return problems;
}

function aboutUrl(receiver: Receiver): string[] {
  const { secretFile, secretEnv, allow } = receiver;
  const url = parseUrl(receiver.url);
  if (url === undefined) return ["url is none"];
  const problems: string[] = [];
  if (url.username + url.password !== "") problems.push("url must have no name and password");
  if (url.hash !== "") problems.push("url must have no `#`");
  if ((secretFile === "") === (secretEnv === "")) {
    problems.push("give either secret_file or secret_env, with which what is posted is signed");
  }
  if (url.protocol === "http:" && allow.length === 0) {
    problems.push("http is only for addresses in allow: use https");
  }
  const literal = /^[\d.]+$|^\[/.test(url.hostname)
    ? url.hostname.replace(/[[\]]/g, "")
    : undefined;
  const why = literal === undefined ? undefined : refuser(receiver)(literal);
  return why === undefined ? problems : [...problems, why];
}

function parseUrl(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

/** All kinds there are would be too long a message. */
function kindNames(): Setting<readonly string[]> {
  const kind = "a list of kinds and groups of kinds (docs/events.md)";
  const item = z.string({ error: kind }).superRefine((name, context) => {
    if (KIND_NAMES.includes(name)) return;
    const near = nearest(name, KIND_NAMES);
    const hint = near === undefined ? "" : `, did you mean ${near}?`;
    context.addIssue({ code: "custom", message: `${shortly(name)} is none${hint}` });
  });
  const schema = z.array(item, { error: kind }).max(MAX_ITEMS, { error: kind });
  const description = "Which events, by kind or group of kinds; `all` for all.";
  return { kind, default: [], description, schema, format: (v) => v.join(",") };
}

function shortly(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 59)}…` : text);
}

interface Texts {
  readonly kind: string;
  readonly item: RegExp;
  readonly most: number;
}

function texts(description: string, { kind, item, most }: Texts): Setting<readonly string[]> {
  const each = z.string({ error: kind }).regex(item, { error: kind });
  const schema = z.array(each, { error: kind }).max(most, { error: kind });
  return { kind, default: [], description, schema, format: (v) => v.join(",") };
}
