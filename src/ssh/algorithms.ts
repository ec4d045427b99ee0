/**
 * ML-KEM-768 and X25519 in one (RFC 10042), offered before all others. ssh2 doesn't know it and refuses
 * unknown names in its options, so it is not in ALGORITHMS.
 */
export const HYBRID_KEX = "mlkem768x25519-sha256";

/**
 * What the server offers, best first. The client's order decides (RFC 4253 section 7.1). No SHA-1,
 * no CBC, no compression. MACs of the plain text are for libssh2 before 1.11 (curl and PHP on Debian
 * 12), which has no others, and only reach its AES-CTR.
 */
export const ALGORITHMS = {
  kex: [
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
    "diffie-hellman-group14-sha256",
  ],
  serverHostKey: ["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256"],
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
} as const;

/**
 * Signature algorithms a client's key may use (server-sig-algs, RFC 8308 section 3.1). Those of
 * certificates are of the keys in them, and go without saying, as OpenSSH does it.
 */
export const SIGNATURE_ALGORITHMS = [
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "sk-ssh-ed25519@openssh.com",
  "sk-ecdsa-sha2-nistp256@openssh.com",
  "rsa-sha2-512",
  "rsa-sha2-256",
] as const;
