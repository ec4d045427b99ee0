import type { Client, ConnectConfig } from "ssh2";
import { dial, type Ending, socketOf, type Target } from "./ssh-client.ts";

/** Message numbers of RFC 4250 section 4.1.2. */
export const Msg = {
  DISCONNECT: 1,
  IGNORE: 2,
  UNIMPLEMENTED: 3,
  KEXINIT: 20,
  USERAUTH_REQUEST: 50,
  USERAUTH_FAILURE: 51,
  USERAUTH_SUCCESS: 52,
  GLOBAL_REQUEST: 80,
  REQUEST_SUCCESS: 81,
  REQUEST_FAILURE: 82,
  CHANNEL_OPEN: 90,
  CHANNEL_OPEN_CONFIRMATION: 91,
  CHANNEL_OPEN_FAILURE: 92,
  CHANNEL_WINDOW_ADJUST: 93,
  CHANNEL_DATA: 94,
  CHANNEL_EXTENDED_DATA: 95,
  CHANNEL_EOF: 96,
  CHANNEL_CLOSE: 97,
  CHANNEL_REQUEST: 98,
  CHANNEL_SUCCESS: 99,
  CHANNEL_FAILURE: 100,
} as const;

/** A field of a message: a byte, a number of 32 bits, a string or boolean (RFC 4251 section 5). */
export type Field = { readonly byte: number } | number | string | Buffer | boolean;

export function message(type: number, ...fields: readonly Field[]): Buffer {
  return Buffer.concat([Buffer.from([type]), ...fields.map(encode)]);
}

function encode(field: Field): Buffer {
  if (typeof field === "boolean") return Buffer.from([field ? 1 : 0]);
  if (typeof field === "number") return u32(field);
  if (typeof field === "string" || Buffer.isBuffer(field)) {
    const bytes = Buffer.from(field as string);
    return Buffer.concat([u32(bytes.length), bytes]);
  }
  return Buffer.from([field.byte]);
}

function u32(value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32BE(value);
  return out;
}

interface Inner {
  _onPayload: (payload: Buffer) => unknown;
  readonly _packetRW: {
    readonly write: {
      readonly allocStartKEX: number;
      alloc(length: number, force: boolean): Buffer;
      finalize(packet: Buffer, force: boolean): Buffer;
    };
  };
  readonly _cipher: { encrypt(packet: Buffer): void };
}

/** The channels that tests open get numbers from here: ssh2's own count from 0. */
export const FIRST_CHANNEL = 100;

/**
 * A client that sends the packets a test makes, in any state, and keeps all that come. ssh2 does the
 * key exchange and the login; it knows nothing of the channels that are opened here.
 */
export class RawClient {
  readonly client: Client;
  readonly ending: Ending;
  /** the server's messages behind the key exchange, in the order they came */
  readonly received: Buffer[] = [];
  readonly #inner: Inner;
  readonly #waiting = new Set<() => void>();
  #isStranger = false;
  #isClosed = false;

