import { isUnambiguous } from "../../text/utf8.ts";
import type { Target } from "../types.ts";

const REMOTE = /^(?:(?<user>[^@/:[\]]+)@)?(?:\[(?<bracketed>[^\]/]+)\]|(?<plain>[^@/:[\]]+)):/;

function checkedHost(host: string): string {
  // What starts with "-" would be an option for others, and control characters steer terminals.
  if (host === "" || host.startsWith("-") || /[\s\p{Cc}]/u.test(host)) {
    throw new Error(`not a host name: ${JSON.stringify(host)}`);
  }
  return host;
}

function checkedUser(user: string): string {
  // Another name than the one that was typed would be sent.
  if (!isUnambiguous(user)) throw new Error(`the user name is not UTF-8: ${JSON.stringify(user)}`);
  return user;
}

function target(host: string, user?: string, port?: number, path?: string): Target {
  return {
    host: checkedHost(host),
    ...(user === undefined || user === "" ? {} : { user: checkedUser(user) }),
    ...(port === undefined ? {} : { port }),
    ...(path === undefined || path === "" ? {} : { path }),
  };
}

function parseUrl(text: string): Target {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new Error(`not an address: ${JSON.stringify(text)}`);
  }
  if (url.password !== "") throw new Error("a password does not belong in an address");
  // As in scp://: the first slash ends the host, and the path starts at the login directory.
  const path = decodeURIComponent(url.pathname.replace(/^\//, ""));
  const port = url.port === "" ? undefined : Number(url.port);
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  return target(host, decodeURIComponent(url.username), port, path);
}

/** Whether a word of a command line names something on a server, as scp decides it. */
export function isRemote(text: string): boolean {
  return text.startsWith("sftp://") || REMOTE.test(text);
}

/**
 * Reads [user@]host[:path], [user@][v6address][:path] or sftp://[user@]host[:port][/path]; the path
 * of an address starts at the login directory, an absolute one has two slashes.
 * @throws Error with one line
 */
export function parseTarget(text: string): Target {
  if (text.startsWith("sftp://")) return parseUrl(text);
  const match = REMOTE.exec(text);
  if (match?.groups !== undefined) {
    const { user, bracketed, plain } = match.groups;
    return target(bracketed ?? plain ?? "", user, undefined, text.slice(match[0].length));
  }
  const at = text.lastIndexOf("@");
  const host = text.slice(at + 1).replace(/^\[(.*)\]$/, "$1");
  if (host.includes("/")) throw new Error(`not a host name: ${JSON.stringify(host)}`);
  return target(host, at < 0 ? undefined : text.slice(0, at));
}
