import { Fields, MalformedMessage } from "./fields.ts";
import type { Protocol } from "./internals.ts";
import { LoginRequests, MSG_USERAUTH_REQUEST } from "./login-requests.ts";
import { sendUnimplemented } from "./send.ts";

/** Message numbers (RFC 4250 section 4.1.2) that this server reads itself. */
export const Message = {
  keyExchange: 20,
  channelOpen: 90,
  channelWindowAdjust: 93,
  channelData: 94,
  channelExtendedData: 95,
  channelEof: 96,
  channelClose: 97,
  channelRequest: 98,
} as const;

/** DISCONNECT, IGNORE, UNIMPLEMENTED, DEBUG; KEXINIT; global requests; all about channels. */
const UNDERSTOOD = numbers([1, 4], [20, 20], [80, 82], [90, 100]);

/** SERVICE_REQUEST, EXT_INFO, USERAUTH_REQUEST, USERAUTH_INFO_RESPONSE. */
const UNDERSTOOD_BEFORE_LOGIN = numbers([5, 5], [7, 7], [50, 50], [61, 61]);

const AUTHENTICATION_SERVICE = "ssh-userauth";

export type MessageReader = (fields: Fields) => void;

export interface MessageEvents {
  /** The client's KEXINIT came: it asks for new keys, or answers that we did. False: it may not. */
  keyExchange(): boolean;
  /** The client broke the protocol: ends the connection. */
  violation(text: string): void;
}

/**
 * Stands between ssh2's decryption and what ssh2 makes of a client's messages behind the first key
 * exchange. What it would leave without an answer is answered here, as OpenSSH's server does it.
 */
export class Messages {
  readonly #protocol: Protocol;
  readonly #events: MessageEvents;
  readonly #requests: LoginRequests;
  #readers: ReadonlyMap<number, MessageReader> = new Map();
  #bytes = 0;

  /** To be made before the first key exchange. */
  constructor(protocol: Protocol, events: MessageEvents) {
    this.#protocol = protocol;
    this.#events = events;
    const pass = protocol._onPayload;
    protocol._onPayload = (payload) => this.#received(payload, pass);
    acceptServiceAgain(protocol);
    this.#requests = new LoginRequests(protocol);
  }

  /** Of all messages so far but those of key exchanges. */
  get bytes(): number {
    return this.#bytes;
  }

  /** From now on these messages, by their numbers, are read by `readers` and not by ssh2. */
  take(readers: ReadonlyMap<number, MessageReader>): void {
    this.#readers = readers;
  }

  #received(payload: Buffer, pass: (payload: Buffer) => unknown): unknown {
    const type = payload[0];
    if (type === undefined) return pass(payload);
    if (type === Message.keyExchange) {
      return this.#events.keyExchange() ? pass(payload) : undefined;
    }
    this.#bytes += payload.length;
    const reader = this.#readers.get(type);
    if (reader !== undefined) {
      this.#protocol._onPacket();
      this.#read(type, reader, payload);
      return undefined;
    }
    if (!this.#isUnderstood(type)) {
      // RFC 4253 section 11.4: whoever sends it is told and goes on.
      this.#protocol._onPacket();
      sendUnimplemented(this.#protocol);
      return undefined;
    }
    if (type === MSG_USERAUTH_REQUEST) this.#requests.received(payload);
    return pass(payload);
  }

  #read(type: number, reader: MessageReader, payload: Buffer): void {
    try {
      reader(new Fields(payload));
    } catch (thrown) {
      if (!(thrown instanceof MalformedMessage)) throw thrown;
      this.#events.violation(`malformed message ${type}`);
    }
  }

  #isUnderstood(type: number): boolean {
    if (UNDERSTOOD.has(type)) return true;
    return !this.#protocol._authenticated && UNDERSTOOD_BEFORE_LOGIN.has(type);
  }
}

function numbers(...ranges: readonly (readonly [number, number])[]): ReadonlySet<number> {
  const all = new Set<number>();
  for (const [first, last] of ranges) for (let n = first; n <= last; n++) all.add(n);
  return all;
}

/** ssh2 disconnects a client that asks for the authentication service twice. */
function acceptServiceAgain(protocol: Protocol): void {
  const handlers = protocol._handlers;
  const begin = handlers.SERVICE_REQUEST;
  let isAccepted = false;
  handlers.SERVICE_REQUEST = (self, service) => {
    if (isAccepted && service === AUTHENTICATION_SERVICE) {
      protocol.serviceAccept(service);
      return;
    }
    isAccepted = service === AUTHENTICATION_SERVICE;
    begin(self, service);
  };
}
