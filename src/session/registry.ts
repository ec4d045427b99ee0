import { ENDED, hasExpired } from "../auth/login-limits.ts";
import { errorName } from "../errors.ts";
import type { MemoryBudget, UserMemory } from "../memory/budget.ts";
import type { Account, AuditEvent, Change } from "../store/types.ts";
import { tally } from "../tally.ts";
import { IDLE, KICKED, STOPPING } from "../text/endings.ts";
import { Turn } from "../turn.ts";
import { Refusal } from "./admission.ts";
import { AuditedFileSystem } from "./audited.ts";
import type { FileEvent } from "./audited-file.ts";
import { dismiss, type Entry, endingText, howLoggedIn, isByKey, limitText } from "./entry.ts";
import { heldUpload } from "./held-upload.ts";
import { KeyReview } from "./key-review.ts";
import type { RegistryOptions } from "./registry-options.ts";
import { Reloads } from "./reloads.ts";
import { type Login, type Peer, Session, type SessionView } from "./session.ts";

/** Milliseconds between two looks at which sessions are idle or have expired. */
const TICK_MS = 1_000;
const DRAIN_POLL_MS = 50;
/** How long files may take to close once nobody uses them any more. */
const CLOSING_MS = 10_000;

export { STOPPING };

/** What an administrator's word ends a session or a transfer with, for its user. */
const TRANSFER_ENDED = "The transfer was ended by an administrator";

