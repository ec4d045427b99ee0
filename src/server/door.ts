import { Access } from "../auth/access.ts";
import { Bans } from "../auth/bans.ts";
import { Penalties } from "../auth/penalties.ts";
import type { AuditEvent } from "../store/types.ts";
import { RefusedAddresses } from "../transport/refused-addresses.ts";
import type { PartsOptions } from "./parts.ts";

/** Who may come in, by address. */
export interface Door {
  readonly penalties: Penalties;
  readonly access: Access;
  /** the audit trail of those who may not */
  readonly refused: RefusedAddresses;
}

export function makeDoor({
  config,
  store,
  log,
}: Pick<PartsOptions, "config" | "store" | "log">): Door {
  const record = (event: AuditEvent): void => store.audit.record(event);
  return {
    penalties: new Penalties({ store: store.penalties, settings: config.penalties, record, log }),
    access: new Access(config.access, new Bans(store.bans)),
    refused: new RefusedAddresses(record, log),
  };
}
