import { networkInterfaces } from "node:os";
import { Networks, parseNetwork } from "../auth/addresses.ts";
import type { Receiver } from "./types.ts";

/** What is not another machine of the internet, and what it is. */
const SPECIAL: readonly (readonly [what: string, networks: readonly string[]])[] = [
  ["this machine", ["127.0.0.0/8", "0.0.0.0/8", "::1", "::"]],
  ["an address of the link", ["169.254.0.0/16", "fe80::/10"]],
  [
    "a private address",
    ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7", "fec0::/10"],
  ],
  [
    "a reserved address",
    [
      ...["192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"],
      ...["192.88.99.0/24", "224.0.0.0/4", "240.0.0.0/4"],
      // IPv4 in IPv6 leads to where only a relay knows; NAT64 is looked at below.
      ...[
        "::/96",
        "::ffff:0:0:0/96",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "64:ff9b:1::/48",
        "ff00::/8",
      ],
    ],
  ],
];

const KNOWN = SPECIAL.map(([what, texts]) => [what, new Networks(texts)] as const);
const NAT64 = new Networks(["64:ff9b::/96"]);

/**
 * Tells why nothing may be sent to an address; undefined: it may. Every notation of an address is the
 * same address, also IPv4 in IPv6.
 */
export function refuser({ allow, url }: Pick<Receiver, "allow" | "url">) {
  const allowed = new Networks(allow);
  return (address: string): string | undefined => {
    const name = parseNetwork(address)?.address;
    if (name === undefined) return `${JSON.stringify(address)} is no address`;
    if (allowed.has(name)) return undefined;
    if (url.startsWith("http:")) {
      return `${name} is not in \`allow\`, and http is only for what is: use https`;
    }
    const what = ownAddresses().has(name) ? "this machine" : specialty(behindNat(name));
    return what === undefined ? undefined : `${name} is ${what}, and not in \`allow\``;
  };
}

function specialty(address: string): string | undefined {
  return KNOWN.find(([, networks]) => networks.has(address))?.[0];
}

/** Also those that are public. */
function ownAddresses(): ReadonlySet<string> {
  const all = Object.values(networkInterfaces()).flatMap((found) => found ?? []);
  return new Set(all.map(({ address }) => parseNetwork(address)?.address ?? address));
}

/** The address of IPv4 that a NAT64 address leads to. */
function behindNat(address: string): string {
  if (!NAT64.has(address)) return address;
  const groups = address.slice("64:ff9b::".length).split(":");
  const [low = 0, high = 0] = groups.reverse().map((group) => Number.parseInt(group || "0", 16));
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}
