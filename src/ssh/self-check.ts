/**
 * Whether ssh2 has the private parts that this folder relies on. It is pinned, but an installation can
 * be put together in other ways, and a part that is missing would show in the midst of a transfer.
 */
import { createRequire } from "node:module";
import { Duplex } from "node:stream";
import { ALGORITHMS } from "./algorithms.ts";
import { standInFor } from "./hybrid-exchange.ts";
import type { Protocol } from "./internals.ts";
import { OFFER } from "./offer.ts";
import { INITIAL_WINDOW } from "./receive-window.ts";

const WANTED = "1.17.0";

const require = createRequire(import.meta.url);

/** SSH_MSG_KEXINIT: its number, what comes before and behind its lists, in bytes (RFC 4253 7.1). */
const MSG_KEXINIT = 20;
const LISTS_AT = 17;
const BEHIND_LISTS = 5;

/** A result of `typeof`, where "undefined" is a field of its object's own without a value; or a value. */
type Kind = "boolean" | "function" | "number" | "object" | "string" | "undefined" | number;

/** An object of ssh2 and what it must have, by paths in it. */
export interface Shape {
  readonly name: string;
  readonly object: object;
  readonly has: Readonly<Record<string, Kind>>;
}

const CONNECTION = { _protocol: "object", _sock: "object", noMoreSessions: "boolean" } as const;

/** Before a connection: its fields are there. */
const CLIENT = { _protocol: "undefined", _sock: "undefined" } as const;

/** Before the first key exchange. */
const PROTOCOL = {
  _authenticated: "boolean",
  _authsQueue: "object",
  "_authsQueue.shift": "function",
  "_cipher.allocPacket": "function",
  "_cipher.encrypt": "function",
  _decipher: "undefined",
  _destruct: "function",
  "_handlers.DISCONNECT": "function",
  "_handlers.SERVICE_REQUEST": "function",
  "_handlers.USERAUTH_REQUEST": "function",
  _kex: "undefined",
  _kexinit: "undefined",
  _offer: "object",
  "_offer.lists.cs.cipher.array": "object",
  "_offer.lists.kex.array": "object",
  _onHandshakeComplete: "function",
  _onHeader: "function",
  _onPacket: "function",
  _onPayload: "function",
  "_packetRW.write.alloc": "function",
  "_packetRW.write.allocStart": "number",
  "_packetRW.write.allocStartKEX": "number",
  "_packetRW.write.finalize": "function",
  _queue: "undefined",
  _server: "boolean",
  _skipNextInboundPacket: "boolean",
  channelClose: "function",
  channelEOF: "function",
  channelExtData: "function",
  channelFailure: "function",
  channelOpenConfirm: "function",
  channelOpenFail: "function",
  channelSuccess: "function",
  channelWindowAdjust: "function",
  disconnect: "function",
  exitSignal: "function",
  exitStatus: "function",
  ping: "function",
  serviceAccept: "function",
  session: "function",
  subsystem: "function",
} as const;

const KEY_EXCHANGE = {
  _remoteKexinit: "object",
  _sentNEWKEYS: "boolean",
  computeSecret: "function",
  convertPublicKey: "function",
  finish: "function",
  getPublicKey: "function",
  "negotiated.kex": "string",
  remoteExtInfoEnabled: "boolean",
  type: "string",
} as const;

const CIPHER = { allocPacket: "function", encrypt: "function" } as const;
const DECIPHER = { _onPayload: "function", decrypt: "function", inSeqno: "number" } as const;

/** With ssh2's native part and without it, by the classes that gcm.ts knows. */
const NATIVE_GCM = { "AESGCMDecipherBinding._instance.decrypt": "function" } as const;
const PLAIN_GCM = {
  "AESGCMDecipherNative._decipherIV": "object",
  "AESGCMDecipherNative._decipherKey": "object",
  "AESGCMDecipherNative._decipherSSLName": "string",
} as const;

const CHANNEL = {
  _chunkcb: "undefined",
  _waitWindow: "boolean",
  close: "function",
  eof: "function",
  incoming: "object",
  outgoing: "object",
  push: "function",
} as const;

type Connection = new (
  socket: Duplex,
  hostKeys: object,
  ident: undefined,
  offer: object,
  debug: undefined,
  server: object,
  config: object,
) => { readonly _protocol: Protocol };

/** What of ssh2's modules is needed to look at the rest. */
interface Crypto {
  readonly bindingAvailable: boolean;
  readonly CIPHER_INFO: Readonly<Record<string, { keyLen: number; ivLen: number }>>;
  readonly MAC_INFO: Readonly<Record<string, { len: number }>>;
  createCipher(config: object): object;
  createDecipher(config: object): object;
}

