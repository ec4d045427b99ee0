/**
 * The private parts of ssh2 1.17.0 (pinned) that its public interface lacks. But for
 * wide-packets.ts nothing else in the project touches them.
 */
import { createRequire } from "node:module";
import type { Socket } from "node:net";
import type { Channel, Connection, Session } from "ssh2";
import { ALGORITHMS, SIGNATURE_ALGORITHMS } from "./algorithms.ts";
import { FULL_DATA, packetMemory, pad } from "./packet-memory.ts";
import { readsWide, readWide, WIDE_DATA, type WideOptions } from "./wide-packets.ts";

/** SSH message numbers (RFC 4253 section 12, RFC 4252 section 6, RFC 4254 section 9). */
const MSG_DISCONNECT = 1;
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

export interface Protocol {
  readonly _packetRW: { readonly write: PacketWriter };
  readonly _cipher: Cipher;
  _decipher: { _onPayload: PayloadReader };
  readonly _authenticated: boolean;
  readonly _onPayload: PayloadReader;
  /** set while a key exchange is under way: packets are queued then */
  readonly _kexinit: Buffer | undefined;
  readonly _queue: readonly unknown[] | undefined;
  readonly _kex: { remoteExtInfoEnabled: boolean } | undefined;
  readonly _authsQueue: string[];
  /** undefined once the connection failed: nothing may be sent any more */
  readonly _destruct: unknown;
  _offer: unknown;
  _onHandshakeComplete: (...args: unknown[]) => void;
  subsystem: (channel: number, name: string, wantReply: boolean) => void;
  session: (channel: number, window: number, packet: number) => void;
  channelOpenConfirm: (theirs: number, ours: number, window: number, packet: number) => void;
  channelWindowAdjust(channel: number, bytes: number): void;
  channelExtData(channel: number, data: Buffer, type: number): void;
  channelClose(channel: number): void;
  exitStatus(channel: number, status: number): void;
  /** a request that every server answers, if only by refusing it */
  ping(): void;
}

interface PrivateConnection {
  readonly _protocol: Protocol;
  readonly _sock: Socket;
  readonly _chanMgr: { get(id: number): unknown; remove(id: number): void };
}

interface ChannelEnd {
  readonly id: number;
  window: number;
  readonly packetSize: number;
  state: "open" | "eof" | "closing" | "closed";
}

interface PrivateSession {
  readonly _chanInfo: { readonly incoming: ChannelEnd; readonly outgoing: ChannelEnd };
  readonly _channel: unknown;
}

/** What of a channel the ByteChannel needs; see lib/Channel.js and CHANNEL_* in lib/server.js. */
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

/** The largest packet the client takes on this channel, as it said in CHANNEL_OPEN. */
export function maxPacketOf(session: Session): number {
  return (session as unknown as PrivateSession)._chanInfo.outgoing.packetSize;
}

/** Our number of the channel; the same for two Session objects exactly when they are one. */
export function channelIdOf(session: Session): number {
  return (session as unknown as PrivateSession)._chanInfo.incoming.id;
}

/**
 * Answers the CLOSE of a session channel on which nothing was ever started. ssh2 neither answers
 * nor forgets such a channel.
 */
export function closeUnused(connection: Connection, session: Session): void {
  const { _chanInfo: info, _channel: started } = session as unknown as PrivateSession;
  if (started !== undefined) return;
  const { _chanMgr, _protocol } = connection as unknown as PrivateConnection;
  _chanMgr.remove(info.incoming.id);
  _protocol.channelClose(info.outgoing.id);
}

/** Offers our algorithms; to be called before the key exchange starts (in "connection"). */
export function offerAlgorithms(protocol: Protocol): void {
  protocol._offer = OFFER;
}

/**
 * Opens channels with other limits than ssh2's: wide packets for a client that takes them, and
 * @param granted what the client may send on the channel that is being opened, in bytes; undefined:
 * ssh2's window
 */
export function adaptOpening(connection: Connection, granted: () => number | undefined): void {
  const { _protocol: protocol, _chanMgr: channels } = connection as unknown as PrivateConnection;
  const confirm = protocol.channelOpenConfirm.bind(protocol);
  protocol.channelOpenConfirm = (theirs, ours, window, packet) => {
    const session = channels.get(ours) as PrivateSession | undefined;
    const taken = Math.min(session?._chanInfo.outgoing.packetSize ?? 0, WIDE_DATA);
    const largest = readsWide(protocol) ? Math.max(packet, taken) : packet;
    confirm(theirs, ours, granted() ?? window, largest);
  };
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

/** SSH_MSG_DISCONNECT with a text the client's user reads (RFC 4253 section 11.1). */
export function sendDisconnect(protocol: Protocol, reason: DisconnectReason, text: string): void {
  if (isUsable(protocol)) send(protocol, disconnectPayload(reason, text));
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
