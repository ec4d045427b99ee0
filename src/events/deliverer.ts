import { randomUUID } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import type { Logger } from "pino";
import { errorName } from "../errors.ts";
import type { AuditStore } from "../store/audit.ts";
import type { EventStore, NewEvent } from "../store/events.ts";
import type { AuditRecord } from "../store/types.ts";
import { eventOf } from "./derive.ts";
import { Line } from "./line.ts";
import { makeSender, type SenderOptions } from "./sender.ts";
import type { MoorageEvent, Outcome, Receiver } from "./types.ts";
import { wants } from "./wants.ts";

/** How often the audit trail and what waits are looked at, in milliseconds. */
const LOOK_MS = 200;
/** The same when that failed. */
const FAILED_MS = 5_000;
/** Audit records that one transaction makes events of. */
const RECORDS_AT_ONCE = 200;
/** How often it is looked what has waited too long, in milliseconds. */
const EXPIRE_MS = 60_000;
/** How long the end of the server waits for what is under way, in milliseconds. */
const LAST_MS = 2_000;
/** Another process delivers: how often it is looked whether it still lives, in milliseconds. */
const CLAIM_MS = 2_000;

export interface DelivererOptions extends Omit<SenderOptions, "said"> {
  readonly store: { readonly events: EventStore; readonly audit: Pick<AuditStore, "query"> };
  readonly log: Pick<Logger, "info" | "warn" | "error">;
  /** those of the settings in force: another array after each reload */
  receivers(): readonly Receiver[];
}

interface Wanted {
  readonly receiver: Receiver;
  readonly isFor: (event: MoorageEvent) => boolean;
}

/**
 * Makes events of the audit trail and delivers them, in one process of the instance. It follows the
 * trail by the numbers of its records; how far it came is in the same transaction as what it queued.
 * So each record is an event once, whichever process wrote it and whichever is killed.
 */
export class Deliverer {
  readonly #options: DelivererOptions;
  #lines = new Map<string, Line>();
  #wanted: readonly Wanted[] = [];
  #receivers: readonly Receiver[] = [];
  /** the audit record up to which events were made; undefined: this process does not deliver */
  #cursor: number | undefined;
  /** what happened since is new to the first receivers of an instance */
  #since = Date.now();
  /** how many had no room since that was logged, by receiver */
  readonly #untold = new Map<string, number>();
  #askAt = 0;
  #expireAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #isStarted = false;
  #isClosed = false;

  constructor(options: DelivererOptions) {
    this.#options = options;
  }

  /** Looks again and again, from now on. */
  start(): void {
    this.#isStarted = true;
    this.#lookAfter(LOOK_MS);
  }

