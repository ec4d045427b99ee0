import type { TransferEvent } from "../../../client/types.ts";
import { roundSize } from "../../../text/units.ts";
import { Rate } from "./rate.ts";

/** A file under way. */
export interface ActiveFile {
  /** the last component of its source */
  readonly name: string;
  readonly size: number;
  readonly bytes: number;
  readonly verifying: boolean;
  /** steady clock, ms */
  readonly rate: Rate;
}

/** Skipped files that are named for each reason. */
const NAMED_SKIPS = 3;

/** What stays on the screen: said once, in order. */
export type Note =
  | {
      readonly kind: "done";
      readonly name: string;
      readonly bytes: number;
      readonly durationMs: number;
      /** bytes that came over the line for it */
      readonly moved: number;
    }
  | { readonly kind: "failed" | "said"; readonly text: string };

export interface Totals {
  readonly files: number;
  readonly bytes: number;
  readonly final: boolean;
}

/** A connection being made anew. */
export interface Waiting {
  readonly attempt: number;
  readonly reason: string;
  /** when the next attempt is made; steady clock, ms */
  readonly until: number;
}

interface Entry extends ActiveFile {
  readonly offset: number;
}

/** What the events of one job come to. Memory: the files under way and the notes not yet taken. */
export class ProgressState {
  readonly active = new Map<number, Entry>();
  totals: Totals | undefined;
  waiting: Waiting | undefined;
  /** files that ended, in whatever way */
  ended = 0;
  /** bytes of files that ended */
  #settled = 0;
  /** bytes over the line */
  moved = 0;
  readonly rate: Rate;
  /** files that were left as they are, by why */
  readonly skips = new Map<string, number>();
  #notes: Note[] = [];

  constructor(now: number) {
    this.rate = new Rate(now);
  }

  /** Bytes of the whole that are there, of all files. */
  get bytes(): number {
    let sum = this.#settled;
    for (const { bytes } of this.active.values()) sum += bytes;
    return sum;
  }

  takeNotes(): Note[] {
    const notes = this.#notes;
    this.#notes = [];
    return notes;
  }

  /** @param now steady clock, ms */
  apply(event: TransferEvent, now: number): void {
    switch (event.type) {
      case "totals":
        this.totals = event;
        break;
      case "start":
        this.#start(event, now);
        break;
      case "progress":
        this.#progress(event.file, event.bytes, event.size, now);
        break;
      case "verifying":
        this.#update(event.file, { verifying: true });
        break;
      case "done":
        this.#done(event, now);
        break;
      case "skipped":
        this.#end(event.file, event.size);
        this.#skip(event);
        break;
      case "planned":
        this.#say(plannedText(event));
        break;
      case "made":
        this.#say(`made ${event.target}${likeText(event)}`);
        break;
      case "deleted":
        this.#say(`${event.target}: deleted`);
        break;
      case "failed":
        this.#end(event.file, event.size);
        this.#notes.push({ kind: "failed", text: event.message });
        break;
      case "reconnecting": {
        const { attempt, reason, waitMs } = event;
        if (this.waiting === undefined) this.#say(`connection lost: ${reason}`);
        this.waiting = { attempt, reason, until: now + waitMs };
        break;
      }
      case "reconnected":
        if (this.waiting !== undefined) this.#say("connected again");
        this.waiting = undefined;
    }
  }

  /** What is there already needs no line of its own, and of others a few tell what it is about. */
  #skip({ source, reason }: Extract<TransferEvent, { type: "skipped" }>): void {
    const before = this.skips.get(reason) ?? 0;
    this.skips.set(reason, before + 1);
    if (/^is (t?here) already$/.test(reason) || before >= NAMED_SKIPS) return;
    this.#say(`${baseName(source)}: skipped: ${reason}`);
  }

  #start(event: Extract<TransferEvent, { type: "start" }>, now: number): void {
    const { file, size, offset } = event;
    const name = baseName(event.source);
    if (event.restarted !== undefined) this.#say(`${name}: starts over: ${event.restarted}`);
    if (offset > 0) this.#say(`${name}: goes on at ${roundSize(offset)} of ${roundSize(size)}`);
    const rate = new Rate(now, offset);
    // After a lost connection it starts once more: what came before that was transferred, too.
    const first = Math.min(offset, this.active.get(file)?.offset ?? offset);
    this.active.set(file, { name, size, offset: first, bytes: offset, verifying: false, rate });
  }

  #progress(file: number, bytes: number, size: number, now: number): void {
    const entry = this.active.get(file);
    if (entry === undefined) return;
    this.moved += Math.max(0, bytes - entry.bytes);
    this.rate.add(now, this.moved);
    entry.rate.add(now, bytes);
    this.active.set(file, { ...entry, bytes, size });
  }

  #done(event: Extract<TransferEvent, { type: "done" }>, now: number): void {
    const { file, bytes, durationMs, unverified } = event;
    const entry = this.active.get(file);
    if (entry === undefined) return;
    this.#progress(file, bytes, entry.size, now);
    this.active.delete(file);
    this.ended += 1;
    this.#settled += bytes;
    const moved = Math.max(0, bytes - entry.offset);
    this.#notes.push({ kind: "done", name: entry.name, bytes, durationMs, moved });
    if (unverified !== undefined) this.#say(`${entry.name}: not verified: ${unverified}`);
  }

  /** Of what failed nothing more comes: the rest of the job is what is waited for. */
  #end(file: number, size: number | undefined): void {
    this.ended += 1;
    this.#settled += size ?? this.active.get(file)?.size ?? 0;
    this.active.delete(file);
  }

  #update(file: number, change: Partial<Entry>): void {
    const entry = this.active.get(file);
    if (entry !== undefined) this.active.set(file, { ...entry, ...change });
  }

  #say(text: string): void {
    this.#notes.push({ kind: "said", text });
  }
}

function plannedText(event: Extract<TransferEvent, { type: "planned" }>): string {
  const { action, source, target, size } = event;
  if (action === "delete") return `would delete ${target}`;
  if (action === "make") return `would make ${target}${likeText(event)}`;
  const amount = size === undefined ? "" : ` (${roundSize(size)})`;
  if (action === "send") return `would copy ${source} to ${target}${amount}`;
  return `would compare ${source} with ${target}, which has the same size${amount}`;
}

function likeText({ like }: { readonly like?: string }): string {
  return like === undefined ? "" : `; there is a folder ${like}`;
}

export function baseName(path: string): string {
  return /[^/]+(?=\/*$)/.exec(path)?.[0] ?? path;
}
