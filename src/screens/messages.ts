import type { ClientLine, ServerLine } from "../control/protocol.ts";

/** What the server and the thread that draws an admin's screen say to each other. */

/** What may be asked of control; who asks is known to the server. */
export type ScreenLine = Extract<ClientLine, { readonly id: number }>;

/** What the thread is started with. */
export interface ScreenStart {
  readonly columns: number;
  readonly rows: number;
  /** the client's TERM, harmless */
  readonly term: string;
  readonly colour: boolean;
  /** the admin, for the screen: "name@address" */
  readonly who: string;
}

export type ToScreen =
  /** keys; the next ones follow when these were `taken` */
  | { readonly type: "input"; readonly data: Uint8Array }
  | { readonly type: "resize"; readonly columns: number; readonly rows: number }
  /** so many bytes of output are on their way to the client */
  | { readonly type: "sent"; readonly bytes: number }
  | { readonly type: "control"; readonly line: ServerLine }
  /** the file shell is over, or was not begun: then with why */
  | { readonly type: "shell-ended"; readonly error?: string };

export type FromScreen =
  | { readonly type: "output"; readonly data: Uint8Array }
  | { readonly type: "taken" }
  | { readonly type: "control"; readonly line: ScreenLine }
  /** the event of this subscription was taken in: the next may come */
  | { readonly type: "seen"; readonly id: number }
  /** a user's file shell instead of the screen, which has left the terminal */
  | { readonly type: "shell"; readonly user: string }
  /** the admin has left */
  | { readonly type: "closed" };

/** Output that may be under way to the client at once, in bytes. */
export const SCREEN_CREDIT = 128 * 1024;
