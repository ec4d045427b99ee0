import type { Logger } from "pino";
import type { KeyGrant, Regrant } from "../auth/key-grant.ts";
import type { Digests } from "../digests/types.ts";
import type { ProcessMemory } from "../memory/process-memory.ts";
import type { Rates } from "../rates/rates.ts";
import type { Store } from "../store/store.ts";
import type { UserFileSystem } from "../vfs/types.ts";
import type { Admission } from "./admission.ts";
import type { Traffic } from "./audited.ts";
import type { Login } from "./session.ts";

/** Why an address gets no session, and those it has end. */
export interface Unwelcome {
  /** for the audit trail */
  readonly why: string;
  /** what the user of a session reads that ends for it */
  readonly text: string;
  /** what everybody reads who is not let in */
  readonly refusal: string;
}

/** Counted since the start. */
export interface Counts extends Traffic {
  logins: number;
  /** correct logins that were not let in */
  refusals: number;
}

export interface RegistryOptions {
  readonly store: Pick<Store, "nodeId" | "audit" | "users">;
  readonly admission: Admission;
  readonly log: Logger;
  readonly openHome: (account: Login["account"]) => Promise<UserFileSystem>;
  readonly digestsOf: (account: Login["account"]) => Digests;
  readonly loggedIn: (account: Login["account"]) => Promise<void>;
  /** undefined: the address may have sessions */
  readonly refuses: (address: string | undefined) => Promise<Unwelcome | undefined>;
  /** what the key of a login allows by now, at that address; absent: what it did */
  readonly regrant?: (
    userId: number,
    grant: KeyGrant,
    address: string | undefined,
  ) => Promise<Regrant>;
  /** asked again and again, so that they can change */
  readonly limits: {
    /** milliseconds; 0: never */
    readonly idleTimeout: number;
  };
  /** shared by all sessions of the process; closed with them */
  readonly memory: ProcessMemory;
  readonly counts: Counts;
  readonly rates: Rates;
  /** called when a session has begun or ended */
  readonly onChange?: () => void;
  /** milliseconds since the epoch */
  readonly now?: () => number;
}
