/**
 * The private parts of ssh2 1.17.0 (pinned) that its public interface lacks. Only this folder touches
 * them, and self-check.ts looks whether they are there.
 */
import type { Socket } from "node:net";
import type { Channel, Client, ClientChannel, Connection } from "ssh2";

interface PacketWriter {
  readonly allocStart: number;
  readonly allocStartKEX: number;
  alloc(length: number, force?: boolean): Buffer;
  finalize(packet: Buffer, force?: boolean): Buffer;
}

export interface Cipher {
  encrypt(packet: Buffer): void;
  allocPacket(payloadLength: number): Buffer;
}

/** @returns false: the packets after this one have other keys */
type PayloadReader = (payload: Buffer) => unknown;

/** The lists of a KEXINIT, ready to be sent. */
export interface Offer {
  readonly totalSize: number;
  copyAllTo(payload: Buffer, at: number): void;
  readonly lists: {
    readonly kex: List;
    readonly serverHostKey: List;
    readonly cs: DirectionLists;
    readonly sc: DirectionLists;
  };
}

interface List {
  readonly array: readonly string[];
}

type DirectionLists = Readonly<Record<"cipher" | "mac" | "compress" | "lang", List>>;

export interface KeyExchange {
  remoteExtInfoEnabled: boolean;
  readonly negotiated: { kex: string };
  /** for messages */
  type: string;
  /** goes into the exchange hash */
  _remoteKexinit: Buffer | undefined;
  /** what is sent; the server asks for it behind computeSecret */
  getPublicKey(): Buffer;
  /** of what the other end sent, what goes into the exchange hash */
  convertPublicKey(key: Buffer): Buffer;
  /** the secret as it stands behind its length in the hashes */
  computeSecret(theirs: Buffer): Buffer | Error;
  readonly _sentNEWKEYS: boolean;
  /** on the server, once it has sent NEWKEYS: takes the new keys in both directions */
  finish(): void;
}

/** What ssh2 does with messages that it has parsed. */
interface MessageHandlers {
  DISCONNECT(self: Protocol, reason: number, text: string): void;
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
  /** the other end's first line, once it came */
  readonly _remoteIdentRaw?: Buffer | undefined;
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
  _offer: Offer;
  /** what comes next was sent on a wrong guess */
  _skipNextInboundPacket: boolean;
  /** the other end's identification came; what reads the first key exchange is there */
  _onHeader: (...args: unknown[]) => void;
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

/** @param connection either end: the public types hide what both have */
export function protocolOf(connection: Connection | Client): Protocol {
  return (connection as unknown as PrivateConnection)._protocol;
}

/** What the other end calls itself: "SSH-2.0-…"; empty before it has said it. */
export function remoteIdentOf(connection: Connection | Client): string {
  return String(protocolOf(connection)._remoteIdentRaw ?? "");
}

export function socketOf(connection: Connection | Client): Socket {
  return (connection as unknown as PrivateConnection)._sock;
}

export function rawChannel(channel: Channel | ClientChannel): RawChannel {
  return channel as unknown as RawChannel;
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

/** True once the server has said all it has to in its latest key exchange: the client's turn. */
export function hasSentKeys(protocol: Protocol): boolean {
  return protocol._kex?._sentNEWKEYS === true;
}

/**
 * Everything behind our NEWKEYS is under the new keys (RFC 4253 section 7.3), but ssh2's server goes
 * on with the old ones until the client's NEWKEYS comes, and that can take as long as somebody looks
 * at a host key. For the last words only: what the client still sends under its old keys is lost.
 */
export function takeNewKeys(protocol: Protocol): void {
  if (protocol._server && isRekeying(protocol) && hasSentKeys(protocol)) protocol._kex?.finish();
}

/** ssh2's server leaves the method of an aborted login in its list, and refuses the next one for it. */
export function forgetAborted(protocol: Protocol): void {
  protocol._authsQueue.shift();
}
