/**
 * The private parts of ssh2 1.17.0 (pinned) that its public interface lacks. But for
 * wide-packets.ts and messages.ts nothing else in the project touches them.
 */
import { createRequire } from "node:module";
import type { Socket } from "node:net";
import type { Channel, Connection } from "ssh2";
import { ALGORITHMS, SIGNATURE_ALGORITHMS } from "./algorithms.ts";
import { FULL_DATA, packetMemory, pad } from "./packet-memory.ts";
import { readsWide, readWide, WIDE_DATA, type WideOptions } from "./wide-packets.ts";

/** SSH message numbers (RFC 4253 section 12, RFC 4252 section 6, RFC 4254 section 9). */
const MSG_DISCONNECT = 1;
const MSG_UNIMPLEMENTED = 3;
const MSG_EXT_INFO = 7;
/** SSH_MSG_KEXINIT, and the last message of key exchange methods (RFC 4250 section 4.1.2). */
const MSG_KEX_FIRST = 20;
const MSG_KEX_LAST = 49;
const MSG_USERAUTH_BANNER = 53;
const MSG_CHANNEL_DATA = 94;

/** SSH_EXTENDED_DATA_STDERR (RFC 4254 section 5.2) */
const STDERR = 1;

/** Disconnect reasons of RFC 4253 section 11.1. */
export const DisconnectReason = {
  protocolError: 2,
  byApplication: 11,
  tooManyConnections: 12,
  noMoreAuthMethods: 14,
} as const;

export type DisconnectReason = (typeof DisconnectReason)[keyof typeof DisconnectReason];

/** RFC 4253 section 6 */
const SMALLEST_PADDING = 4;

/** SSH_MSG_CHANNEL_DATA before its data (RFC 4254 section 5.2). */
const DATA_HEADER = 9;

interface PacketWriter {
  readonly allocStart: number;
  readonly allocStartKEX: number;
  alloc(length: number, force?: boolean): Buffer;
  finalize(packet: Buffer, force?: boolean): Buffer;
}

interface Cipher {
  encrypt(packet: Buffer): void;
  allocPacket(payloadLength: number): Buffer;
}

/** @returns false: the packets after this one have other keys */
type PayloadReader = (payload: Buffer) => unknown;

interface KeyExchange {
  remoteExtInfoEnabled: boolean;
  readonly negotiated: { readonly kex: string };
  readonly _sentNEWKEYS: boolean;
  /** on the server, once it has sent NEWKEYS: takes the new keys in both directions */
  finish(): void;
}

/** What ssh2's server does with messages that it has parsed. */
interface MessageHandlers {
  SERVICE_REQUEST(self: Protocol, service: string): void;
  USERAUTH_REQUEST(
    self: Protocol,
    user: string,
    service: string,
    method: string,
    data: unknown,
  ): void;
}

export interface Protocol {
  readonly _server: boolean;
  readonly _packetRW: { readonly write: PacketWriter };
  readonly _cipher: Cipher;
  /** inSeqno: the number of the next packet */
  _decipher: { _onPayload: PayloadReader; readonly inSeqno: number };
  readonly _authenticated: boolean;
  /** reads the messages of all packets but those of a key exchange under way */
  _onPayload: PayloadReader;
  /** tells the keepalive that the peer lives */
  readonly _onPacket: () => void;
  readonly _handlers: MessageHandlers;
  /** set while a key exchange is under way: packets are queued then */
  readonly _kexinit: Buffer | undefined;
  readonly _queue: readonly unknown[] | undefined;
  readonly _kex: KeyExchange | undefined;
  readonly _authsQueue: string[];
  /** undefined once the connection failed: nothing may be sent any more */
  readonly _destruct: unknown;
  _offer: unknown;
  _onHandshakeComplete: (...args: unknown[]) => void;
  subsystem: (channel: number, name: string, wantReply: boolean) => void;
  session: (channel: number, window: number, packet: number) => void;
  /** DISCONNECT with a reason and no text */
  disconnect: (reason: number) => void;
  serviceAccept(service: string): void;
  channelOpenConfirm(theirs: number, ours: number, window: number, packet: number): void;
  channelOpenFail(theirs: number, reason: number, text: string): void;
  channelSuccess(channel: number): void;
  channelFailure(channel: number): void;
  channelWindowAdjust(channel: number, bytes: number): void;
  channelExtData(channel: number, data: Buffer, type: number): void;
  channelEOF(channel: number): void;
  channelClose(channel: number): void;
  exitStatus(channel: number, status: number): void;
  /** @param name without "SIG" */
  exitSignal(channel: number, name: string, coreDumped: boolean, text: string): void;
  /** a request that every server answers, if only by refusing it */
  ping(): void;
}

interface PrivateConnection {
  readonly _protocol: Protocol;
  readonly _sock: Socket;
}

export interface ChannelEnd {
  readonly id: number;
  window: number;
  readonly packetSize: number;
  state: "open" | "eof" | "closing" | "closed";
}

