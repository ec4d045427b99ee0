/** What a server that stops tells its users. */
export const STOPPING = "The server is stopping: try again later";

/** What ends a session that nobody used. */
export const IDLE = "The session was idle for too long";

/** Begins what a user is told whose session an administrator ended. The administrator's own words may follow. */
export const KICKED = "The session was ended by an administrator";

/** Begins what a user is told who has as many sessions as are allowed. */
export const ALREADY = "You already have";

/** Ends what is told of a state that will not last. */
const LATER = ": try again later";

/**
 * DISCONNECT has one code for all ends that a server chooses, so their texts tell our own client after
 * which of them it may connect again.
 * @param text as the server gave it
 */
export function mayReturn(text: string): boolean {
  // What an administrator writes does not decide it.
  if (text.startsWith(KICKED)) return false;
  return text === IDLE || text.endsWith(LATER);
}

/**
 * Is a login refused only for now? A session that lost its line counts until the server notices that it did.
 * @param text as the server gave it
 */
export function willPass(text: string): boolean {
  return mayReturn(text) || text.startsWith(`${ALREADY} `);
}