/** @throws Error with one line that names what is missing, and which ssh2 is wanted */
export function checkSsh2(look: () => readonly Shape[] = shapes): void {
  let lack: string | undefined;
  try {
    lack = lackOf(look());
  } catch (error) {
    lack = `can't be looked at (${(error as Error).message.split("\n")[0]})`;
  }
  if (lack === undefined) return;
  throw new Error(`the ssh2 that is installed ${lack}: version ${WANTED} is wanted, run npm ci`);
}

/** The first thing that is missing, in words. */
export function lackOf(all: readonly Shape[]): string | undefined {
  for (const { name, object, has } of all) {
    for (const [path, kind] of Object.entries(has)) {
      if (!isThere(object, path, kind)) return `has no ${name}.${path} (${kind})`;
    }
  }
  return undefined;
}

function isThere(object: object, path: string, kind: Kind): boolean {
  const names = path.split(".");
  const last = names.pop() as string;
  let holder: Record<string, unknown> | undefined = object as Record<string, unknown>;
  for (const name of names) holder = holder?.[name] as typeof holder;
  const value = holder?.[last];
  if (kind === "undefined") return value === undefined && Object.hasOwn(holder ?? {}, last);
  return typeof kind === "number" ? value === kind : typeof value === kind;
}

/** What is installed, and what it must have. Nothing of it is connected to anything. */
export function shapes(): Shape[] {
  const { Client } = require("ssh2") as { Client: new () => object };
  const { Channel, MAX_WINDOW } = require("ssh2/lib/Channel.js") as {
    Channel: new (client: object, ends: object) => object;
    MAX_WINDOW: number;
  };
  const connection = accepted();
  const ends = { incoming: {}, outgoing: {} };
  return [
    { name: "Connection", object: connection, has: CONNECTION },
    { name: "Client", object: new Client(), has: CLIENT },
    { name: "Protocol", object: connection._protocol, has: PROTOCOL },
    { name: "KeyExchange", object: keyExchange() ?? {}, has: KEY_EXCHANGE },
    { name: "Channel", object: new Channel({}, ends), has: CHANNEL },
    { name: "Channel.js", object: { MAX_WINDOW }, has: { MAX_WINDOW: INITIAL_WINDOW } },
    ...ciphers(),
  ];
}

/** A server's connection on a socket that leads nowhere. */
function accepted(): InstanceType<Connection> {
  const { IncomingClient } = require("ssh2/lib/server.js") as { IncomingClient: Connection };
  const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  return new IncomingClient(socket, {}, undefined, OFFER, undefined, {}, {});
}

/** As it is when a client's KEXINIT has come that wants the hybrid. */
function keyExchange(): Protocol["_kex"] {
  const { HANDLERS } = require("ssh2/lib/protocol/kex.js") as {
    HANDLERS: { [MSG_KEXINIT](protocol: Protocol, payload: Buffer): void };
  };
  const offered = Buffer.alloc(LISTS_AT + OFFER.totalSize + BEHIND_LISTS);
  OFFER.copyAllTo(offered, LISTS_AT);
  const payload = standInFor(offered, OFFER.lists.kex.array, true) ?? offered;
  const protocol = accepted()._protocol;
  HANDLERS[MSG_KEXINIT](protocol, payload);
  return protocol._kex;
}

function ciphers(): Shape[] {
  const crypto = require("ssh2/lib/protocol/crypto.js") as Crypto;
  const made = ALGORITHMS.cipher.map((name) => ({ name, ...cipherPair(crypto, name) }));
  const gcm = (made[0] as (typeof made)[0]).decipher;
  return [
    {
      name: "AES-GCM",
      object: { [gcm.constructor.name]: gcm },
      has: crypto.bindingAvailable ? NATIVE_GCM : PLAIN_GCM,
    },
    ...made.map(({ name, cipher }) => ({ name: `cipher ${name}`, object: cipher, has: CIPHER })),
    ...made.map(({ name, decipher }) => {
      return { name: `decipher ${name}`, object: decipher, has: DECIPHER };
    }),
  ];
}

function cipherPair(crypto: Crypto, name: string): { cipher: object; decipher: object } {
  const { CIPHER_INFO, MAC_INFO, createCipher, createDecipher } = crypto;
  const info = CIPHER_INFO[name];
  const mac = MAC_INFO[ALGORITHMS.hmac[0]];
  const key = Buffer.alloc(info?.keyLen ?? 0);
  const iv = Buffer.alloc(info?.ivLen ?? 0);
  const both = { seqno: 0, macInfo: mac, macKey: Buffer.alloc(mac?.len ?? 0) };
  return {
    cipher: createCipher({
      outbound: { ...both, onWrite() {}, cipherInfo: info, cipherKey: key, cipherIV: iv },
    }),
    decipher: createDecipher({
      inbound: { ...both, onPayload() {}, decipherInfo: info, decipherKey: key, decipherIV: iv },
    }),
  };
}
