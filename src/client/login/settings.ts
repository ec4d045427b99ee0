import { homedir, userInfo } from "node:os";
import { isAbsolute, join } from "node:path";
import { LoginError } from "../errors.ts";
import type { LoginOptions } from "../types.ts";
import { configValues, hostNameOf, type Values } from "./config-file.ts";

/** Where and as whom to log in, after the configuration file was asked. */
export interface LoginSettings {
  /** as typed: what messages name */
  readonly alias: string;
  /** what known_hosts names: the host after HostName was looked at, or HostKeyAlias, as OpenSSH has it */
  readonly keyHost: string;
  readonly keyPort: number;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** files of private keys to try, in order */
  readonly identities: readonly string[];
  /** those files were named, so one that is missing is worth a word */
  readonly namedIdentities: boolean;
  /** only those files, of the agent's keys only the same ones */
  readonly identitiesOnly: boolean;
  /** path of the agent's socket */
  readonly agent: string | undefined;
  readonly knownHosts: readonly string[];
  readonly hashKnownHosts: boolean;
  /** what becomes of a host key that is not known; a changed one is refused all the same */
  readonly unknownHost: "ask" | "accept" | "refuse";
}

const DEFAULT_IDENTITIES = ["id_ed25519", "id_ecdsa", "id_rsa"];

/** Settings that say how to reach the server and that we can't follow. */
const UNSUPPORTED = ["ProxyJump", "ProxyCommand"];

function readConfig({ configFile, target }: LoginOptions): Values {
  if (configFile === "none") return new Map();
  const file = configFile ?? join(homedir(), ".ssh/config");
  const { host, user } = target;
  return configValues(file, { host, user, standard: configFile === undefined });
}

/** The tokens of ssh_config(5) that paths are written with. */
function expand(path: string, tokens: Readonly<Record<string, string>>): string {
  const home = homedir();
  const named = path.replace(/%(.)/g, (whole, letter: string) => tokens[letter] ?? whole);
  const full = named.startsWith("~/") ? join(home, named.slice(2)) : named;
  const known = full.replace(/\$\{(\w+)\}/g, (_, name: string) => process.env[name] ?? "");
  return isAbsolute(known) ? known : join(home, ".ssh", known);
}

/** Of StrictHostKeyChecking: `no` and `off` are not followed, somebody is asked. */
const UNKNOWN_HOST: ReadonlyMap<string, LoginSettings["unknownHost"]> = new Map([
  ["accept-new", "accept"],
  ["yes", "refuse"],
  ["true", "refuse"],
]);

function agentSocket(
  value: string | undefined,
  tokens: Record<string, string>,
): string | undefined {
  if (value === undefined || value === "SSH_AUTH_SOCK")
    return process.env.SSH_AUTH_SOCK || undefined;
  if (value.toLowerCase() === "none") return undefined;
  if (value.startsWith("$")) return process.env[value.replace(/^\$\{?|\}$/g, "")] || undefined;
  return expand(value, tokens);
}

/**
 * What the options and ~/.ssh/config say together; options win.
 * @throws LoginError for a file that can't be read or asks for what we can't do
 */
export function loginSettings(options: LoginOptions): LoginSettings {
  const alias = options.target.host;
  const values = readConfig(options);
  const list = (name: string): readonly string[] => values.get(name.toLowerCase()) ?? [];
  const one = (name: string): string | undefined => list(name)[0];
  for (const name of UNSUPPORTED) {
    const value = list(name).join(" ");
    if (value === "" || value.toLowerCase() === "none") continue;
    const text = `${alias} is reached by ${name} (${value}), which this client can't do: connect by a tunnel, or with -F none`;
    throw new LoginError("unreachable", text);
  }
  const host = hostNameOf(values, alias);
  const local = userInfo().username;
  const user = options.target.user ?? one("User") ?? local;
  const port = options.port ?? options.target.port ?? Number(one("Port") ?? 22);
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    throw new LoginError("unreachable", `${alias}: ${port} is not a port`);
  }
  const tokens = { h: host, n: alias, p: String(port), r: user, u: local, d: homedir(), "%": "%" };
  const configured = list("IdentityFile").filter((file) => file.toLowerCase() !== "none");
  const named = [...options.identities, ...configured.map((file) => expand(file, tokens))];
  const standard = DEFAULT_IDENTITIES.map((name) => join(homedir(), ".ssh", name));
  const knownHosts = list("UserKnownHostsFile").flatMap((text) => text.split(/\s+/));
  const files =
    options.knownHosts === undefined
      ? knownHosts.length > 0
        ? knownHosts.filter((file) => file !== "none").map((file) => expand(file, tokens))
        : [join(homedir(), ".ssh/known_hosts"), "/etc/ssh/ssh_known_hosts"]
      : [options.knownHosts];
  const keyAlias = one("HostKeyAlias");
  const strict = one("StrictHostKeyChecking")?.toLowerCase() ?? "ask";
  return {
    alias,
    keyHost: keyAlias ?? host,
    // The alias stands for the whole address: no port is written with it.
    keyPort: keyAlias === undefined ? port : 22,
    host,
    port,
    user,
    identities: named.length > 0 ? named : standard,
    namedIdentities: options.identities.length > 0,
    identitiesOnly: one("IdentitiesOnly")?.toLowerCase() === "yes",
    agent: agentSocket(one("IdentityAgent"), tokens),
    knownHosts: files,
    hashKnownHosts: one("HashKnownHosts")?.toLowerCase() === "yes",
    unknownHost: options.acceptNew ? "accept" : (UNKNOWN_HOST.get(strict) ?? "ask"),
  };
}
