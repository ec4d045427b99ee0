import { BlockList, isIP, isIPv4 } from "node:net";

/** How many leading bits of an address name one source. */
export interface Prefixes {
  readonly ipv4Prefix: number;
  readonly ipv6Prefix: number;
}

/** One machine can have at will all addresses of an IPv6 /64. */
export const ONE_MACHINE: Prefixes = { ipv4Prefix: 32, ipv6Prefix: 64 };

/** A network that may have one owner: what providers give to one customer, as a rule, and no more. */
export const ONE_SITE: Prefixes = { ipv4Prefix: 24, ipv6Prefix: 48 };

/** An address or a network ("192.0.2.0/24"), taken apart. */
export interface Network {
  /** canonical: IPv6 compressed (RFC 5952), IPv4-mapped as IPv4 */
  readonly address: string;
  readonly family: "ipv4" | "ipv6";
  readonly prefix: number;
}

const MAPPED = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/;

/** Undefined for what is no address or network. */
export function parseNetwork(text: string): Network | undefined {
  const [given = "", bits, more] = text.trim().split("/");
  const address = canonical(given);
  if (address === undefined || more !== undefined) return undefined;
  const ipv4 = isIPv4(address);
  const most = ipv4 ? 32 : 128;
  if (bits !== undefined && !/^\d{1,3}$/.test(bits)) return undefined;
  const offset = ipv4 && isIP(given) === 6 ? 96 : 0;
  const prefix = bits === undefined ? most : Number(bits) - offset;
  if (prefix < 0 || prefix > most) return undefined;
  return { address, family: ipv4 ? "ipv4" : "ipv6", prefix };
}

/** As it is shown and kept: without the length where that is the whole address. */
export function nameOf(network: Network): string {
  return networkName(network, network.prefix);
}

/**
 * What is wrong with an address or network that somebody wrote; undefined: nothing. Bits beyond the
 * prefix are a mistake, too: "192.0.2.1/24" may be meant as the address or as the network.
 */
export function networkProblem(text: string): string | undefined {
  const network = text.includes("%") ? undefined : parseNetwork(text);
  if (network === undefined) return `${shortly(text)} is no address or network`;
  const name = nameOf(network);
  if (name.split("/")[0] === network.address) return undefined;
  return `${shortly(text)} has bits beyond its prefix: write ${name}, or the address alone`;
}

/** For a message of one line. */
function shortly(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 59)}…` : text);
}

/** Undefined for what is no address. A zone ("fe80::1%eth0") is left out. */
function canonical(text: string): string | undefined {
  const [address = ""] = text.split("%");
  const family = isIP(address);
  if (family === 0) return undefined;
  if (family === 4) return address;
  const short = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [, high, low] = MAPPED.exec(short) ?? [];
  if (high === undefined || low === undefined) return short;
  const bytes = [high, low].map((group) => Number.parseInt(group, 16));
  return bytes.flatMap((pair) => [pair >> 8, pair & 255]).join(".");
}

/**
 * The name under which an address' deeds are kept: the network it is in, without the length where
 * that is the whole address. Empty for what is no address.
 */
export function sourceOf(address: string | undefined, prefixes: Prefixes): string {
  const network = address === undefined ? undefined : parseNetwork(address);
  if (network === undefined) return "";
  const { ipv4Prefix, ipv6Prefix } = prefixes;
  return networkName(network, network.family === "ipv4" ? ipv4Prefix : ipv6Prefix);
}

function networkName({ address, family }: Network, prefix: number): string {
  const [size, unit] = family === "ipv4" ? [4, 8] : [8, 16];
  const all = 2 ** unit - 1;
  const groups = family === "ipv4" ? address.split(".").map(Number) : groupsOf(address);
  const kept = groups.map((group, index) => {
    const bits = Math.min(unit, Math.max(0, prefix - index * unit));
    return group & (all << (unit - bits)) & all;
  });
  if (family === "ipv4") return kept.join(".") + (prefix === size * unit ? "" : `/${prefix}`);
  const hex = kept.map((group) => group.toString(16)).join(":");
  return (canonical(hex) ?? hex) + (prefix === size * unit ? "" : `/${prefix}`);
}

/** The eight groups of a canonical IPv6 address. */
function groupsOf(address: string): number[] {
  const [head = "", tail] = address.split("::");
  const parse = (part: string) => (part === "" ? [] : part.split(":")).map((g) => parseInt(g, 16));
  const [first, last] = [parse(head), parse(tail ?? "")];
  return [...first, ...new Array<number>(8 - first.length - last.length).fill(0), ...last];
}

/**
 * A set of addresses and networks; what is neither is left out. Networks of IPv6 have no addresses of
 * IPv4 in them: Node's BlockList finds those in `::/64`, too, where their mapped form would be.
 */
export class Networks {
  readonly #lists = { ipv4: new BlockList(), ipv6: new BlockList() };

  constructor(texts: readonly string[]) {
    for (const text of texts) {
      const network = parseNetwork(text);
      if (network === undefined) continue;
      const { address, prefix, family } = network;
      this.#lists[family].addSubnet(address, prefix, family);
    }
  }

  has(address: string): boolean {
    const network = parseNetwork(address);
    if (network === undefined) return false;
    return this.#lists[network.family].check(network.address, network.family);
  }
}