/** What of a channel the ByteChannel needs; see lib/Channel.js and CHANNEL_* in lib/client.js. */
export interface RawChannel {
  readonly incoming: ChannelEnd;
  readonly outgoing: ChannelEnd;
  push: (data: Buffer | null) => boolean;
  _waitWindow: boolean;
  _chunkcb: (() => void) | undefined;
  eof(): void;
  close(): void;
}

const { KexInit } = createRequire(import.meta.url)("ssh2/lib/protocol/kex.js") as {
  KexInit: new (lists: object) => object;
};

const DIRECTION = {
  cipher: [...ALGORITHMS.cipher],
  mac: [...ALGORITHMS.hmac],
  compress: [...ALGORITHMS.compress],
  lang: [],
};

/** ssh2 adds ssh-rsa (SHA-1) to every RSA host key, so the offer is made here. */
const OFFER = new KexInit({
  kex: [...ALGORITHMS.kex, "kex-strict-s-v00@openssh.com"],
  serverHostKey: [...ALGORITHMS.serverHostKey],
  cs: DIRECTION,
  sc: DIRECTION,
});

export function protocolOf(connection: Connection): Protocol {
  return (connection as unknown as PrivateConnection)._protocol;
}

export function socketOf(connection: Connection): Socket {
  return (connection as unknown as PrivateConnection)._sock;
}

export function rawChannel(channel: Channel): RawChannel {
  return channel as unknown as RawChannel;
}

/** Offers our algorithms; to be called before the key exchange starts (in "connection"). */
export function offerAlgorithms(protocol: Protocol): void {
  protocol._offer = OFFER;
}

/** Says to the server, for each channel, that wide packets are taken. */
export function askWide(protocol: Protocol): void {
  const open = protocol.session.bind(protocol);
  protocol.session = (channel, window, packet) => {
    open(channel, window, readsWide(protocol) ? WIDE_DATA : packet);
  };
}

/** Sets right what ssh2 does in key exchanges and with packets; to be called before the first one. */
export function adaptHandshake(protocol: Protocol, options?: WideOptions): void {
  takeOthers(protocol);
  readWide(protocol, options);
  const disconnect = protocol.disconnect.bind(protocol);
  protocol.disconnect = (reason) => {
    takeNewKeys(protocol);
    disconnect(reason);
  };
  const complete = protocol._onHandshakeComplete;
  let first = true;
  protocol._onHandshakeComplete = (...args) => {
    allocateCheaply(protocol._cipher);
    if (first) announceSignatures(protocol);
    first = false;
    complete(...args);
  };
}

/**
 * Takes other packets in the midst of a later key exchange, as OpenSSH does. IGNORE and its like are
 * right there (RFC 4253 section 7.1; strict key exchange forbids them in the first one only), and
 * Debian 12's asyncssh goes on with its data. ssh2 ended the connection.
 */
function takeOthers(protocol: Protocol): void {
  let exchange = protocol._kex;
  Object.defineProperty(protocol, "_kex", {
    get: () => exchange,
    // ssh2 sets it right after it changed who reads the packets of a later exchange.
    set(next: Protocol["_kex"]) {
      const isLater = exchange !== undefined;
      exchange = next;
      if (!isLater) return;
      const decipher = protocol._decipher;
      const read = decipher._onPayload;
      decipher._onPayload = (payload) => {
        const type = payload[0] ?? 0;
        const isOfExchange = type >= MSG_KEX_FIRST && type <= MSG_KEX_LAST;
        return isOfExchange ? read(payload) : protocol._onPayload(payload);
      };
    },
  });
}

/** ssh2's own server-sig-algs names SHA-1 and lacks a comma: sends a correct one instead. */
function announceSignatures(protocol: Protocol): void {
  const exchange = protocol._kex;
  if (!exchange?.remoteExtInfoEnabled) return;
  exchange.remoteExtInfoEnabled = false;
  send(
    protocol,
    Buffer.concat([
      Buffer.from([MSG_EXT_INFO, 0, 0, 0, 1]),
      string("server-sig-algs"),
      string(SIGNATURE_ALGORITHMS.join(",")),
    ]),
  );
}

/** The packet that is made now comes from memory that is given back, not from the collector's. */
let isLent = false;

/**
 * Packets as ssh2's allocPacket makes them, but without a call of the random generator for each,
 * and full ones of data in memory that was used before (see sendData).
 */
function allocateCheaply(cipher: Cipher): void {
  // The smallest packet: one block that holds the padding's length and the padding, and with a MAC
  // of the plain text the length field before them, too.
  const smallest = cipher.allocPacket(0);
  const length = smallest.readUInt32BE(0);
  const lead = length % 8 === 0 ? 1 : 5;
  const block = length - 1 + lead;
  const tag = smallest.length - 4 - length;
  cipher.allocPacket = (payload) => {
    const short = block - ((lead + payload) % block);
    const padding = short < SMALLEST_PADDING ? short + block : short;
    const size = 5 + payload + padding + tag;
    const packet = isLent ? packetMemory(size) : Buffer.allocUnsafe(size);
    packet.writeUInt32BE(1 + payload + padding, 0);
    packet[4] = padding;
    pad(packet, 5 + payload, padding);
    return packet;
  };
}

