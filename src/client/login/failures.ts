import { STOPPING, willPass } from "../../text/endings.ts";
import { visible } from "../../text/safe.ts";
import { LoginError } from "../errors.ts";

/**
 * The error when the server ended the connection during the login, and said why.
 * @param name "user@host"
 */
export function refusedBy(name: string, said: string): LoginError {
  const text = `${name}: the server says: ${visible(said).slice(0, 200)}`;
  return new LoginError(said === STOPPING ? "unreachable" : "refused", text, willPass(said));
}

/**
 * The error when the connection ended before the login was done.
 * @param said what the server gave as its reason
 */
export function closedEarly(
  { name, alias, asLogin }: { readonly name: string; readonly alias: string; asLogin: boolean },
  said: string | undefined,
): LoginError {
  if (asLogin) {
    if (said !== undefined) return refusedBy(name, said);
    return new LoginError("refused", `${name}: the server ended the connection`);
  }
  const text = said === undefined ? "the server closed the connection" : `the server says: ${said}`;
  return new LoginError("unreachable", `${alias}: ${text}`);
}
