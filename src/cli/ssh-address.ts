import { isIP } from "node:net";

/**
 * The address from where somebody uses this terminal over SSH, as sshd tells it (ssh(1),
 * ENVIRONMENT); undefined: at the machine itself, or after a `sudo` that has dropped it.
 */
export function sshAddress(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const [address = ""] = (env.SSH_CONNECTION || env.SSH_CLIENT || "").split(" ");
  const [plain = ""] = address.split("%");
  return isIP(plain) === 0 ? undefined : plain;
}
