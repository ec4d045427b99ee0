import { SMALL_BYTES } from "./bucket.ts";

/** Where lanes belong: it decides who gets the next piece. */
export interface LaneOwner {
  /** Somebody in the lane waits for a piece. */
  asks(lane: Lane): void;
  /** Whether a small request may move at once, ahead of what waits; then it is counted. */
  goesAhead(lane: Lane, bytes: number): boolean;
  gaveBack(lane: Lane, bytes: number): void;
  left(lane: Lane): void;
  /** Bytes that the lane is granted at once at most, as things are. */
  pieceOf(lane: Lane): number;
}

/** One READ or WRITE, or the like, that moves as it is granted pieces. */
export class Passage {
  readonly #lane: Lane;
  #left: number;
  #answer: { resolve(bytes: number): void; reject(reason: Error): void } | undefined;
  #ended: Error | undefined;

  constructor(lane: Lane, bytes: number) {
    this.#lane = lane;
    this.#left = bytes;
  }

  /** Bytes that were not granted yet. */
  get left(): number {
    return this.#left;
  }

  get isAsking(): boolean {
    return this.#answer !== undefined;
  }

  /**
   * Resolves to how many bytes may move now: at least one, and never more than are left.
   * Rejects with why it was ended.
   */
  next(): Promise<number> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      this.#answer = { resolve, reject };
      this.#lane.asks(this);
    });
  }

  /** @internal for the lane's owner */
  grant(bytes: number): void {
    const answer = this.#answer;
    this.#answer = undefined;
    this.#left -= bytes;
    answer?.resolve(bytes);
  }

  /** Bytes that were granted and did not move: the file ended. */
  giveBack(bytes: number): void {
    if (bytes > 0) this.#lane.gaveBack(bytes);
  }

  /** It needs nothing more. @param reason what it rejects with if it waits */
  end(reason: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    const answer = this.#answer;
    this.#answer = undefined;
    this.#lane.forget(this);
    answer?.reject(reason);
  }
}

/** Of one session, in one direction: what it moves is served in the order of its requests. */
export class Lane {
  readonly userId: number;
  /** False: nothing is limited, and nobody has to ask. */
  isLimited = false;
  /** where it stands among the user's lanes: who has the lowest is next */
  tag = 0;
  readonly #owner: LaneOwner;
  readonly #passages = new Set<Passage>();
  #closed: Error | undefined;

  constructor(userId: number, owner: LaneOwner) {
    this.userId = userId;
    this.#owner = owner;
  }

  /** Bytes that it is granted at once at most; Infinity: all of it. */
  get piece(): number {
    return this.#owner.pieceOf(this);
  }

  /** What is to move `bytes` bytes: it asks for them piece by piece. */
  enter(bytes: number): Passage {
    const passage = new Passage(this, bytes);
    if (this.#closed !== undefined) passage.end(this.#closed);
    else this.#passages.add(passage);
    return passage;
  }

  /** The one whose turn it is, if it waits for a piece. */
  get asking(): Passage | undefined {
    for (const first of this.#passages) return first.isAsking ? first : undefined;
    return undefined;
  }

  /** @internal for Passage */
  asks(passage: Passage): void {
    const { left } = passage;
    if (left <= SMALL_BYTES && this.#owner.goesAhead(this, left)) this.serve(passage, left);
    else this.#owner.asks(this);
  }

  /** @internal for the owner */
  serve(passage: Passage, bytes: number): void {
    if (bytes >= passage.left) this.#passages.delete(passage);
    passage.grant(bytes);
  }

  /** @internal for Passage */
  gaveBack(bytes: number): void {
    this.#owner.gaveBack(this, bytes);
  }

  /** @internal for Passage */
  forget(passage: Passage): void {
    if (this.#passages.delete(passage)) this.#owner.asks(this);
  }

  /** Ends what waits, and what comes later. Again: does nothing. */
  close(reason: Error): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    for (const passage of [...this.#passages]) passage.end(reason);
    this.#owner.left(this);
  }
}
