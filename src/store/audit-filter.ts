import { BlockList, isIPv6 } from "node:net";
import { TextPattern } from "../text/pattern.ts";
import { addressIn } from "../text/remote.ts";
import type { Connection } from "./connection.ts";
import { toRegExp } from "./pattern-regexp.ts";
import type { AuditKind, AuditRecord } from "./types.ts";

/** An address or a network whose bits beyond the prefix are 0. */
export interface AuditNetwork {
  /** canonical: IPv6 compressed, IPv4-mapped as IPv4 */
  readonly address: string;
  readonly family: "ipv4" | "ipv6";
  readonly prefix: number;
}

/** Which records; times in milliseconds since the epoch, `since` included, `until` not. */
export interface AuditFilter {
  readonly user?: string;
  readonly actor?: string;
  readonly kinds?: readonly AuditKind[];
  readonly since?: number;
  readonly until?: number;
  readonly network?: AuditNetwork;
  readonly session?: number;
  /** the records of one line */
  readonly batch?: number;
  /** a shell pattern for the whole path; its `*` takes slashes as well */
  readonly path?: string;
  /** somewhere in what a record says; ASCII letters of either case */
  readonly text?: string;
}

/** A piece of a WHERE. `named` are the values of its parameters. */
export interface Term {
  readonly sql: string;
  readonly named: Readonly<Record<string, string | number>>;
}

/** What SQL asks of JavaScript, for one query: made by {@link matchersOf}. */
export interface Matchers {
  path(path: string): boolean;
  address(address: string): boolean;
}

const ALL_TEXT = `lower(${["kind", '"user"', "actor", "remote", "path", "temporary_path", "detail"].join(" || '\n' || ")})`;

function inAll(term: string, value: unknown, name: string): Term[] {
  if (typeof value !== "string" && typeof value !== "number") return [];
  return [{ sql: term, named: { [name]: value } }];
}

/** Those that an index answers, and time. The first of them decides which one. */
export function drivingTerms(filter: AuditFilter): Term[] {
  const { batch, network, actor, user, kinds } = filter;
  const isAddress = network !== undefined && isWhole(network);
  if (batch !== undefined) return inAll("batch = $batch", batch, "batch");
  if (isAddress) {
    // The index has none of the empty ones, and is used only where the query says so.
    return inAll("address <> '' AND address = $address", network.address, "address");
  }
  if (actor !== undefined && actor !== "") {
    return inAll("actor <> '' AND actor = $actor", actor, "actor");
  }
  if (user !== undefined) return inAll('"user" = $user', user, "user");
  return kinds === undefined ? [] : kindTerms(kinds);
}

function kindTerms(kinds: readonly AuditKind[]): Term[] {
  const named = Object.fromEntries(kinds.map((kind, at) => [`kind${at}`, kind]));
  // PostgreSQL takes no empty list.
  const list = kinds.length === 0 ? "NULL" : kinds.map((_, at) => `$kind${at}`).join(", ");
  return [{ sql: `kind IN (${list})`, named }];
}

/** What no comparison tells: SQLite asks JavaScript for it, PostgreSQL can do it by itself. */
const MATCHED = {
  sqlite: {
    path: (_pattern: string): Term => ({ sql: "audit_path_fits(path)", named: {} }),
    network: (_network: AuditNetwork): Term => ({ sql: "audit_in_network(address)", named: {} }),
  },
  postgres: {
    path: (pattern: string): Term => ({ sql: "path ~ $path", named: { path: toRegExp(pattern) } }),
    network: (network: AuditNetwork): Term => ({
      sql: "audit_network(address) <<= $network::inet",
      named: { network: asIPv6(network) },
    }),
  },
} as const;

/** IPv4 has a place of its own in IPv6. */
function asIPv6({ address, family, prefix }: AuditNetwork): string {
  return family === "ipv4" ? `::ffff:${address}/${96 + prefix}` : `${address}/${prefix}`;
}

/** What else a record must be, looked at one by one. Times are in none. */
export function otherTerms(filter: AuditFilter, engine: Connection["engine"] = "sqlite"): Term[] {
  const { actor, user, kinds, network, session, path, text } = filter;
  const literal = path === undefined ? "" : longestLiteral(path);
  return [
    ...inAll("actor = $otherActor", actor, "otherActor"),
    ...inAll('"user" = $otherUser', user, "otherUser"),
    ...(kinds === undefined ? [] : kindTerms(kinds)),
    ...(network === undefined ? [] : [MATCHED[engine].network(network)]),
    ...inAll("session = $session", session, "session"),
    ...(literal === "" ? [] : inAll("instr(path, $literal) > 0", literal, "literal")),
    ...(path === undefined ? [] : [MATCHED[engine].path(path)]),
    ...inAll(`instr(${ALL_TEXT}, $text) > 0`, text && lower(text), "text"),
  ];
}

/** Found quickly before the pattern is tried: a stretch of it without anything special. */
function longestLiteral(pattern: string): string {
  if (/[[\\]/.test(pattern)) return "";
  return pattern.split(/[*?]/).reduce((best, one) => (one.length > best.length ? one : best), "");
}

/** As SQLite's lower(): ASCII only. */
function lower(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function isWhole({ family, prefix }: AuditNetwork): boolean {
  return prefix === (family === "ipv4" ? 32 : 128);
}

export function matchersOf({ path, network }: AuditFilter): Matchers {
  const pattern = path === undefined ? undefined : new TextPattern(path);
  const list = new BlockList();
  if (network !== undefined) list.addSubnet(network.address, network.prefix, network.family);
  return {
    path: (text) => pattern?.matches(text) ?? true,
    address: (text) =>
      network === undefined || (text !== "" && list.check(text, isIPv6(text) ? "ipv6" : "ipv4")),
  };
}

/** A test for records as they come, the same as what the store is asked. */
export function fitting(filter: AuditFilter): (record: AuditRecord) => boolean {
  const { user, actor, kinds, since, until, session, batch, network, text } = filter;
  const matchers = matchersOf(filter);
  const sought = text === undefined ? undefined : lower(text);
  return (record) =>
    (user === undefined || (record.user ?? "") === user) &&
    (actor === undefined || (record.actor ?? "") === actor) &&
    (kinds === undefined || kinds.includes(record.kind)) &&
    (since === undefined || record.at >= since) &&
    (until === undefined || record.at < until) &&
    (session === undefined || record.session === session) &&
    (batch === undefined || record.batch === batch) &&
    (network === undefined || matchers.address(addressIn(record.remote ?? ""))) &&
    (filter.path === undefined || matchers.path(record.path ?? "")) &&
    (sought === undefined || lower(wholeText(record)).includes(sought));
}

function wholeText({ kind, user, actor, remote, path, temporaryPath, detail }: AuditRecord) {
  return [kind, user, actor, remote, path, temporaryPath, detail].join("\n");
}
