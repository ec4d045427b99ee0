import { isIPv4, isIPv6 } from "node:net";

/** Where figures are served: a TCP address, or a socket below the instance. */
export type MetricsAddress =
  | { readonly host: string; readonly port: number }
  | { readonly path: string };

const TCP = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)|(localhost)):(\d{1,5})$/;
/** Relative, without "..", not where users' files or keys are, and short enough for an address of a socket. */
const SOCKET =
  /^(?!\/|(?:\.\/)*(?:homes|keys)(?:\/|$))(?!(?:.*\/)?\.{1,2}(?:\/|$))[\w.\-/]{1,100}\.sock$/;

/** Undefined for what is neither. An empty text is: nothing is served. */
export function parseMetricsAddress(text: string): MetricsAddress | undefined {
  if (SOCKET.test(text)) return { path: text };
  const [, ipv6, ipv4, name, digits] = TCP.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65_535) return undefined;
  if (name !== undefined) return { host: name, port };
  if (ipv4 !== undefined) return isIPv4(ipv4) ? { host: ipv4, port } : undefined;
  return ipv6 !== undefined && isIPv6(ipv6) ? { host: ipv6.toLowerCase(), port } : undefined;
}

/** Whether only programs of this machine can reach it. */
export function isLocal(address: MetricsAddress): boolean {
  if ("path" in address) return true;
  const { host } = address;
  return host === "localhost" || host === "::1" || /^127\./.test(host);
}
