import type { Session } from "./session.ts";

/** Takes what changed of folders and access into the sessions that are open. */
export class Reloads {
  readonly #sessions: () => readonly Session[];
  readonly #onError: (error: unknown) => void;
  /** users whose sessions have yet to take it up */
  readonly #waiting = new Set<number>();
  #changes = 0;

  constructor(sessions: () => readonly Session[], onError: (error: unknown) => void) {
    this.#sessions = sessions;
    this.#onError = onError;
  }

  /** Counts up with each change, of whomever: what was read before may be old. */
  get changes(): number {
    return this.#changes;
  }

  /** @param userId 0: it may concern everybody */
  async changed(userId: number): Promise<void> {
    this.#changes += 1;
    const all = userId === 0 ? this.#sessions().map(({ account }) => account.id) : [userId];
    for (const id of all) this.#waiting.add(id);
    await this.run();
  }

  /** Never rejects: what can't be read now stays to be read. */
  async run(): Promise<void> {
    for (const userId of [...this.#waiting]) {
      this.#waiting.delete(userId);
      const sessions = this.#sessions().filter(({ account }) => account.id === userId);
      try {
        await Promise.all(sessions.map(({ files }) => files.reload()));
      } catch (error) {
        this.#waiting.add(userId);
        this.#onError(error);
      }
    }
  }
}
