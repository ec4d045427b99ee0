/** A subscriber's end of a feed. */
export type Listener<E> = (event: E) => void;

/**
 * A state that several follow: computed once for all, again and again while somebody follows, and
 * told when it changed.
 */
export class StateFeed<E> {
  readonly #compute: () => Promise<E>;
  readonly #intervalMs: number;
  readonly #onError: (error: unknown) => void;
  readonly #listeners = new Set<Listener<E>>();
  #timer: NodeJS.Timeout | undefined;
  #work: Promise<void> | undefined;
  #again = false;
  #last = "";

  constructor(compute: () => Promise<E>, intervalMs: number, onError: (error: unknown) => void) {
    this.#compute = compute;
    this.#intervalMs = intervalMs;
    this.#onError = onError;
  }

  get idle(): boolean {
    return this.#listeners.size === 0;
  }

  /** Tells the state now, then each change. @returns ends that */
  follow(listener: Listener<E>): () => void {
    this.#listeners.add(listener);
    this.#timer ??= setInterval(() => {
      if (this.#work === undefined) this.poke();
    }, this.#intervalMs);
    // The others have the state; it is told to all again, which costs less than to keep it.
    this.#last = "";
    this.poke();
    return () => {
      this.#listeners.delete(listener);
      if (!this.idle) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }

  /** Something may have changed: looks now. */
  poke(): void {
    if (this.idle) return;
    this.#again = true;
    this.#work ??= this.#run().finally(() => {
      this.#work = undefined;
    });
  }

  /** Resolves when nothing is being computed any more. */
  async settled(): Promise<void> {
    await this.#work;
  }

  async #run(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      try {
        const event = await this.#compute();
        const text = JSON.stringify(event);
        if (text === this.#last) continue;
        this.#last = text;
        for (const listener of [...this.#listeners]) listener(event);
      } catch (error) {
        this.#onError(error);
      }
    }
  }
}

/** State feeds by their parameters, as long as somebody follows. */
export class StateFeeds<P, E> {
  readonly #make: (params: P) => StateFeed<E>;
  readonly #feeds = new Map<string, StateFeed<E>>();

  constructor(make: (params: P) => StateFeed<E>) {
    this.#make = make;
  }

  follow(params: P, listener: Listener<E>): () => void {
    const key = JSON.stringify(params);
    const feed = this.#feeds.get(key) ?? this.#make(params);
    this.#feeds.set(key, feed);
    const leave = feed.follow(listener);
    return () => {
      leave();
      if (feed.idle && this.#feeds.get(key) === feed) this.#feeds.delete(key);
    };
  }

  poke(): void {
    for (const feed of this.#feeds.values()) feed.poke();
  }

  async settled(): Promise<void> {
    await Promise.all([...this.#feeds.values()].map((feed) => feed.settled()));
  }
}
