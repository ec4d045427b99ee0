import { setTimeout as sleep } from "node:timers/promises";
import { CALL_BOUNDS, type CallStore } from "../store/calls.ts";
import type { NodeStore } from "../store/nodes.ts";
import { ControlError, type ExitCode } from "./errors.ts";
import type { Method, Params, Result } from "./protocol.ts";
import { isRelayed } from "./relayed.ts";

/** How soon an answer is noticed, in milliseconds. */
const POLL_MS = 25;
/** How often is looked whether who was asked still lives, and for what was not told, in milliseconds. */
const LOOK_MS = 500;

/** What calls to other machines stand on. */
export interface RelayStore {
  readonly calls: CallStore;
  readonly nodes: Pick<NodeStore, "list">;
}

/** Who is asked. */
export interface Callee {
  /** its row in `nodes` */
  readonly id: string;
  /** what people call its machine */
  readonly host: string;
}

/** Who asks, and how long an answer is waited for, in milliseconds: at most a minute. */
export interface CallOptions {
  readonly actor: string;
  readonly patienceMs: number;
  /** aborted: the answer is not waited for any more */
  readonly signal?: AbortSignal;
}

/** As a row has an answer. */
export type RelayedAnswer =
  | { readonly result: unknown }
  | { readonly error: { readonly message: string; readonly exitCode: number } };

/**
 * Calls a method of a process that no socket reaches, through the store.
 * @throws ControlError (rejected) what the process answers, or that it does not
 */
export async function callThrough<M extends Method>(
  store: RelayStore,
  to: Callee,
  method: M,
  params: Params<M>,
  options: CallOptions,
): Promise<Result<M>> {
  if (!isRelayed(method)) throw new ControlError(`${method} is not asked of another machine`);
  const text = JSON.stringify(params);
  if (Buffer.byteLength(text) > CALL_BOUNDS.paramsBytes) {
    throw new ControlError(`${method}: the parameters are too long for another machine`);
  }
  const asked = await store.calls.ask(to.id, { actor: options.actor, method, params: text });
  if (asked === "gone") throw ended(to);
  if (asked === "full") {
    throw new ControlError(`too many calls wait for the server on ${to.host}: try again`);
  }
  return resultOf(await answerTo(store, to, asked.id, options)) as Result<M>;
}

function resultOf(text: string): unknown {
  const answer = JSON.parse(text) as RelayedAnswer;
  if ("result" in answer) return answer.result;
  throw new ControlError(answer.error.message, answer.error.exitCode as ExitCode);
}

async function answerTo(
  store: RelayStore,
  to: Callee,
  id: string,
  options: CallOptions,
): Promise<string> {
  try {
    return await waitForAnswer(store, to, id, options);
  } catch (thrown) {
    // Without it the row is taken away when it is a minute old.
    await store.calls.withdraw(id).catch(() => {});
    throw thrown;
  }
}

async function waitForAnswer(
  store: RelayStore,
  to: Callee,
  id: string,
  { patienceMs, signal }: CallOptions,
): Promise<string> {
  const { calls } = store;
  const until = performance.now() + Math.min(patienceMs, CALL_BOUNDS.lifeMs);
  for (;;) {
    const seen = calls.version;
    const taken = await calls.take(id);
    if (taken === "gone") throw ended(to);
    if (taken.answer !== undefined) return taken.answer;
    if (signal?.aborted) throw new ControlError("closed");
    if (performance.now() > until) throw silent(to);
    await requireAlive(store, to);
    await news(calls, seen, signal);
  }
}

/** Resolves when another process wrote something, and after a while anyway. */
async function news(calls: CallStore, seen: number, signal?: AbortSignal): Promise<void> {
  const until = performance.now() + LOOK_MS;
  do await sleep(POLL_MS);
  while (calls.version === seen && performance.now() < until && !signal?.aborted);
}

async function requireAlive({ nodes }: RelayStore, to: Callee): Promise<void> {
  const found = (await nodes.list()).find(({ id }) => id === to.id);
  if (!found?.alive) throw ended(to);
}

function ended({ host }: Callee): ControlError {
  return new ControlError(`the server on ${host} has ended, or has lost touch with the database`);
}

function silent({ host }: Callee): ControlError {
  return new ControlError(`the server on ${host} does not answer`);
}
