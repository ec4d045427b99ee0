import type { Control } from "../control/protocol.ts";
import type { Fingerprint } from "../transport/host-keys.ts";
import type { Address } from "../transport/listener.ts";

/** A server that runs, in this process or in workers of it. */
export interface Serving {
  readonly address: Address;
  readonly fingerprints: readonly Fingerprint[];
  /** false: transfers take more of the processor */
  readonly nativeCiphers: boolean;
  /** resolves when the server has stopped, whoever asked for it */
  readonly stopped: Promise<void>;
  /** resolves when others took over what this process has: it has to end, whatever it is doing */
  readonly lost?: Promise<void>;
  /** Control of this server for one who acts; `actor` is for the audit trail. */
  control(actor: string): Control;
  /**
   * Accepts nobody any more, lets transfers end for `graceMs` milliseconds, ends all sessions and
   * closes their files. Again: the same promise; the shorter time holds.
   * @returns false when something does not end: then only the end of the process ends it
   */
  stop(graceMs?: number): Promise<boolean>;
}
