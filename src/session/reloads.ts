/** A user's files as something in this process has them open. */
export interface Opened {
  readonly userId: number;
  readonly files: { reload(): Promise<void> };
}

/** Takes what changed of folders and access into the sessions that are open. */
export class Reloads {
  readonly #sessions: () => readonly Opened[];
  /** files that no session of their user's has open: an administrator looks at them */
  readonly #others = new Set<Opened>();
  readonly #onError: (error: unknown) => void;
  /** users whose sessions have yet to take it up */
  readonly #waiting = new Set<number>();
  #changes = 0;

  constructor(sessions: () => readonly Opened[], onError: (error: unknown) => void) {
    this.#sessions = sessions;
    this.#onError = onError;
  }

  /** Counts up with each change, of whomever: what was read before may be old. */
  get changes(): number {
    return this.#changes;
  }

  /**
   * Follows changes in files that no session has, until they are closed. What changed while they were
   * opened is taken up at once. Rejects when it can't be read.
   */
  async follow(
    userId: number,
    files: Opened["files"] & { onClosed: (() => void) | undefined },
  ): Promise<void> {
    const opened = { userId, files };
    this.#others.add(opened);
    files.onClosed = () => this.#others.delete(opened);
    await files.reload();
  }

  #all(): Opened[] {
    return [...this.#sessions(), ...this.#others];
  }

  /** @param userId 0: it may concern everybody */
  async changed(userId: number): Promise<void> {
    this.#changes += 1;
    const all = userId === 0 ? this.#all().map(({ userId }) => userId) : [userId];
    for (const id of all) this.#waiting.add(id);
    await this.run();
  }

  /** Never rejects: what can't be read now stays to be read. */
  async run(): Promise<void> {
    for (const userId of [...this.#waiting]) {
      this.#waiting.delete(userId);
      const opened = this.#all().filter((one) => one.userId === userId);
      try {
        await Promise.all(opened.map(({ files }) => files.reload()));
      } catch (error) {
        this.#waiting.add(userId);
        this.#onError(error);
      }
    }
  }
}
