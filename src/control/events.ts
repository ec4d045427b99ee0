import { randomUUID } from "node:crypto";
import { shownTarget } from "../config/receivers.ts";
import { testEvent } from "../events/derive.ts";
import { makeSender } from "../events/sender.ts";
import type { Receiver } from "../events/types.ts";
import type { ReceiverState } from "../store/events.ts";
import type { Store } from "../store/store.ts";
import { count } from "../text/figures.ts";
import { oneLine } from "../text/safe.ts";
import { ControlError } from "./errors.ts";
import type { ReceiverInfo, TestResult } from "./event-protocol.ts";

export interface EventControlOptions {
  readonly store: Pick<Store, "events" | "audit">;
  /** those of the settings */
  readonly receivers: readonly Receiver[];
  /** the instance's directory */
  readonly root: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** for the audit trail */
  readonly actor: string;
  /** gets what the command of a receiver that is tested printed */
  readonly said?: (text: string) => void;
}

const NEW: Omit<ReceiverState, "name" | "active"> = {
  queued: 0,
  queuedBytes: 0,
  delivered: 0,
  dropped: 0,
  failures: 0,
  nextAt: 0,
  lastSuccessAt: null,
  lastErrorAt: null,
  lastError: "",
};

/** The administrators' use-cases that concern receivers of events. */
export class EventControl {
  readonly #options: EventControlOptions;

  constructor(options: EventControlOptions) {
    this.#options = options;
  }

  /** Those of the settings, and others that something waits for, by name. */
  async list(now = Date.now()): Promise<ReceiverInfo[]> {
    const { store, receivers } = this.#options;
    const states = new Map((await store.events.list()).map((state) => [state.name, state]));
    const left = [...states.values()].filter(({ queued }) => queued > 0).map(({ name }) => name);
    const names = new Set([...receivers.map(({ name }) => name), ...left]);
    return [...names].sort().map((name) => {
      const receiver = receivers.find((one) => one.name === name);
      return infoOf(name, states.get(name) ?? NEW, receiver, now);
    });
  }

  /** One attempt, past what waits. @throws ControlError */
  async test(name: string): Promise<TestResult> {
    const { root, env, actor, said = () => {} } = this.#options;
    const receiver = this.#configured(name);
    const sender = makeSender(receiver, { root, env, said: (_, text) => said(text) });
    const begun = performance.now();
    try {
      const id = randomUUID();
      const body = JSON.stringify({ ...testEvent(id, actor), sequence: 0 });
      const { ok, text } = await sender.send(id, body, new AbortController().signal);
      return { ok, text, durationMs: Math.round(performance.now() - begun) };
    } finally {
      sender.close();
    }
  }

  /** @throws ControlError */
  async retry(name?: string): Promise<void> {
    const { store, actor } = this.#options;
    const all = (await this.list()).map((info) => info.name);
    const names = name === undefined ? all : [await this.#known(name)];
    for (const one of names) await store.events.retry(one);
    const detail = names.join(", ");
    if (names.length > 0) store.audit.record({ kind: "events-retry", actor, detail });
  }

  /** @returns how many were dropped @throws ControlError */
  async drop(name: string): Promise<number> {
    const { store, actor } = this.#options;
    const known = await this.#known(name);
    const dropped = await store.events.drop(known);
    const detail = `${count(dropped, "event")} for ${known}`;
    if (dropped > 0) store.audit.record({ kind: "events-drop", actor, detail });
    return dropped;
  }

  #configured(name: string): Receiver {
    const found = this.#options.receivers.find((one) => one.name === name);
    if (found === undefined) throw unknown(name);
    return found;
  }

  async #known(name: string): Promise<string> {
    if (!(await this.list()).some((info) => info.name === name)) throw unknown(name);
    return name;
  }
}

function infoOf(
  name: string,
  { nextAt, ...state }: typeof NEW,
  receiver: Receiver | undefined,
  now: number,
): ReceiverInfo {
  const { queued, queuedBytes, delivered, dropped, failures } = state;
  const { lastSuccessAt, lastErrorAt, lastError } = state;
  return {
    name,
    configured: receiver !== undefined,
    kinds: receiver?.kinds ?? [],
    target: receiver === undefined ? "" : shownTarget(receiver.url, receiver.command),
    queued,
    queuedBytes,
    delivered,
    dropped,
    failures,
    nextAt: queued > 0 && nextAt > now ? nextAt : null,
    lastSuccessAt,
    lastErrorAt,
    lastError,
  };
}

function unknown(name: string): ControlError {
  return new ControlError(`no receiver ${oneLine(name)}: \`moorage events\` shows all`);
}