  private constructor(target: Target, config: ConnectConfig) {
    const dialed = dial(target, config);
    this.client = dialed.client;
    this.ending = dialed;
    this.ready = dialed.ready;
    this.#inner = (dialed.client as unknown as { _protocol: Inner })._protocol;
    const read = this.#inner._onPayload;
    this.#inner._onPayload = (payload) => {
      this.received.push(Buffer.from(payload));
      // ssh2's client fails at answers to requests that it has not made.
      const isOwn = this.#isStranger && payload[0] !== Msg.DISCONNECT;
      const result = isOwn ? undefined : read(payload);
      this.#changed();
      return result;
    };
    void dialed.closed.then(() => {
      this.#isClosed = true;
      this.#changed();
    });
  }

  readonly ready: Promise<void>;

  /** A client that is logged in. */
  static async open(target: Target, config: ConnectConfig = {}): Promise<RawClient> {
    const raw = new RawClient(target, { password: "secret", ...config });
    await raw.ready;
    raw.received.length = 0;
    return raw;
  }

  /** A client after the key exchange, before any request to log in. */
  static async stranger(target: Target, config: ConnectConfig = {}): Promise<RawClient> {
    let begin: () => void = () => {};
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    // ssh2 asks what to try next and waits for the answer.
    const raw = new RawClient(target, { readyTimeout: 0, ...config, authHandler: () => begin() });
    await Promise.race([begun, raw.ending.closed]);
    raw.#isStranger = true;
    raw.received.length = 0;
    return raw;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Sends a packet at once, also in the middle of a key exchange. */
  send(payload: Buffer): void {
    const { _packetRW, _cipher } = this.#inner;
    const packet = _packetRW.write.alloc(payload.length, true);
    payload.copy(packet, _packetRW.write.allocStartKEX);
    _cipher.encrypt(_packetRW.write.finalize(packet, true));
  }

  /** Sends several packets in one piece. */
  sendAll(payloads: readonly Buffer[]): void {
    const socket = socketOf(this.client);
    socket.cork();
    for (const payload of payloads) this.send(payload);
    socket.uncork();
  }

  /** Resolves when `done` is true; rejects when the connection ends before. */
  async until(done: () => boolean): Promise<void> {
    while (!done()) {
      if (this.#isClosed) {
        throw new Error(`the connection ended: ${this.ending.errors.join("; ")} ${this.log()}`);
      }
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiting.delete(wake);
          resolve();
        };
        this.#waiting.add(wake);
      });
    }
  }

  /** Resolves when the server has read all that was sent so far, or has ended the connection. */
  async settled(): Promise<void> {
    const before = this.#failures();
    this.send(message(Msg.GLOBAL_REQUEST, "settled@test", true));
    await this.until(() => this.#failures() > before || this.#isClosed).catch(() => {});
  }

  #failures(): number {
    return this.received.filter((payload) => payload[0] === Msg.REQUEST_FAILURE).length;
  }

  /** Opens a session channel; resolves to the server's number of it. */
  async openSession(ours = FIRST_CHANNEL, window = 1 << 20, packet = 32_768): Promise<number> {
    this.send(message(Msg.CHANNEL_OPEN, "session", ours, window, packet));
    const answer = (): Buffer | undefined =>
      this.received.find(
        (payload) =>
          payload[0] === Msg.CHANNEL_OPEN_CONFIRMATION && payload.readUInt32BE(1) === ours,
      );
    await this.until(() => answer() !== undefined);
    return (answer() as Buffer).readUInt32BE(5);
  }

  /** A request on the server's channel. */
  request(channel: number, type: string, wantReply: boolean, ...fields: readonly Field[]): void {
    this.send(message(Msg.CHANNEL_REQUEST, channel, type, wantReply, ...fields));
  }

  /** What came, in words, one entry a message; barriers and window adjusts left out. */
  log(): string[] {
    return this.received.map(describe).filter((line) => line !== "" && !/^ADJUST/.test(line));
  }

  close(): void {
    this.client.destroy();
  }

  #changed(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}

/** One of the server's messages in words; empty for those of no interest. */
export function describe(payload: Buffer): string {
  const number = (at: number): number => payload.readUInt32BE(at);
  const text = (at: number): string => payload.toString("latin1", at + 4, at + 4 + number(at));
  switch (payload[0]) {
    case Msg.DISCONNECT:
      return `DISCONNECT ${number(1)}`;
    case Msg.USERAUTH_SUCCESS:
      return "USERAUTH_SUCCESS";
    case Msg.UNIMPLEMENTED:
      return "UNIMPLEMENTED";
    case Msg.USERAUTH_FAILURE:
      return `USERAUTH_FAILURE ${text(1)}`;
    case Msg.REQUEST_FAILURE:
    case Msg.REQUEST_SUCCESS:
    case Msg.GLOBAL_REQUEST:
    case 2:
    case 4:
    case 7:
      return "";
    case Msg.CHANNEL_OPEN_CONFIRMATION:
      return `CONFIRM ${number(1)}`;
    case Msg.CHANNEL_OPEN_FAILURE:
      return `OPEN_FAILURE ${number(1)}, ${number(5)}`;
    case Msg.CHANNEL_WINDOW_ADJUST:
      return `ADJUST ${number(1)}, ${number(5)}`;
    case Msg.CHANNEL_DATA:
      return `DATA ${number(1)} ${JSON.stringify(text(5))}`;
    case Msg.CHANNEL_EXTENDED_DATA:
      return `STDERR ${number(1)}`;
    case Msg.CHANNEL_EOF:
      return `EOF ${number(1)}`;
    case Msg.CHANNEL_CLOSE:
      return `CLOSE ${number(1)}`;
    case Msg.CHANNEL_SUCCESS:
      return `SUCCESS ${number(1)}`;
    case Msg.CHANNEL_FAILURE:
      return `FAILURE ${number(1)}`;
    case Msg.CHANNEL_REQUEST: {
      const type = text(5);
      const value = type === "exit-status" ? ` ${number(5 + 4 + type.length + 1)}` : "";
      return `REQUEST ${number(1)} ${type}${value}`;
    }
    default:
      return `MESSAGE ${payload[0]}`;
  }
}
