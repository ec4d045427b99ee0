/** What ssh2 has no function for, or none as cheap: messages and packets that are made here. */
import { SIGNATURE_ALGORITHMS } from "./algorithms.ts";
import { type Cipher, isRekeying, isUsable, type Protocol, takeNewKeys } from "./internals.ts";
import { FULL_DATA, packetMemory, pad } from "./packet-memory.ts";

/** SSH message numbers (RFC 4253 section 12, RFC 4252 section 6, RFC 4254 section 9). */
const MSG_DISCONNECT = 1;
const MSG_UNIMPLEMENTED = 3;
const MSG_EXT_INFO = 7;
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

/** server-sig-algs (RFC 8308 section 3.1), right behind the first key exchange. */
export function sendSignatureAlgorithms(protocol: Protocol): void {
  const head = Buffer.from([MSG_EXT_INFO, 0, 0, 0, 1]);
  const algorithms = string(SIGNATURE_ALGORITHMS.join(","));
  send(protocol, Buffer.concat([head, string("server-sig-algs"), algorithms]));
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

/** The packet that is made now comes from memory that is given back, not from the collector's. */
let isLent = false;

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

/**
 * Packets as ssh2's allocPacket makes them, but without a call of the random generator for each,
 * and full ones of data in memory that was used before (see sendData).
 */
export function allocateCheaply(cipher: Cipher): void {
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
