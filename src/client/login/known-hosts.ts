import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import {
  closeSync,
  fchmodSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { TextPattern } from "../../text/pattern.ts";

/** Larger files are not read: a bound for what a person's known_hosts can be. */
const MAX_FILE = 16 * 1024 * 1024;

/** One line of known_hosts (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT). */
interface HostLine {
  readonly marker: "" | "@revoked" | "@cert-authority";
  readonly hosts: string;
  readonly type: string;
  /** the key's blob in base64, without padding differences */
  readonly key: string;
  readonly file: string;
  readonly line: number;
}

export type HostVerdict =
  | { readonly known: "yes" }
  | { readonly known: "no" }
  | { readonly known: "revoked" }
  /** the host has another key of this type, or only keys of other types, which then are `others` */
  | { readonly known: "changed"; readonly file: string; readonly line: number };

const LINE = /^\s*(?:(@\S+)\s+)?(\S+)\s+([a-z][\w@.-]*)\s+([A-Za-z0-9+/]+)=*(?:\s.*)?$/;

/** The name of a server as known_hosts has it: the port only when it isn't 22. */
export function hostName(host: string, port: number): string {
  const name = host.toLowerCase();
  return port === 22 ? name : `[${name}]:${port}`;
}

/** The fingerprint as OpenSSH shows it. */
export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;
}

/** The type in a public key's blob (RFC 4253 section 6.6). */
export function keyType(key: Buffer): string {
  const length = key.length < 4 ? 0 : key.readUInt32BE(0);
  return key.subarray(4, 4 + Math.min(length, 64)).toString("latin1");
}

function base64(key: Buffer): string {
  return key.toString("base64").replace(/=+$/, "");
}

/** The servers' keys that a person has accepted, in OpenSSH's files. */
export class KnownHosts {
  readonly #files: readonly string[];
  readonly #lines: HostLine[] = [];

  /** Reads the files; one that is missing is empty. The first is written to. */
  constructor(files: readonly string[]) {
    this.#files = files;
    for (const file of files) this.#lines.push(...readLines(file));
  }

  /** The types of keys known for the server. */
  types(host: string, port: number): string[] {
    const lines = this.#of(host, port).filter(({ marker }) => marker === "");
    return [...new Set(lines.map(({ type }) => type))];
  }

  check(host: string, port: number, key: Buffer): HostVerdict {
    const encoded = base64(key);
    const revoked = this.#lines.some((one) => one.marker === "@revoked" && one.key === encoded);
    if (revoked) return { known: "revoked" };
    const lines = this.#of(host, port).filter(({ marker }) => marker === "");
    if (lines.some((one) => one.key === encoded)) return { known: "yes" };
    const type = keyType(key);
    const other = lines.find((one) => one.type === type) ?? lines[0];
    return other === undefined
      ? { known: "no" }
      : { known: "changed", file: other.file, line: other.line };
  }

  /** Adds a key, hashed when the caller or the file's other lines want it so. Errors are the file's. */
  add(host: string, port: number, key: Buffer, hash: boolean): void {
    const [file] = this.#files;
    if (file === undefined) return;
    const own = this.#lines.filter((one) => one.file === file);
    const hashed = hash || (own.length > 0 && own.every((one) => one.hosts.startsWith("|1|")));
    const name = hostName(host, port);
    const hosts = hashed ? hashName(name) : name;
    append(file, `${hosts} ${keyType(key)} ${key.toString("base64")}\n`);
    const line = {
      marker: "",
      hosts,
      type: keyType(key),
      key: base64(key),
      file,
      line: 0,
    } as const;
    this.#lines.push(line);
  }

  #of(host: string, port: number): HostLine[] {
    const name = hostName(host, port);
    return this.#lines.filter((one) => namesHost(one.hosts, name));
  }
}

function readLines(file: string): HostLine[] {
  let text: string;
  try {
    const content = readFileSync(file);
    if (content.length > MAX_FILE) return [];
    text = content.toString("latin1");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  return text.split("\n").flatMap((line, index) => {
    const [, marker = "", hosts = "", type = "", key = ""] = LINE.exec(line) ?? [];
    if (hosts === "" || hosts.startsWith("#")) return [];
    if (marker !== "" && marker !== "@revoked" && marker !== "@cert-authority") return [];
    return [{ marker, hosts, type, key, file, line: index + 1 }];
  });
}

/** |1|salt|hash: HMAC-SHA1 of the name, the salt being the key (OpenSSH's HashKnownHosts). */
function hashName(name: string, salt = randomBytes(20)): string {
  const hash = createHmac("sha1", salt).update(name).digest("base64");
  return `|1|${salt.toString("base64")}|${hash}`;
}

function namesHost(hosts: string, name: string): boolean {
  if (hosts.startsWith("|1|")) {
    const [, , salt = ""] = hosts.split("|");
    const expected = Buffer.from(hashName(name, Buffer.from(salt, "base64")));
    const given = Buffer.from(hosts);
    return expected.length === given.length && timingSafeEqual(expected, given);
  }
  return matches(hosts.toLowerCase().split(","), name);
}

/** Whether a text fits one of the patterns, and none of those with "!" (ssh_config(5), PATTERNS). */
export function matches(patterns: readonly string[], text: string): boolean {
  let found = false;
  for (const pattern of patterns) {
    const negated = pattern.startsWith("!");
    const plain = new TextPattern(negated ? pattern.slice(1) : pattern, { wildcardsOnly: true });
    if (!plain.matches(text)) continue;
    if (negated) return false;
    found = true;
  }
  return found;
}

/** One write to a file opened for appending: lines of two processes don't mix. */
function append(file: string, line: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const descriptor = openSync(file, "a+", 0o600);
  try {
    const stat = fstatSync(descriptor);
    const { size, mode } = stat;
    // Many name /dev/null: root must not take it from everybody else, and others may not.
    if (stat.isFile() && (mode & 0o022) !== 0) fchmodSync(descriptor, mode & 0o755);
    const last = Buffer.alloc(1);
    if (size > 0) readSync(descriptor, last, 0, 1, size - 1);
    const begin = size > 0 && last[0] !== 0x0a ? "\n" : "";
    writeSync(descriptor, begin + line);
  } finally {
    closeSync(descriptor);
  }
}
