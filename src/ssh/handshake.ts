/** What is set right, once for each connection, of how ssh2 exchanges keys and reads packets. */
import { HybridMethod } from "./hybrid-exchange.ts";
import { type Protocol, takeNewKeys } from "./internals.ts";
import { type KeyEncapsulation, kem } from "./ml-kem.ts";
import { allocateCheaply, sendSignatureAlgorithms } from "./send.ts";
import { readsWide, readWide, WIDE_DATA, type WideOptions } from "./wide-packets.ts";

/** SSH_MSG_KEXINIT, and the last message of key exchange methods (RFC 4250 section 4.1.2). */
const MSG_KEX_FIRST = 20;
const MSG_KEX_LAST = 49;

export interface HandshakeOptions extends WideOptions {
  /** the one to use for hybrid key exchanges */
  readonly kem?: KeyEncapsulation;
}

/** Says to the server, for each channel, that wide packets are taken. */
export function askWide(protocol: Protocol): void {
  const open = protocol.session.bind(protocol);
  protocol.session = (channel, window, packet) => {
    open(channel, window, readsWide(protocol) ? WIDE_DATA : packet);
  };
}

/** Sets right what ssh2 does in key exchanges and with packets; to be called before the first one. */
export function adaptHandshake(protocol: Protocol, options: HandshakeOptions = {}): void {
  const hybrid = new HybridMethod(protocol, options.kem ?? kem);
  takeOthers(protocol, (exchange) => hybrid.adopt(exchange));
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
 * @param made is told of each exchange as soon as ssh2 has made it
 */
function takeOthers(protocol: Protocol, made: (exchange: Protocol["_kex"]) => void): void {
  let exchange = protocol._kex;
  Object.defineProperty(protocol, "_kex", {
    get: () => exchange,
    // ssh2 sets it right after it changed who reads the packets of a later exchange.
    set(next: Protocol["_kex"]) {
      const isLater = exchange !== undefined;
      exchange = next;
      made(next);
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
  sendSignatureAlgorithms(protocol);
}
