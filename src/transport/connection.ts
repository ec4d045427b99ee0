import type { Socket } from "node:net";
import type { Logger } from "pino";
import type { ClientInfo, Connection } from "ssh2";
import type { Authenticator } from "../auth/authenticator.ts";
import type { Factors } from "../auth/factors.ts";
import type { Offence, Penalties } from "../auth/penalties.ts";
import type { Config } from "../config/types.ts";
import { errorName, InstanceError } from "../errors.ts";
import type { SessionMemory } from "../memory/budget.ts";
import { Refusal } from "../session/admission.ts";
import type { Sessions } from "../session/registry.ts";
import { MUST_ENROL, type Router } from "../session/routes.ts";
import type { Login, Peer, Session } from "../session/session.ts";
import { type ConnectionError, isProtocolError } from "../ssh/errors.ts";
import { adaptHandshake } from "../ssh/handshake.ts";
import { IdentGate } from "../ssh/ident-gate.ts";
import { interceptInput } from "../ssh/input.ts";
import { hasSentKeys, type Protocol, protocolOf } from "../ssh/internals.ts";
import { LoopShare } from "../ssh/loop-share.ts";
import { Messages } from "../ssh/messages.ts";
import { offerAlgorithms } from "../ssh/offer.ts";
import { Outbox } from "../ssh/outbox.ts";
import { Reading } from "../ssh/reading.ts";
import { Rekeying } from "../ssh/rekeying.ts";
import { DisconnectReason, sendBanner, sendDisconnect } from "../ssh/send.ts";
import { formatRemote } from "../text/remote.ts";
import { Authentication, type AuthenticationOptions } from "./authentication.ts";
import { Channels, type ChannelsOwner } from "./channels.ts";
import { type Endpoint, endpointOf } from "./endpoint.ts";
import type { FailedLogins } from "./failed-logins.ts";
import { printable } from "./printable.ts";
import type { Stranger, StrangersPlace } from "./strangers.ts";

/** Replies a client doesn't read: above this nothing more is read from it, in bytes. */
const MAX_UNREAD = 8 * 1024 * 1024;
/** The same before the login: such connections may be many. */
const MAX_UNREAD_BEFORE_LOGIN = 64 * 1024;
/** The same in packets: each costs some hundred bytes however small it is. */
const MAX_UNREAD_PACKETS = 4_096;

/** How long a client has to read the last words before the socket is closed, in milliseconds. */
const LINGER_MS = 2_000;

/** How long a client has to show what it was sent before the last words, in milliseconds. */
const SHOW_MS = 500;

const MAX_IDENT_SHOWN = 255;

/**
 * How long a client may take until its keys are agreed on, in milliseconds: no user is asked for
 * that. Afterwards one may have to compare a host key, and gets the time of a login.
 */
const KEYS_MS = 30_000;

/** For a client that is not let in though its login is right. */
const NOT_STARTED = "The session could not be started: try again later";
const NO_FILES = "Your files can't be reached now: the server's log tells its administrator why";

/** Detects a peer that vanished while it waits or logs in; afterwards SSH's own keepalive does. */
const TCP_KEEPALIVE_MS = 30_000;

export interface ConnectionServices {
  readonly config: Pick<Config, "limits" | "transport">;
  readonly log: Logger;
  readonly authenticator: Authenticator;
  readonly sessions: Sessions;
  /** who serves a channel */
  readonly route: Router;
  readonly failedLogins: FailedLogins;
  readonly penalties: Penalties;
  readonly factors: Factors;
  readonly newPassword: AuthenticationOptions["newPassword"];
}

/** One TCP connection, from accept to close. */
export class SshConnection implements Peer, ChannelsOwner, Stranger {
  readonly outbox: Outbox;
  readonly #share = new LoopShare();
  readonly #reading: Reading;
  readonly remote: string;
  readonly address: string | undefined;
  client = "";
  readonly #socket: Socket;
  readonly #services: ConnectionServices;
  readonly #log: Logger;
  readonly #gone = new AbortController();
  readonly #gate = new IdentGate();
  readonly #place: StrangersPlace;
  readonly #since = performance.now();
  #grace: NodeJS.Timeout;
  #hasKeys = false;
  #linger: NodeJS.Timeout | undefined;
  #showing: NodeJS.Timeout | undefined;
  /** called when the client sends something */
  #onInput: (() => void) | undefined;
  #protocol: Protocol | undefined;
  #authentication: Authentication | undefined;
  #rekeying: Rekeying | undefined;
  #session: Session | undefined;
  #channels: Channels | undefined;
  #touch: () => void = () => {};
  #ended = false;
  /** what its address is charged with when it ends now */
  #offence: Offence | undefined = "no-login";
  #roundTrip = Number.POSITIVE_INFINITY;
  /** what it is told when it has to go for another */
  #eviction: string | undefined;