  #lookAfter(milliseconds: number): void {
    this.#timer = setTimeout(async () => {
      let pause = LOOK_MS;
      await this.look().catch((error: unknown) => {
        pause = FAILED_MS;
        this.#options.log.error({ error: errorName(error) }, "events not delivered");
      });
      if (this.#timer !== undefined) this.#lookAfter(pause);
    }, milliseconds);
  }

  /** Makes events of what is new, and sees to it that what is due is under way. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #look(): Promise<void> {
    const receivers = this.#options.receivers();
    if (this.#isClosed || (receivers.length === 0 && this.#cursor === undefined)) {
      this.#since = Date.now();
      return;
    }
    if (!(await this.#isOurs())) return;
    if (receivers !== this.#receivers) await this.#take(receivers);
    if (receivers.length === 0) return this.#rest();
    await this.#follow();
    await this.#expire();
    await this.#fill();
  }

  async #isOurs(): Promise<boolean> {
    if (this.#cursor !== undefined) return true;
    const now = Date.now();
    if (now < this.#askAt) return false;
    this.#askAt = now + CLAIM_MS;
    return this.#options.store.events.claim();
  }

  /** The settings have other receivers. What is under way to those that changed is broken off. */
  async #take(receivers: readonly Receiver[]): Promise<void> {
    const names = receivers.map(({ name }) => name);
    this.#cursor = await this.#options.store.events.setReceivers(names, this.#since);
    const before = this.#lines;
    this.#lines = new Map(receivers.map((one) => [one.name, this.#lineOf(one, before)]));
    for (const line of before.values()) {
      if (this.#lines.get(line.receiver.name) !== line) await line.close(0);
    }
    this.#wanted = receivers.map((receiver) => ({ receiver, isFor: wants(receiver) }));
    this.#receivers = receivers;
  }

  #lineOf(receiver: Receiver, before: ReadonlyMap<string, Line>): Line {
    const known = before.get(receiver.name);
    if (known !== undefined && isSame(known.receiver, receiver)) return known;
    const { store, log } = this.#options;
    const said = (name: string, text: string): void => {
      log.info({ receiver: name, output: text }, "command of a receiver said something");
    };
    const tried = (...attempt: Parameters<Deliverer["tried"]>): void => this.tried(...attempt);
    const unnoted = (error: unknown): void => {
      log.error({ error: errorName(error) }, "event not noted as delivered or not");
    };
    const sender = makeSender(receiver, { ...this.#options, said });
    return new Line({ receiver, sender, store: store.events, tried, unnoted });
  }

  /** Says once that a receiver fails, and once that it works again. */
  tried({ name }: Receiver, outcome: Outcome, failures: number): void {
    const { log } = this.#options;
    if (outcome.ok && failures > 0) log.info({ receiver: name, failures }, "events arrive again");
    if (!outcome.ok && failures === 0) {
      log.warn({ receiver: name, reason: outcome.text }, "event not delivered, is tried again");
    }
  }

  /** Nobody is to be told any more: another process may be the one when somebody is again. */
  async #rest(): Promise<void> {
    this.#cursor = undefined;
    this.#since = Date.now();
    await this.#options.store.events.release();
  }

  async #follow(): Promise<void> {
    const { events, audit } = this.#options.store;
    for (;;) {
      const from = this.#cursor;
      if (from === undefined || (await events.newest()) <= from) return;
      const records = await audit.query({ afterId: from, limit: RECORDS_AT_ONCE });
      const to = records.at(-1)?.id;
      if (to === undefined) return;
      const dropped = await events.take(
        from,
        to,
        records.flatMap((record) => this.#made(record)),
      );
      // Another process took over, as when this one was stopped for long.
      this.#cursor = dropped === undefined ? undefined : to;
      if (dropped === undefined) this.#receivers = [];
      for (const [receiver, number] of dropped ?? []) {
        this.#untold.set(receiver, (this.#untold.get(receiver) ?? 0) + number);
      }
      await turn();
    }
  }

  #made(record: AuditRecord): NewEvent[] {
    const event = eventOf(record, randomUUID());
    const text = JSON.stringify(event);
    return this.#wanted
      .filter(({ isFor }) => isFor(event))
      .map(({ receiver: { name, queue, queueBytes } }) => {
        const most = { events: queue, bytes: queueBytes };
        return { receiver: name, at: record.at, event: text, most };
      });
  }

  #tellDropped(): void {
    for (const [receiver, dropped] of this.#untold) {
      this.#options.log.error({ receiver, dropped }, "events dropped: too many wait");
    }
    this.#untold.clear();
  }

  /** Also for receivers that are in the settings no more. */
  async #expire(): Promise<void> {
    const now = Date.now();
    if (now < this.#expireAt) return;
    this.#expireAt = now + EXPIRE_MS;
    const { events } = this.#options.store;
    for (const { name, queued } of await events.list()) {
      if (queued === 0) continue;
      const keep = this.#lines.get(name)?.receiver.keep ?? DEFAULT_KEEP_MS;
      const dropped = await events.drop(name, now - keep);
      if (dropped > 0)
        this.#options.log.error({ receiver: name, dropped }, "events dropped: too old");
    }
    this.#tellDropped();
  }

  async #fill(): Promise<void> {
    for (const state of await this.#options.store.events.list()) {
      this.#lines.get(state.name)?.fill(state);
    }
  }

  /**
   * Makes events of the last records, waits a little for what arrives, and breaks off the rest: it
   * is delivered after the next start. The store must still be open. Not started: does nothing.
   */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    // The look that is under way may have begun before the last records.
    await this.#looking?.catch(() => {});
    if (this.#isStarted) await this.look().catch(() => {});
    this.#isClosed = true;
    await Promise.all([...this.#lines.values()].map((line) => line.close(LAST_MS)));
    if (this.#cursor !== undefined) await this.#options.store.events.release().catch(() => {});
    this.#cursor = undefined;
  }
}

/** For receivers that are in the settings no more, in milliseconds. */
const DEFAULT_KEEP_MS = 3 * 86_400_000;

function isSame(one: Receiver, other: Receiver): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