/** The sessions of this process. */
export class Sessions {
  readonly #options: RegistryOptions;
  readonly #entries = new Set<Entry>();
  readonly #ends = new Set<Promise<void>>();
  /** users whose limits were changed, until their logins have been held against them */
  readonly #unreviewed = new Set<number>();
  readonly #reloads: Reloads;
  readonly #keys: KeyReview;
  readonly #now: () => number;
  readonly #tick: NodeJS.Timeout;
  #lastTick = performance.now();
  /** by this clock's time transfers have to be over; undefined: nobody asked to stop */
  #deadline: number | undefined;

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#reloads = new Reloads(
      () => this.#open().map(({ account, files }) => ({ userId: account.id, files })),
      (error) => options.log.error({ error: errorName(error) }, "folders and access not read"),
    );
    this.#keys = new KeyReview({
      entries: this.#entries,
      regrant: options.regrant ?? (async (_, grant) => ({ grant })),
      end: (entry, text) => this.#endLimited(entry, text),
      onError: (error) => options.log.error({ error: errorName(error) }, "keys not looked at"),
    });
    const { idleTimeout } = options.limits;
    const interval = idleTimeout > 0 ? Math.min(TICK_MS, Math.ceil(idleTimeout / 4)) : TICK_MS;
    this.#tick = setInterval(() => this.#look(), interval);
  }

  /** What the sessions may hold for their clients, and hold. */
  get memory(): Pick<MemoryBudget, "bytes" | "used"> {
    return this.#options.memory.budget;
  }

  /** Sessions that are let in. */
  get count(): number {
    return this.#open().length;
  }

  /** Files that clients have open. */
  get transfers(): number {
    return this.#open().reduce((sum, session) => sum + session.files.openFiles, 0);
  }

  list(): Promise<SessionView[]> {
    return Promise.all(this.#open().map((session) => session.view()));
  }

  /**
   * Lets a correct login in, when there is a place, and opens its home.
   * Rejects with Refusal, or with the peer's reason when it went away meanwhile.
   */
  async open(login: Login, peer: Peer): Promise<Session> {
    if (this.#deadline !== undefined) throw new Refusal(STOPPING);
    const entry: Entry = { login, peer, limits: login.account, grant: login.grant };
    this.#entries.add(entry);
    try {
      // From here on a review finds it, too: between the two no change of who may come is missed.
      const unwelcome = await this.#options.refuses(peer.address);
      if (unwelcome !== undefined) throw new Refusal(unwelcome.refusal);
      const ended = entry.grant && (await this.#keys.refresh(entry));
      if (ended !== undefined) throw new Refusal(ended);
      return await this.#admit(entry);
    } catch (error) {
      this.#entries.delete(entry);
      if (error instanceof Refusal) this.#recordRefusal(entry, error.message);
      throw error;
    }
  }

  async #admit(entry: Entry): Promise<Session> {
    const { login, peer } = entry;
    const { account } = login;
    const { admission } = this.#options;
    const request = { userId: account.id, remote: peer.remote, client: peer.client };
    const id = await admission.enter(request, peer.gone, (position, waiting) => {
      entry.id = waiting;
      peer.notice(`The server is full: you are number ${position} in the queue.`);
    });
    entry.id = id;
    try {
      peer.gone.throwIfAborted();
      const session = await this.#start(id, entry);
      peer.gone.throwIfAborted();
      this.#whenGone(entry, session);
      return session;
    } catch (error) {
      await entry.session?.close();
      await admission.leave(id);
      throw error;
    }
  }

  async #start(id: number, entry: Entry): Promise<Session> {
    const { login, peer } = entry;
    const { log, openHome, digestsOf, loggedIn, store, counts } = this.#options;
    const trail = {
      record: (event: FileEvent) => this.#record(session.event(event)),
      hold: (event: FileEvent) => heldUpload(store.audit, session, event),
    };
    const { changes } = this.#reloads;
    const files = new AuditedFileSystem(await openHome(login.account), trail, counts);
    files.pace = this.#options.rates.session(login.account.id, entry.limits);
    const session = new Session({
      id,
      login,
      peer,
      files,
      digests: digestsOf(login.account),
      turn: this.#turnOf(login.account.id),
      memory: this.#memoryOf(login.account.id).session(),
      node: store.nodeId,
      onProtocolError: (text) => {
        log.warn({ session: id, user: login.account.name, error: text }, "protocol error");
      },
    });
    entry.session = session;
    if (this.#reloads.changes !== changes) await files.reload();
    await loggedIn(login.account);
    return session;
  }

  /** All sessions of a user share one, so that many get no more of the server than one. */
  #turnOf(userId: number): Turn {
    const other = this.#open().find((session) => session.account.id === userId);
    return other?.turn ?? new Turn();
  }

  #memoryOf(userId: number): UserMemory {
    const other = this.#open().find((session) => session.account.id === userId);
    return other?.memory.user ?? this.#options.memory.budget.user();
  }

  #whenGone(entry: Entry, session: Session): void {
    const { log } = this.#options;
    const { login, peer } = entry;
    const how = howLoggedIn(login);
    this.#record(session.event({ kind: "login", detail: `${how}, ${peer.client}` }));
    const fields = { session: session.id, user: session.account.name, remote: peer.remote };
    log.info({ ...fields, method: login.method, client: peer.client }, "login");
    this.#options.counts.logins += 1;
    tally.count(`logins ${login.method} accepted`);
    this.#options.onChange?.();
    peer.gone.addEventListener(
      "abort",
      () => {
        const end = this.#end(entry, session).finally(() => this.#ends.delete(end));
        this.#ends.add(end);
      },
      { once: true },
    );
  }

  async #end(entry: Entry, session: Session): Promise<void> {
    const { admission, log } = this.#options;
    const durationMs = Date.now() - session.since;
    const fields = { session: session.id, user: session.account.name, durationMs };
    try {
      await session.close();
    } catch (error) {
      log.error({ ...fields, error: errorName(error) }, "files not closed");
    }
    this.#entries.delete(entry);
    this.#options.onChange?.();
    const detail = entry.limit === undefined ? {} : { detail: entry.limit };
    this.#record(session.event({ kind: "logout", durationMs, ...detail }));
    log.info(fields, "logout");
    try {
      await admission.leave(session.id);
    } catch (error) {
      log.error({ ...fields, error: errorName(error) }, "session row not removed");
    }
  }

  #recordRefusal({ login, peer }: Entry, detail: string): void {
    const user = login.account.name;
    this.#options.counts.refusals += 1;
    tally.count(`logins ${login.method} refused`);
    this.#record({ kind: "refused-session", user, remote: peer.remote, detail });
    this.#options.log.warn({ user, remote: peer.remote, reason: detail }, "login refused");
  }

  #record(event: AuditEvent): void {
    this.#options.store.audit.record(event);
  }

  #open(): Session[] {
    return [...this.#entries].flatMap(({ session }) => (session ? [session] : []));
  }

  #endIdle(): void {
    const now = performance.now();
    const elapsed = now - this.#lastTick;
    this.#lastTick = now;
    const { idleTimeout } = this.#options.limits;
    for (const session of this.#open()) {
      const idle = session.idleFor(elapsed);
      if (idleTimeout > 0 && idle >= idleTimeout) session.end(IDLE);
    }
  }

  #look(): void {
    this.#endIdle();
    this.#endExpired();
    void this.#review();
    void this.#reloads.run();
    void this.#keys.run();
  }

  /** By the clock on the wall at every look, so that it may also be set, or the machine sleep. */
  #endExpired(): void {
    const now = this.#now();
    for (const entry of [...this.#entries]) {
      if (hasExpired(entry.limits, now)) this.#endLimited(entry, ENDED.expired);
    }
    this.#keys.endExpired(now);
  }

  /** Never rejects: who can't be looked up is looked up again a little later. */
  async #review(): Promise<void> {
    for (const userId of [...this.#unreviewed]) {
      try {
        const account = await this.#options.store.users.byId(userId);
        this.#unreviewed.delete(userId);
        if (account !== undefined) this.#holdAgainst(account);
      } catch (error) {
        this.#options.log.error({ error: errorName(error) }, "limits of logins not read");
      }
    }
  }

  /** Ends sessions and waiting logins that the account's limits, as they are now, don't let in. */
  #holdAgainst(account: Account): void {
    this.#options.rates.setUser(account.id, account);
    for (const entry of this.#of(account.id)) {
      entry.limits = account;
      const text = limitText(entry, account, this.#now());
      if (text !== undefined) this.#endLimited(entry, text);
    }
  }

  #of(userId: number): Entry[] {
    return [...this.#entries].filter(({ login }) => login.account.id === userId);
  }

  #endLimited(entry: Entry, text: string): void {
    if (entry.limit !== undefined) return;
    entry.limit = text;
    if (entry.session === undefined) this.#recordRefusal(entry, text);
    dismiss(entry, text);
  }

  /** Ends the sessions, transfers and waiting logins a change concerns. */
  async apply(change: Change): Promise<void> {
    const { userId, kind, detail } = change;
    if (kind === "kick") this.#applyKick(detail);
    if (kind === "transfer-end") this.#applyTransferEnd(detail);
    if (kind === "user-set") this.#unreviewed.add(userId);
    if (kind === "group-set") {
      for (const { login } of this.#entries) this.#unreviewed.add(login.account.id);
    }
    const isSet = kind === "user-set" || kind === "group-set";
    if (isSet) await this.#review();
    if (kind === "keys") return this.#keys.changed();
    if (isSet || kind === "access") return this.#reloads.changed(userId);
    const text = endingText(kind);
    if (text === undefined) return;
    for (const entry of this.#of(userId)) {
      if (kind === "key-removed" && !isByKey(entry, detail)) continue;
      dismiss(entry, text);
    }
  }

  /** Files that an administrator has open: what changes of their user's access counts there, too. */
  follow(userId: number, files: AuditedFileSystem): Promise<void> {
    return this.#reloads.follow(userId, files);
  }

  /** Ends the sessions and waiting logins of addresses that may not connect any more. */
  async review(): Promise<void> {
    for (const entry of [...this.#entries]) {
      const unwelcome = await this.#options.refuses(entry.peer.address);
      if (unwelcome === undefined || entry.peer.gone.aborted) continue;
      this.#recordUnwelcome(entry, unwelcome.why);
      dismiss(entry, unwelcome.text);
    }
  }

  #recordUnwelcome({ login, peer, id }: Entry, detail: string): void {
    const { remote } = peer;
    const user = login.account.name;
    const session = id === undefined ? {} : { session: id };
    this.#record({ kind: "session-kick", user, remote, ...session, detail });
    this.#options.log.info({ user, remote, reason: detail, ...session }, "session ended");
  }

  #applyKick(detail: string): void {
    const [id, text] = detail.split(/ (.*)/s);
    this.kick(Number(id), text || KICKED);
  }

  #applyTransferEnd(detail: string): void {
    const [session, transfer] = detail.split(" ").map(Number);
    if (session !== undefined && transfer !== undefined) this.endTransfer(session, transfer);
  }

  /** Ends a session, or a login that waits, with a text; false when it is not here. */
  kick(id: number, text: string): boolean {
    const entry = [...this.#entries].find((one) => one.id === id);
    if (entry !== undefined) dismiss(entry, text);
    return entry !== undefined;
  }

  /** Ends all that are here now, and logins that wait, with a text. */
  endAll(text: string): void {
    for (const entry of [...this.#entries]) dismiss(entry, text);
  }

  /** Lets a session's use of one file fail from now on; false when it is not here. */
  endTransfer(id: number, transfer: number): boolean {
    const session = this.#open().find((one) => one.id === id);
    return session?.files.endTransfer(transfer, TRANSFER_ENDED) ?? false;
  }

  /** While it closes: from now on no longer than that, in milliseconds. */
  hurry(graceMs: number): void {
    if (this.#deadline === undefined) return;
    this.#deadline = Math.min(this.#deadline, performance.now() + graceMs);
  }

  /** Resolves to false when {@link close} is not through long after its time: a disk may hang. */
  async overdue(): Promise<false> {
    while (performance.now() < (this.#deadline ?? Number.POSITIVE_INFINITY) + CLOSING_MS) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS).unref());
    }
    return false;
  }

  /**
   * Lets nobody in any more, gives transfers `graceMs` milliseconds to end, then ends all sessions
   * and resolves when their files are closed.
   */
  async close(graceMs: number): Promise<void> {
    this.#deadline = performance.now() + graceMs;
    for (;;) {
      for (const entry of [...this.#entries]) {
        const { session } = entry;
        if (session === undefined || session.files.openFiles === 0) dismiss(entry, STOPPING);
      }
      if (this.count === 0 || performance.now() >= this.#deadline) break;
      await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
    }
    for (const entry of [...this.#entries]) dismiss(entry, STOPPING);
    while (this.#entries.size > 0 || this.#ends.size > 0) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
    }
    clearInterval(this.#tick);
    this.#options.memory.close();
    this.#options.rates.close();
    this.#options.admission.close();
  }
}