  /**
   * @param place left when the login is proven, or the connection is gone before
   * @param from as it was when the connection was accepted
   */
  constructor(
    socket: Socket,
    services: ConnectionServices,
    place: StrangersPlace,
    from: Endpoint = endpointOf(socket),
  ) {
    this.#socket = socket;
    this.#services = services;
    this.#place = place;
    this.address = from.address;
    this.remote = formatRemote(from.address, from.port);
    this.#log = services.log;
    this.outbox = new Outbox(socket, this.#share);
    this.#reading = new Reading(socket, this.#share, () => this.#isUnread());
    socket.setNoDelay(true);
    socket.setKeepAlive(true, TCP_KEEPALIVE_MS);
    const { loginGrace } = services.config.limits;
    this.#grace = setTimeout(() => this.#tooSlow(), Math.min(loginGrace, KEYS_MS));
    socket.on("error", (error) => this.#failed(error));
    socket.on("end", () => this.#finish());
    socket.on("close", () => this.#closed());
    // Not at "drain", which comes only where many bytes waited: it may have been many packets.
    this.outbox.onWritten = () => this.#reading.goOn();
    interceptInput(socket, (chunk, pass) => this.#input(chunk, pass));
  }

  /** True once it is let in. */
  get hasSession(): boolean {
    return this.#session !== undefined;
  }

  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  get protocol(): Protocol {
    if (this.#protocol === undefined) throw new Error("no handshake yet");
    return this.#protocol;
  }

  /** Of the session, which a connection with channels has. */
  get memory(): SessionMemory {
    if (this.#session === undefined) throw new Error("no session yet");
    return this.#session.memory;
  }

  get busy(): boolean {
    return this.#authentication?.busy ?? false;
  }

  /** ssh2 has read the client's identification; the key exchange comes next. */
  attach(connection: Connection, info: ClientInfo): void {
    const protocol = protocolOf(connection);
    this.#protocol = protocol;
    this.client = printable(info.header.identRaw, MAX_IDENT_SHOWN);
    offerAlgorithms(protocol);
    adaptHandshake(protocol);
    const messages = new Messages(protocol, {
      keyExchange: () => rekeying.begins(),
      violation: (text) => this.violation(text),
    });
    const rekeying = new Rekeying(connection, this.#services.config.transport, {
      total: () => messages.bytes + this.outbox.bytes,
      done: () => this.outbox.wake(),
      abuse: (text) => this.violation(text),
    });
    this.#rekeying = rekeying;
    connection.on("error", (error) => this.#failed(error));
    const { authenticator, config, factors, failedLogins, newPassword, penalties } = this.#services;
    this.#authentication = new Authentication({
      authenticator,
      factors,
      failedLogins,
      newPassword,
      penalties,
      log: this.#log,
      remote: this.remote,
      address: this.address,
      gone: this.gone,
      tries: config.limits.loginTries,
      protocol,
      place: this.#place,
      disconnect: (reason, text) => this.end(reason, text),
      excuse: () => this.excuse(),
      answered: () => {
        if (this.#ended) this.#charge();
        this.evict();
      },
      proven: (login) => this.#enter(connection, messages, login),
    });
    connection.on("authentication", (context) => {
      this.answered();
      this.#authentication?.handle(context);
    });
  }

  notice(text: string): void {
    if (!this.#ended && this.#protocol !== undefined) sendBanner(this.#protocol, text);
  }

  disconnect(text: string, afterShown = false): void {
    if (afterShown && !this.#ended) setImmediate(() => this.#disconnectShown(text));
    else this.end(DisconnectReason.byApplication, text);
  }

  /** Not while its login is being checked: afterwards, unless that let it in. */
  evict(text = this.#eviction): void {
    this.#eviction = text;
    if (text === undefined || this.busy || this.#session !== undefined) return;
    this.disconnect(text);
    this.#socket.destroySoon();
  }

  /** OpenSSH's client drops what it has not shown yet when it reads DISCONNECT. */
  #disconnectShown(text: string): void {
    if (this.#ended) return;
    this.#onInput = () => this.disconnect(text);
    this.#showing = setTimeout(this.#onInput, SHOW_MS);
    this.protocol.ping();
  }

  /** Says why and closes; what the client still sends is read and dropped. */
  end(reason: DisconnectReason, text: string): void {
    if (this.#ended) return;
    this.#ended = true;
    try {
      if (this.#protocol !== undefined) sendDisconnect(this.#protocol, reason, text);
    } finally {
      this.#finish();
    }
  }

  /** The address is not charged when this connection ends without a login. */
  excuse(): void {
    this.#offence = undefined;
  }

  violation(text: string): void {
    if (this.#ended) return;
    this.#log.warn({ remote: this.remote, client: this.client, error: text }, "protocol error");
    this.end(DisconnectReason.protocolError, "Protocol error");
  }

  /** The shortest of several, since a busy machine or a typing user makes them longer only. */
  get roundTrip(): number {
    return this.#roundTrip;
  }

  answered(): void {
    this.#roundTrip = Math.min(this.#roundTrip, performance.now() - this.outbox.wroteAt);
  }

  activity(): void {
    this.#touch();
  }

  /** The login is proven: waits for a place. False when the client is not let in. */
  async #enter(connection: Connection, messages: Messages, login: Login): Promise<boolean> {
    clearTimeout(this.#grace);
    this.excuse();
    this.#place.leave();
    try {
      const session = await this.#services.sessions.open(login, this);
      this.#session = session;
      this.outbox.chargeTo(session.memory);
      if (login.mustEnrol) this.notice(MUST_ENROL);
      const { config, route } = this.#services;
      const served = { route, max: config.limits.channelsPerSession };
      this.#touch = () => session.touch();
      this.#channels = new Channels(connection, messages, session, this, served);
      return true;
    } catch (error) {
      this.#notEntered(error);
      return false;
    }
  }

  #notEntered(error: unknown): void {
    if (error instanceof Refusal) {
      this.end(DisconnectReason.tooManyConnections, error.message);
    } else if (!this.#ended) {
      const fields = { remote: this.remote, error: errorName(error) };
      this.#log.error(fields, "session not started");
      this.disconnect(error instanceof InstanceError ? NO_FILES : NOT_STARTED);
    }
  }

  #tooSlow(): void {
    this.#log.info({ remote: this.remote }, "login took too long");
    this.disconnect("The login took too long");
  }

  #input(chunk: Buffer, pass: (chunk: Buffer) => void): void {
    if (this.#ended) return;
    this.#onInput?.();
    if (this.#ended) return;
    let data: Buffer | undefined;
    try {
      data = this.#gate.pass(chunk);
    } catch (error) {
      this.#offence = "no-ssh";
      this.#failed(error as Error);
      return;
    }
    if (data !== undefined) pass(data);
    if (this.#ended) return;
    this.#awaitLogin();
    this.#rekeying?.moved();
    if (this.#channels !== undefined) this.#share.moved(chunk.length);
    this.#reading.received(chunk.length);
  }

  /** The keys are agreed on: from the connection's begin a login may take its time. */
  #awaitLogin(): void {
    if (this.#hasKeys || this.#protocol === undefined || !hasSentKeys(this.#protocol)) return;
    this.#hasKeys = true;
    clearTimeout(this.#grace);
    const left = this.#services.config.limits.loginGrace - (performance.now() - this.#since);
    this.#grace = setTimeout(() => this.#tooSlow(), left);
  }

  #isUnread(): boolean {
    const most = this.#channels === undefined ? MAX_UNREAD_BEFORE_LOGIN : MAX_UNREAD;
    return this.outbox.pending > most || this.outbox.pendingPackets > MAX_UNREAD_PACKETS;
  }

  #resume(): void {
    if (this.#socket.isPaused()) this.#socket.resume();
  }

  /** The socket or ssh2 gave up, or the client said why it does. */
  #failed(error: ConnectionError): void {
    if (this.#ended) return;
    if (this.#channels !== undefined && isProtocolError(error)) {
      this.violation(printable(error.message, MAX_IDENT_SHOWN));
      return;
    }
    const text = error.level === undefined ? error.name : error.message;
    this.#log.debug({ remote: this.remote, client: this.client, error: text }, "connection failed");
    this.#finish();
  }

  #finish(): void {
    this.#ended = true;
    this.#release();
    this.#socket.end();
    this.#resume();
    this.#linger ??= setTimeout(() => this.#socket.destroy(), LINGER_MS);
  }

  #closed(): void {
    this.#ended = true;
    clearTimeout(this.#linger);
    this.#linger = undefined;
    this.#socket.destroy();
    this.#release();
  }

  #charge(): void {
    const offence = this.#offence;
    // A password that is being checked still becomes a failed login, or a login.
    if (offence === undefined || this.busy) return;
    this.excuse();
    this.#services.penalties.add(this.address, offence).catch((error: unknown) => {
      this.#log.error({ error: errorName(error) }, "penalty not recorded");
    });
  }

  /** The session may let go of its files; the socket may still be saying the last words. */
  #release(): void {
    clearTimeout(this.#grace);
    clearTimeout(this.#showing);
    this.#charge();
    this.#rekeying?.stop();
    this.#place.leave();
    this.#channels?.close();
    if (!this.#gone.signal.aborted) this.#gone.abort(new Error("the connection is gone"));
  }
}
