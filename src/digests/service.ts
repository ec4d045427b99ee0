import type { BigIntStats } from "node:fs";
import { fstatSync } from "node:fs";
import type { DigestMap, DigestStore } from "../store/digests.ts";
import type { ContentWatch, WriteWatch } from "../vfs/watch.ts";
import { Follower, type FollowerContext } from "./follower.ts";
import { Pool } from "./pool.ts";
import { SpareTime } from "./spare.ts";
import { type FileState, isSettled, toState } from "./state.ts";
import { usualThreads } from "./threads.ts";
import type { DigestSettings, Digests } from "./types.ts";
import { UserDigests } from "./user.ts";

/** Priority of the hashing threads: transfers come first where processors are scarce. */
const NICE = 10;
/** Rows of removed files go together: so many, or after so many milliseconds. */
const GONE_AT_ONCE = 256;
const GONE_MS = 1_000;
/** New rows after which old ones are looked for. */
const PRUNE_EVERY = 256;

export interface DigestServiceOptions {
  readonly config: DigestSettings;
  readonly store: DigestStore;
  /** milliseconds since the epoch, as file times are */
  readonly now?: () => number;
}

/**
 * Checksums of files: computed in threads of low priority, remembered in the store, and computed
 * along with uploads.
 */
export class DigestService implements ContentWatch {
  /** hashes what somebody waits for */
  readonly pool: Pool;
  readonly #config: DigestSettings;
  readonly #store: DigestStore;
  readonly #now: () => number;
  readonly #followerPool: Pool;
  readonly #spare: SpareTime;
  readonly #context: FollowerContext;
  readonly #followers = new Map<string, Follower>();
  /** by inode: how many have the file open for writing in this process */
  readonly #writers = new Map<string, number>();
  /** inodes of files that were removed, with rows that may be there still */
  readonly #gone: string[] = [];
  #forgetting: NodeJS.Timeout | undefined;
  #added = 0;
  /** bytes read to hash files, since the start */
  #inlineBytes = 0;

  constructor({ config, store, now = Date.now }: DigestServiceOptions) {
    this.#config = config;
    this.#store = store;
    this.#now = now;
    const { queue, queuePerUser, uploads } = config;
    const workers = usualThreads(config.workers);
    this.pool = new Pool({ workers, nice: NICE, queue, queuePerUser });
    const all = { queue: uploads, queuePerUser: uploads };
    this.#followerPool = new Pool({ workers: 1, nice: NICE, ...all });
    this.#spare = new SpareTime(() => this.#followerPool.wake());
    this.#context = {
      pool: this.#followerPool,
      spare: this.#spare,
      store,
      algorithms: config.onUpload,
      mayBegin: (inode) => this.#mayFollow(inode),
      began: (follower) => this.#followers.set(follower.inode, follower),
      ended: (follower) => this.#ended(follower),
      writerClosed: (inode) => this.#writerClosed(inode),
    };
  }

  forUser(userId: number): Digests {
    return new UserDigests(this, userId);
  }

  /** Bytes of files that were read to hash them. */
  get bytesRead(): number {
    return this.pool.bytesRead + this.#followerPool.bytesRead + this.#inlineBytes;
  }

  /** Uploads that are followed, with those whose digests are not complete yet. */
  get following(): number {
    return this.#followers.size;
  }

  async opened(userId: number, inode: string, fd: number, fresh: boolean): Promise<WriteWatch> {
    this.#writers.set(inode, (this.#writers.get(inode) ?? 0) + 1);
    this.#followers.get(inode)?.lost();
    if (!fresh) await this.#forget(inode);
    return new Follower(this.#context, userId, inode, fd);
  }

  async touched(before: BigIntStats, fd: number, mtime?: number): Promise<void> {
    if (!before.isFile()) return;
    const after = fstatSync(fd, { bigint: true });
    const expected = mtime === undefined ? before.mtimeNs : BigInt(mtime) * 1_000_000_000n;
    // Another time says that somebody wrote to it.
    if (after.mtimeNs !== expected || after.size !== before.size) return;
    const from = toState(before);
    await this.#store.carry(from.inode, from.state, toState(after).state).catch(forgetful);
  }

  removed(inode: string): void {
    this.#followers.get(inode)?.lost();
    this.#gone.push(inode);
    this.#forgetting ??= setTimeout(this.#forgetGone, GONE_MS).unref();
    if (this.#gone.length >= GONE_AT_ONCE) void this.#forgetGone();
  }

  /** Rows of removed files are only litter: no other file gets their key. So they can wait. */
  readonly #forgetGone = async (): Promise<void> => {
    clearTimeout(this.#forgetting);
    this.#forgetting = undefined;
    const gone = this.#gone.splice(0);
    await this.#store.forgetAll(gone).catch(forgetful);
  };

  /** Where the row can't be removed (a full disk), the file's times still tell of the change. */
  #forget(inode: string): Promise<void> {
    return this.#store.forget(inode).catch(forgetful);
  }

  /** @internal for UserDigests: what is known of the file in this state */
  async known({ inode, state }: FileState): Promise<{ digests: DigestMap; follower?: Follower }> {
    const row = await this.#store.find(inode, state).catch(forgetful);
    if (row === undefined) return { digests: {} };
    const follower = row.token === null ? undefined : this.#followers.get(inode);
    const { digests } = row;
    return follower?.token === row.token ? { digests, follower } : { digests };
  }

  /**
   * @internal for UserDigests: `before` and `after` are the file's states around the reading
   * @param homeId of the home or folder that the file is in
   */
  async remember(
    homeId: number,
    before: FileState,
    readAt: number,
    after: FileState,
    digests: DigestMap,
  ): Promise<void> {
    const { inode, state } = before;
    if (this.#config.maxRecords === 0 || this.#writers.has(inode)) return;
    if (after.inode !== inode || after.state !== state || !isSettled(before, readAt)) return;
    await this.#store.put(homeId, inode, state, digests).catch(forgetful);
    await this.#prune();
  }

  /** @internal */
  now(): number {
    return this.#now();
  }

  /** @internal for UserDigests: bytes it read itself */
  readInline(bytes: number): void {
    this.#inlineBytes += bytes;
  }

  /** Ends all hashing. Digests that are not complete are lost; later uploads aren't followed. */
  async close(): Promise<void> {
    this.#spare.close();
    await this.#forgetGone();
    await Promise.all([this.pool.close(), this.#followerPool.close()]);
    for (const follower of [...this.#followers.values()]) follower.lost();
  }

  #ended(follower: Follower): void {
    if (this.#followers.get(follower.inode) === follower) this.#followers.delete(follower.inode);
    void this.#prune();
  }

  async #prune(): Promise<void> {
    this.#added += 1;
    if (this.#added % PRUNE_EVERY !== 1) return;
    await this.#store.prune(this.#config.maxRecords).catch(forgetful);
  }

  #mayFollow(inode: string): boolean {
    const { maxRecords, uploads } = this.#config;
    if (maxRecords === 0) return false;
    return this.#followers.size < uploads && this.#writers.get(inode) === 1;
  }

  #writerClosed(inode: string): void {
    const left = (this.#writers.get(inode) ?? 1) - 1;
    if (left === 0) this.#writers.delete(inode);
    else this.#writers.set(inode, left);
  }
}

/** Digests are kept to save time: a store that fails costs that time, and no request. */
function forgetful(): undefined {}
