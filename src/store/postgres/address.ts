import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { InstanceError } from "../../errors.ts";

/** Where a database is and who asks for it. It holds the password: never for a log. */
export interface Address {
  /** tried in their order, until one can be written */
  readonly hosts: readonly Host[];
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly tls: Tls;
}

export interface Host {
  /** a name, an address, or the directory of a Unix socket */
  readonly host: string;
  readonly port: number;
}

/** "encrypt" looks at no certificate, "chain" not at the name in it. */
export interface Tls {
  readonly check: "none" | "encrypt" | "chain" | "full";
  /** certificates in PEM; undefined: those that Node.js has */
  readonly authorities: string | undefined;
}

export interface AddressOptions {
  /** a file with the password in its first line */
  readonly passwordFile?: string | undefined;
  /** for PGPASSWORD */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

const URL_PARTS = /^postgres(?:ql)?:\/\/(?:([^/?#]*)@)?([^/?#@]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/;
const PORT = 5_432;

const MODES: Readonly<Record<string, Tls["check"]>> = {
  disable: "none",
  require: "encrypt",
  "verify-ca": "chain",
  "verify-full": "full",
};

const KNOWN = new Set(["host", "port", "user", "password", "sslmode", "sslrootcert"]);

/**
 * Reads `postgres://user:password@host:port/database?sslmode=…`, with several hosts after commas, or
 * the directory of a Unix socket as `host`. A password of the URL counts first, then the file's, then
 * PGPASSWORD.
 * @throws InstanceError that says what is wrong, without the URL
 */
export function parseAddress(url: string, options: AddressOptions = {}): Address {
  const [, login = "", hostText = "", path = "", query = ""] = URL_PARTS.exec(url) ?? refuse(SHAPE);
  const parameters = new URLSearchParams(query);
  for (const name of parameters.keys()) if (!KNOWN.has(name)) refuse("has an unknown parameter");
  const [user = "", ...password] = login.split(":");
  const hosts = hostsOf(parameters.get("host") ?? decoded(hostText), parameters.get("port"));
  return {
    hosts,
    user: decoded(user) || (parameters.get("user") ?? refuse("names no user")),
    password:
      decoded(password.join(":")) || (parameters.get("password") ?? passwordOf(options) ?? ""),
    database: decoded(path) || refuse("names no database"),
    tls: tlsOf(parameters, hosts),
  };
}

const SHAPE = "is not like postgres://user@host/database";

function refuse(what: string): never {
  throw new InstanceError(`the database's URL ${what}`);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return refuse("has a % that is no %25");
  }
}

function hostsOf(text: string, ports: string | null): Host[] {
  const defaults = ports?.split(",") ?? [];
  return text.split(",").map((one, at) => {
    const [, bracketed, plain, port] = /^(?:\[([^\]]*)\]|([^[\]:]*))(?::(\d+))?$/.exec(one) ?? [];
    const host = bracketed ?? plain ?? refuse("names no host that can be read");
    const number = Number(port ?? defaults[at] ?? defaults[0] ?? PORT);
    if (host === "") refuse("names no host");
    if (!(Number.isInteger(number) && number > 0 && number < 65_536)) refuse("has no such port");
    return { host, port: number };
  });
}

function passwordOf({ passwordFile, env = {} }: AddressOptions): string | undefined {
  if (passwordFile === undefined) return env.PGPASSWORD;
  try {
    return readFileSync(passwordFile, "utf8").split(/\r?\n/, 1)[0];
  } catch {
    throw new InstanceError("the file with the database's password can't be read");
  }
}

function tlsOf(parameters: URLSearchParams, hosts: readonly Host[]): Tls {
  const file = parameters.get("sslrootcert");
  const mode = parameters.get("sslmode") ?? (hosts.every(isNear) ? "disable" : "verify-full");
  const check =
    MODES[mode] ?? refuse("has no such sslmode: disable, require, verify-ca, verify-full");
  const authorities = file === null || check === "none" ? undefined : read(file);
  // As libpq: who gives authorities wants them asked.
  return { check: check === "encrypt" && authorities ? "chain" : check, authorities };
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return refuse("names a file of authorities (sslrootcert) that can't be read");
  }
}

/** On this machine: nobody is in between. */
function isNear({ host }: Host): boolean {
  if (host.startsWith("/") || host === "localhost" || host === "::1") return true;
  return isIP(host) === 4 && host.startsWith("127.");
}
