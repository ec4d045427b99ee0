/** Address and port of a peer: "192.0.2.1:5022", "[2001:db8::1]:5022". */
export function formatRemote(address: string | undefined, port: number | undefined): string {
  if (address === undefined) return "unknown";
  const plain = address.startsWith("::ffff:") ? address.slice("::ffff:".length) : address;
  return plain.includes(":") ? `[${plain}]:${port ?? 0}` : `${plain}:${port ?? 0}`;
}

/** The address in what {@link formatRemote} made. */
export function addressIn(remote: string): string {
  return remote.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
}