/** The method of the latest key exchange, by its name. */
export function keyExchangeMethod(protocol: Protocol): string {
  return protocol._kex?.negotiated.kex ?? "";
}

/** True while packets are held back by a key exchange. */
export function isRekeying(protocol: Protocol): boolean {
  return protocol._kexinit !== undefined;
}

export function isUsable(protocol: Protocol): boolean {
  return protocol._destruct !== undefined;
}

function string(text: string): Buffer {
  const body = Buffer.from(text, "utf8");
  const out = Buffer.alloc(4 + body.length);
  out.writeUInt32BE(body.length);
  body.copy(out, 4);
  return out;
}

/** Sends a packet at once, also in the middle of a key exchange, where only few kinds may be sent. */
function send(protocol: Protocol, payload: Buffer): void {
  const writer = protocol._packetRW.write;
  const packet = writer.alloc(payload.length, true);
  payload.copy(packet, writer.allocStartKEX);
  protocol._cipher.encrypt(writer.finalize(packet, true));
}

/** True once the server has said all it has to in its latest key exchange: the client's turn. */
export function hasSentKeys(protocol: Protocol): boolean {
  return protocol._kex?._sentNEWKEYS === true;
}

/**
 * Everything behind our NEWKEYS is under the new keys (RFC 4253 section 7.3), but ssh2's server goes
 * on with the old ones until the client's NEWKEYS comes, and that can take as long as somebody looks
 * at a host key. For the last words only: what the client still sends under its old keys is lost.
 */
function takeNewKeys(protocol: Protocol): void {
  if (protocol._server && isRekeying(protocol) && hasSentKeys(protocol)) protocol._kex?.finish();
}

/** SSH_MSG_DISCONNECT with a text the client's user reads (RFC 4253 section 11.1). */
export function sendDisconnect(protocol: Protocol, reason: DisconnectReason, text: string): void {
  if (!isUsable(protocol)) return;
  takeNewKeys(protocol);
  send(protocol, disconnectPayload(reason, text));
}

/** SSH_MSG_UNIMPLEMENTED for the packet that was read last (RFC 4253 section 11.4). */
export function sendUnimplemented(protocol: Protocol): void {
  if (!isUsable(protocol)) return;
  const payload = Buffer.alloc(5);
  payload[0] = MSG_UNIMPLEMENTED;
  payload.writeUInt32BE((protocol._decipher.inSeqno - 1) >>> 0, 1);
  send(protocol, payload);
}

export function disconnectPayload(reason: DisconnectReason, text: string): Buffer {
  const head = Buffer.from([MSG_DISCONNECT, 0, 0, 0, reason]);
  return Buffer.concat([head, string(text), string("")]);
}

/** SSH_MSG_USERAUTH_BANNER (RFC 4252 section 5.4): only before the login is complete. */
export function sendBanner(protocol: Protocol, text: string): void {
  if (!isUsable(protocol) || isRekeying(protocol)) return;
  const head = Buffer.from([MSG_USERAUTH_BANNER]);
  send(protocol, Buffer.concat([head, string(`${text}\r\n`), string("")]));
}

/**
 * One SSH_MSG_CHANNEL_DATA (RFC 4254 section 5.2) of `length` bytes that `fill` copies to the
 * offset it is given. Not while re-keying.
 * @returns the packet where its memory is to be given back once the socket has written it
 */
export function sendData(
  protocol: Protocol,
  channel: number,
  length: number,
  fill: (packet: Buffer, offset: number) => void,
): Buffer | undefined {
  const writer = protocol._packetRW.write;
  const start = writer.allocStart;
  const lent = length >= FULL_DATA;
  isLent = lent;
  const packet = writer.alloc(DATA_HEADER + length);
  isLent = false;
  packet[start] = MSG_CHANNEL_DATA;
  packet.writeUInt32BE(channel, start + 1);
  packet.writeUInt32BE(length, start + 5);
  fill(packet, start + DATA_HEADER);
  protocol._cipher.encrypt(writer.finalize(packet));
  return lent ? packet : undefined;
}

/**
 * Sends `data` right behind the next request for a subsystem, as OpenSSH's client does.
 * @returns ends that, and tells whether it was sent: in a key exchange it is not
 */
export function sendBehindSubsystem(protocol: Protocol, data: Buffer): () => boolean {
  const ask = protocol.subsystem;
  let sent = false;
  protocol.subsystem = (channel, name, wantReply) => {
    ask.call(protocol, channel, name, wantReply);
    if (sent || isRekeying(protocol)) return;
    sendData(protocol, channel, data.length, (packet, at) => data.copy(packet, at));
    sent = true;
  };
  return () => {
    protocol.subsystem = ask;
    return sent;
  };
}

/** Bytes for the client's standard error. */
export function sendErrorData(protocol: Protocol, channel: number, data: Buffer): void {
  protocol.channelExtData(channel, data, STDERR);
}
