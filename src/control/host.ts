import type { Logger } from "pino";
import type { EffectiveSetting } from "../config/load.ts";
import type { Config } from "../config/types.ts";
import type { Store } from "../store/store.ts";
import type { Account } from "../store/types.ts";
import type { UserFileSystem } from "../vfs/types.ts";
import type {
  FailedLogins,
  HostKeyInfo,
  LoopDelay,
  Penalty,
  ReloadResult,
  SettingInfo,
  TopicEvent,
  TransferView,
} from "./protocol.ts";

/** A session of the server process, as the process itself knows it. */
export interface LiveSession {
  readonly id: number;
  /** milliseconds without a request or a byte moved */
  readonly idle: number;
  readonly transfers: readonly TransferView[];
}

/** Counted since the start, in all processes of this server. */
export interface ServerCounts {
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly logins: number;
  readonly failedLogins: number;
  /** correct logins that were not let in */
  readonly refusals: number;
}

/** What counts against addresses. */
export interface PenaltyBook {
  list(): Promise<readonly Penalty[]>;
  failures(): Promise<readonly FailedLogins[]>;
  /** False when nothing counts against that address or network. */
  lift(address: string): Promise<boolean>;
}

/** The settings of a server process. */
export interface ListedSettings {
  list(): readonly SettingInfo[];
  /**
   * The settings as their sources have them now, whatever is in force.
   * @param file what moorage.toml would have in it
   * @throws ConfigError when they are wrong
   */
  readNow(file?: string): readonly EffectiveSetting[];
}

export type Stopping = TopicEvent<"stopping">;

/** The server process as control needs it. */
export interface ControlHost {
  /** the instance's directory */
  readonly root: string;
  readonly store: Store;
  readonly log: Logger;
  /** the settings in force; they change by a reload */
  readonly config: Config;
  /** "host:port" */
  readonly listen: string;
  /** of the process that was started: the supervisor's where there are workers */
  readonly pid: number;
  readonly startedAt: number;
  readonly hostKeys: readonly HostKeyInfo[];
  readonly penalties: PenaltyBook;
  /** true: new data is refused */
  isDiskFull(): boolean;
  counts(): ServerCounts;
  /** bytes of all processes of this server */
  memory(): number;
  /** of the process that serves of this server and has the longest */
  loopDelay(): LoopDelay;
  /** how many workers serve and answer; absent: this process serves itself */
  serving?(): number;
  sessions(): Promise<readonly LiveSession[]>;
  /** False when the session is not in this process. */
  kick(id: number, text: string): boolean;
  /** False when the session or transfer is not in this process. */
  endTransfer(session: number, transfer: number): boolean;
  /** a password to an argon2 PHC string */
  hash(password: string): Promise<string>;
  /** Opens a home or folder alone, with no rules. */
  openBare(home: { readonly id: number; readonly name: string }): Promise<UserFileSystem>;
  rescan(
    account: Account,
    onProgress: (files: number, bytes: number) => void,
  ): Promise<{ readonly bytes: number; readonly files: number }>;
  /** Applies now what is new in `changes`. */
  applyChanges(): Promise<void>;
  readonly settings: ListedSettings;
  /** @throws ControlError when the settings are wrong: then nothing changes */
  reload(): ReloadResult;
  /**
   * New workers for the old ones, which get `drainMs` milliseconds. Rejects with ControlError when
   * there are none, or new ones can't start: then nothing changes.
   */
  renew(drainMs: number): Promise<void>;
  stop(graceMs: number): void;
  stopping(): Stopping;
}
