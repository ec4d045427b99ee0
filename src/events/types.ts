import type { EventKind } from "./kinds.ts";

/** What every receiver has, as the settings say it. Durations in milliseconds, sizes in bytes. */
export interface Receiver {
  /** names it among the receivers */
  readonly name: string;
  /** kinds and groups of kinds */
  readonly kinds: readonly string[];
  /** patterns of users' names; empty: all, also what concerns no user */
  readonly users: readonly string[];
  /** patterns of shared folders' names; empty: all, also what is in none */
  readonly folders: readonly string[];
  /** where events are posted to; empty: nowhere */
  readonly url: string;
  /** file with the secret that signs, absolute or below the instance; empty: see `secretEnv` */
  readonly secretFile: string;
  /** variable with the secret */
  readonly secretEnv: string;
  /** addresses and networks that are refused otherwise: this machine's, and private ones */
  readonly allow: readonly string[];
  /** file with certificates that the receiver's may be signed by; empty: those of Node.js */
  readonly caFile: string;
  /** program, absolute, and its arguments; empty: none */
  readonly command: readonly string[];
  /** how long one delivery may take */
  readonly timeout: number;
  /** deliveries at once; with 1 the order is kept */
  readonly atOnce: number;
  /** events that may wait, and their bytes */
  readonly queue: number;
  readonly queueBytes: number;
  /** how long an event may wait */
  readonly keep: number;
}

/** The version of {@link MoorageEvent}: raised when a receiver of the version before would break. */
export const EVENT_VERSION = 1;

/** What happened, as receivers get it. docs/events.md has the meaning of each field. */
export interface MoorageEvent {
  readonly version: typeof EVENT_VERSION;
  /** the same whenever and to whomever it is sent: doubles are told by it */
  readonly id: string;
  /** ISO 8601, UTC */
  readonly time: string;
  readonly kind: EventKind;
  readonly user?: string;
  /** who did it, when another */
  readonly actor?: string;
  /** of the client */
  readonly address?: string;
  readonly session?: number;
  /** in the user's tree, or in `folder` when that is there; never a path of the machine */
  readonly path?: string;
  /** a shared folder, without "@" */
  readonly folder?: string;
  /** of a rename: the new path, as `path`, and the folder it is in */
  readonly to?: string;
  readonly toFolder?: string;
  readonly group?: string;
  readonly bytes?: number;
  readonly durationMs?: number;
  /** of a quota that is nearly used up: the mark that was crossed */
  readonly percent?: number;
  /** for people: its wording may change */
  readonly detail?: string;
}

/** How one attempt to deliver ended. */
export type Outcome =
  | { readonly ok: true; readonly text: string }
  | {
      readonly ok: false;
      /** one line for people, without secrets */
      readonly text: string;
      /** true: it is this event that is not taken, and others may be */
      readonly refused: boolean;
    };

export function failed(text: string, refused = false): Outcome {
  return { ok: false, text, refused };
}
