import type { ConnectConfig, ServerHostKeyAlgorithm } from "ssh2";

/** No SHA-1, no CBC: as OpenSSH offers today. */
const ALGORITHMS = {
  kex: [
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
    "diffie-hellman-group14-sha256",
  ],
  cipher: [
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
  ],
  hmac: [
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
  ],
  compress: ["none"],
};

/** Host key algorithms, best first, and the type of key in known_hosts that each uses. */
const HOST_KEYS: readonly [algorithm: ServerHostKeyAlgorithm, type: string][] = [
  ["ssh-ed25519", "ssh-ed25519"],
  ["ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"],
  ["ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"],
  ["ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521"],
  ["rsa-sha2-512", "ssh-rsa"],
  ["rsa-sha2-256", "ssh-rsa"],
];

/**
 * What the client offers. Host keys that are known come first, so that a server is asked for the one
 * it can be recognised by (as OpenSSH does it).
 * @param known types of keys in known_hosts
 */
export function offer(
  known: readonly string[],
  ciphers: readonly string[] | undefined,
): NonNullable<ConnectConfig["algorithms"]> {
  const first = HOST_KEYS.filter(([, type]) => known.includes(type));
  const rest = HOST_KEYS.filter(([, type]) => !known.includes(type));
  return {
    ...ALGORITHMS,
    ...(ciphers === undefined ? {} : { cipher: [...ciphers] }),
    serverHostKey: [...first, ...rest].map(([algorithm]) => algorithm),
  } as NonNullable<ConnectConfig["algorithms"]>;
}
