/** What a server that stops tells its users. */
export const STOPPING = "The server is stopping: try again later";

/** What ends a session that nobody used. */
export const IDLE = "The session was idle for too long";

/**
 * DISCONNECT has one code for all ends that a server chooses, so their texts tell our own client after
 * which of them it may connect again.
 */
const MAY_RETURN: ReadonlySet<string> = new Set([STOPPING, IDLE]);

/** @param text as the server gave it */
export function mayReturn(text: string): boolean {
  return MAY_RETURN.has(text);
}
