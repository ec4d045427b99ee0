import type { ConnectConfig, ServerHostKeyAlgorithm } from "ssh2";
import { ALGORITHMS } from "../../ssh/algorithms.ts";

/** What our server offers, and a key exchange that only older servers need. */
const OFFERED = {
  cipher: [...ALGORITHMS.cipher],
  hmac: [...ALGORITHMS.hmac],
  compress: [...ALGORITHMS.compress],
  kex: [...ALGORITHMS.kex, "diffie-hellman-group-exchange-sha256"],
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
    ...OFFERED,
    ...(ciphers === undefined ? {} : { cipher: [...ciphers] }),
    serverHostKey: [...first, ...rest].map(([algorithm]) => algorithm),
  } as NonNullable<ConnectConfig["algorithms"]>;
}
