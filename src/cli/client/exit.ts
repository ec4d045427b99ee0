import type { LoginFailure } from "../../client/types.ts";

/** How the client ends; 0 to 3 mean what they mean everywhere. Scripts rely on these. */
export const CLIENT_EXIT = { ok: 0, failed: 1, usage: 2, cancelled: 130 } as const;

/** How it ends without a connection. */
export const LOGIN_EXIT: Readonly<Record<LoginFailure, number>> = {
  refused: 4,
  unreachable: 5,
  "unknown-host-key": 6,
  "changed-host-key": 7,
  protocol: 8,
};

/** The exit code when the server ended the session on purpose. */
export const ENDED_EXIT = 9;

/** The end of a client command. The message is one safe line; without one all was said already. */
export class ClientExit extends Error {
  override readonly name = "ClientExit";
  readonly code: number;

  constructor(code: number, message = "") {
    super(message);
    this.code = code;
  }
}

/** Why no connection was made, if `thrown` says so. */
export function loginFailure(thrown: unknown): LoginFailure | undefined {
  const failure = (thrown as { failure?: unknown } | null)?.failure;
  return typeof failure === "string" && Object.hasOwn(LOGIN_EXIT, failure)
    ? (failure as LoginFailure)
    : undefined;
}

/** What went wrong, in one line; not yet safe for a terminal. */
export function messageOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return text.replace(/\s*\n\s*/g, " ").trim();
}
