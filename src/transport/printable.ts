/** What a client said about itself, for logs and the audit trail: control characters escaped. */
export function printable(text: string, maxLength: number): string {
  const short = text.length > maxLength ? `${text.slice(0, maxLength)}…` : text;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a terminal
  return short.replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, (c) => {
    return `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}

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
