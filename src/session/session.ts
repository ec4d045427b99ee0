import type { KeyGrant } from "../auth/key-grant.ts";
import type { ByteChannel } from "../channel.ts";
import type { Digests } from "../digests/types.ts";
import { FsError } from "../errors.ts";
import type { SessionMemory } from "../memory/budget.ts";
import type { Account, AuditEvent, Role } from "../store/types.ts";
import type { Turn } from "../turn.ts";
import type { AuditedFileSystem } from "./audited.ts";
import type { TransferView } from "./audited-file.ts";

/** Who logged in and how; `key` is the fingerprint of the key that was proven. */
export interface Login {
  readonly account: Account;
  readonly method: "password" | "keyboard-interactive" | "publickey";
  readonly key: string | undefined;
  /** what the key or certificate allows */
  readonly grant?: KeyGrant | undefined;
  /** what proved the second factor; absent: there is none */
  readonly factor?: "totp" | "recovery" | undefined;
  /** the account needs a second factor and has none: nothing else can be done than to enrol */
  readonly mustEnrol?: boolean;
}

/** The connection as a session sees it. */
export interface Peer {
  /** address and port, for people */
  readonly remote: string;
  /** without a port; undefined when it was gone at once */
  readonly address: string | undefined;
  /** the client's ident string, control characters escaped */
  readonly client: string;
  /** aborted when the connection is gone */
  readonly gone: AbortSignal;
  /** Shows a text to a client that is not let in yet. */
  notice(text: string): void;
  /**
   * Ends the connection with a text for the client's user.
   * @param afterShown lets the client first show what it was sent, for half a second at most
   */
  disconnect(text: string, afterShown?: boolean): void;
}

/** Something that serves one channel of a session. */
export interface Service {
  /** Resolves when nothing of it uses the session's files any more. */
  close(): Promise<void>;
  /** Before the last words: gives the client its terminal back; true when that had to be sent. */
  leaveTerminal?(): boolean;
  /** Whether it moved bytes of other files. @param elapsed milliseconds since the last call */
  sample?(elapsed: number): boolean;
}

/** A session of this process; `since` in milliseconds since the epoch. */
export interface SessionView {
  readonly id: number;
  readonly user: string;
  readonly role: Role;
  readonly remote: string;
  readonly client: string;
  readonly since: number;
  /** milliseconds without a request or a byte moved, as of the last look about a second ago */
  readonly idle: number;
  readonly node: string;
  readonly transfers: readonly TransferView[];
}

export interface SessionOptions {
  readonly id: number;
  readonly login: Login;
  readonly peer: Peer;
  readonly files: AuditedFileSystem;
  readonly digests: Digests;
  /** shared by all sessions of the user */
  readonly turn: Turn;
  readonly memory: SessionMemory;
  readonly node: string;
  /** told of the client's protocol errors */
  readonly onProtocolError: (text: string) => void;
}

/** A client that goes on breaking the protocol must not fill the log. */
const MAX_ERRORS_TOLD = 10;

/** One logged-in client. */
export class Session {
  readonly id: number;
  readonly account: Account;
  readonly method: Login["method"];
  /** fingerprint of the key it logged in with */
  readonly key: string | undefined;
  /** it may do nothing else than enrol a second factor */
  readonly mustEnrol: boolean;
  /** whether new channels may have a terminal: options of its key may say no */
  terminals: boolean;
  readonly files: AuditedFileSystem;
  /** computes this user's checksums */
  readonly digests: Digests;
  /** the user's share of the event loop */
  readonly turn: Turn;
  /** what it holds for its client */
  readonly memory: SessionMemory;
  readonly since = Date.now();
  readonly #options: SessionOptions;
  readonly #services = new Set<Service>();
  #protocolErrors = 0;
  #active = true;
  /** the connection's end is on its way */
  #isEnding = false;
  #idleMs = 0;
  #closing: Promise<void> | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.id = options.id;
    this.account = options.login.account;
    this.method = options.login.method;
    this.key = options.login.key;
    this.mustEnrol = options.login.mustEnrol ?? false;
    this.terminals = options.login.grant?.pty ?? true;
    this.files = options.files;
    this.digests = options.digests;
    this.turn = options.turn;
    this.memory = options.memory;
  }

  get remote(): string {
    return this.#options.peer.remote;
  }

  /** the client's ident string */
  get client(): string {
    return this.#options.peer.client;
  }

  /** Something was asked or moved: the session is not idle. */
  touch(): void {
    this.#active = true;
  }

  protocolError(text: string): void {
    this.#protocolErrors += 1;
    if (this.#protocolErrors <= MAX_ERRORS_TOLD) this.#options.onProtocolError(text);
  }

  /** Keeps the service until its channel is closed and it has let go of the files. */
  serve(service: Service, channel: ByteChannel): void {
    this.#services.add(service);
    const onClose = channel.onClose;
    channel.onClose = () => {
      onClose();
      const forget = (): void => void this.#services.delete(service);
      service.close().then(forget, forget);
    };
  }

  /**
   * How long nothing has been asked or moved, in milliseconds.
   * @param elapsed since the last call
   */
  idleFor(elapsed: number): number {
    const moved = [this.files, ...this.#services].filter((one) => one.sample?.(elapsed));
    this.#idleMs = moved.length > 0 || this.#active ? 0 : this.#idleMs + elapsed;
    this.#active = false;
    return this.#idleMs;
  }

  /** Ends it with a text for the client's user. */
  end(text: string): void {
    if (this.#isEnding) return;
    const left = [...this.#services].filter((service) => service.leaveTerminal?.());
    this.#isEnding = left.length > 0;
    this.#options.peer.disconnect(text, this.#isEnding);
  }

  /** The connection is gone: lets go of everything. Again: the same promise. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.files.pace.close(new FsError("EIO", "The session has ended"));
    await Promise.allSettled([...this.#services].map((service) => service.close()));
    await this.files.close();
  }

  /** An event of this session for the audit trail. */
  event(event: Omit<AuditEvent, "user" | "remote" | "session">): AuditEvent {
    // In this order: V8 takes twenty times as long to copy an object with fractions and add to it.
    return { user: this.account.name, remote: this.remote, session: this.id, ...event };
  }

  async view(): Promise<SessionView> {
    return {
      id: this.id,
      user: this.account.name,
      role: this.account.role,
      remote: this.remote,
      client: this.client,
      since: this.since,
      idle: this.#idleMs,
      node: this.#options.node,
      transfers: await this.files.transfers(),
    };
  }
}
