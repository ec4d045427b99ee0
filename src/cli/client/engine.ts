import type {
  JournalEntry,
  LoginOptions,
  Prompts,
  Remote,
  Target,
  TransferEvent,
  TransferJob,
  TransferSummary,
} from "../../client/types.ts";

export interface RunOptions {
  readonly signal: AbortSignal;
  readonly onEvent: (event: TransferEvent) => void;
}

/** A server that was logged in to. */
export interface Connection {
  readonly remote: Remote;
  /** user@host:port, as the journal names it */
  readonly server: string;
  run(job: TransferJob, options: RunOptions): Promise<TransferSummary>;
}

/** The unfinished transfers of this user. */
export interface UnfinishedList {
  list(server: string): Promise<readonly JournalEntry[]>;
  forget(id: string): Promise<unknown>;
}

/** What the front end needs of client/: tests give one of their own. */
export interface Engine {
  open(options: LoginOptions, prompts: Prompts): Promise<Connection>;
  journal(): UnfinishedList;
  /** where history and journal are kept */
  stateDirectory(): string;
  /** @throws Error with one line */
  parseTarget(text: string): Target;
  isRemote(text: string): boolean;
}
