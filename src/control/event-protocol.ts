/** A receiver of events, and how it goes; sizes in bytes, times in milliseconds since the epoch. */
export interface ReceiverInfo {
  readonly name: string;
  /** false: the settings do not have it any more, but something waits for it */
  readonly configured: boolean;
  /** kinds and groups of kinds; empty when it is not configured */
  readonly kinds: readonly string[];
  /** the URL without its path, or the program; empty when it is not configured */
  readonly target: string;
  readonly queued: number;
  readonly queuedBytes: number;
  readonly delivered: number;
  /** what never arrives: too many waited, it waited too long, or somebody dropped it */
  readonly dropped: number;
  /** since the last success */
  readonly failures: number;
  /** nothing is sent before; null: what waits is due */
  readonly nextAt: number | null;
  readonly lastSuccessAt: number | null;
  readonly lastErrorAt: number | null;
  /** empty: there was none */
  readonly lastError: string;
}

/** How a test went. */
export interface TestResult {
  readonly ok: boolean;
  /** what the receiver answered, or why it could not */
  readonly text: string;
  readonly durationMs: number;
}

interface OfReceiver {
  readonly name: string;
}

/** Method → what it takes and gives. */
export interface EventMethods {
  /** by name */
  "events.list": { params: Record<string, never>; result: readonly ReceiverInfo[] };
  /** Sends an event of the kind `test`, at once and once, past what waits. */
  "events.test": { params: OfReceiver; result: TestResult };
  /** What waits may be sent at once: for one receiver, or for all. */
  "events.retry": { params: { readonly name?: string }; result: null };
  /** Forgets what waits for a receiver. */
  "events.drop": { params: OfReceiver; result: { readonly dropped: number } };
}
