import type { AuditStore } from "../store/audit.ts";
import type { FileEvent } from "./audited-file.ts";
import type { HeldUpload } from "./renamed-uploads.ts";
import type { Session } from "./session.ts";

/** An upload of the session whose record waits: should the process die, one comes of it all the same. */
export function heldUpload(
  audit: Pick<AuditStore, "hold">,
  session: Pick<Session, "event">,
  event: FileEvent,
): HeldUpload {
  const held = audit.hold(session.event(event));
  return { settle: (final) => held.settle(session.event(final)) };
}
