import type { Admission as Decision, SessionRequest, SessionStore } from "../store/sessions.ts";
import { ALREADY } from "../text/endings.ts";

/** A correct login that is not let in; `message` is for the client's user. */
export class Refusal extends Error {
  constructor(text: string) {
    super(text);
    this.name = "Refusal";
  }
}

/** Sessions of all processes of the instance; the queue's time in milliseconds. */
export interface AdmissionSettings {
  readonly maxSessions: number;
  readonly maxSessionsPerUser: number;
  readonly queue: number;
  readonly queueTimeout: number;
}

/** How often a waiting login asks whether another process has let a session end. */
const POLL_MS = 250;

interface Waiter {
  readonly id: number;
  readonly admitted: () => void;
  readonly stopWaiting: () => void;
}

/**
 * The door: lets correct logins in, as many at once as the settings allow over all processes, the
 * rest in the order they came. The store decides; this wakes the first in line when it may try.
 */
export class Admission {
  readonly #store: Pick<SessionStore, "enter" | "tryActivate" | "leave">;
  readonly #settings: AdmissionSettings;
  readonly #line: Waiter[] = [];
  #timer: NodeJS.Timeout | undefined;
  #pumping = false;
  #again = false;

  constructor(
    store: Pick<SessionStore, "enter" | "tryActivate" | "leave">,
    settings: AdmissionSettings,
  ) {
    this.#store = store;
    this.#settings = settings;
  }

  /**
   * Resolves to the session's number when the login is let in. Rejects with Refusal, or with the
   * signal's reason when the client went away while it waited.
   * @param onWaiting called with the place in the queue, from 1, and the number when it has to wait
   */
  async enter(
    request: SessionRequest,
    gone: AbortSignal,
    onWaiting: (position: number, id: number) => void,
  ): Promise<number> {
    gone.throwIfAborted();
    const admission = await this.#store.enter(request, this.#settings);
    if (admission.outcome === "refused") throw new Refusal(this.#refusalText(admission));
    if (admission.outcome === "waiting") {
      onWaiting(admission.position, admission.id);
      await this.#wait(admission.id, gone);
    }
    return admission.id;
  }

  /** The session has ended: the next in line may come in. */
  async leave(id: number): Promise<void> {
    await this.#store.leave(id);
    this.#pump();
  }

  /** Nobody waits any more. */
  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #refusalText(refused: Extract<Decision, { readonly outcome: "refused" }>): string {
    const { maxSessions } = this.#settings;
    switch (refused.reason) {
      case "user-limit":
        return userLimitText(refused.limit, this.#settings.maxSessionsPerUser);
      case "queue-full":
        return `The server is full (${count(maxSessions, "session")}) and so is its queue: try again later`;
      case "user-disabled":
        return "This account has been disabled";
    }
  }

  async #wait(id: number, gone: AbortSignal): Promise<void> {
    const { queueTimeout, maxSessions } = this.#settings;
    try {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => {
          const full = `The server is full (${count(maxSessions, "session")})`;
          reject(new Refusal(`${full} and no place became free: try again later`));
        }, queueTimeout);
        const onGone = (): void => reject(gone.reason as Error);
        gone.addEventListener("abort", onGone, { once: true });
        const stopWaiting = (): void => {
          clearTimeout(timer);
          gone.removeEventListener("abort", onGone);
        };
        this.#join({ id, admitted: resolve, stopWaiting });
        if (gone.aborted) onGone();
      });
    } catch (error) {
      this.#drop(id);
      await this.leave(id);
      throw error;
    }
  }

  #join(waiter: Waiter): void {
    this.#line.push(waiter);
    this.#timer ??= setInterval(() => this.#pump(), POLL_MS);
    this.#pump();
  }

  #drop(id: number): void {
    const index = this.#line.findIndex((waiter) => waiter.id === id);
    if (index < 0) return;
    const [waiter] = this.#line.splice(index, 1);
    waiter?.stopWaiting();
    if (this.#line.length === 0) this.close();
  }

  /** Lets in from the head of the line as long as there are places. */
  #pump(): void {
    this.#again = true;
    if (this.#pumping) return;
    this.#pumping = true;
    this.#run().then(
      () => {
        this.#pumping = false;
      },
      () => {
        // The store was busy: the timer tries again.
        this.#pumping = false;
      },
    );
  }

  async #run(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      let first = this.#line[0];
      while (first !== undefined) {
        if (!(await this.#store.tryActivate(first.id, this.#settings.maxSessions))) break;
        // It may have given up while the store decided; then its place is free again at once.
        if (this.#line[0] === first) {
          this.#drop(first.id);
          first.admitted();
        }
        first = this.#line[0];
      }
    }
  }
}

function userLimitText(limit: number, most: number): string {
  const whose = limit === most ? "one user" : "you";
  return `${ALREADY} ${count(limit, "session")}, the most ${whose} may have at once`;
}

function count(n: number, thing: string): string {
  return `${n} ${thing}${n === 1 ? "" : "s"}`;
}
