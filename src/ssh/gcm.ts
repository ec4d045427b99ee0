/**
 * Opens the packets of AES-GCM (RFC 5647 section 7.2), with ssh2's native part or without it.
 * Touches private parts of ssh2 1.17.0 (pinned), as internals.ts does.
 */
import { createDecipheriv } from "node:crypto";

/** The blocks of AES and the tag of GCM, in bytes (RFC 5647 sections 6.1 and 7.2). */
export const BLOCK = 16;
export const TAG = 16;

/** The invocation counter in the nonce (RFC 5647 section 7.1): the last eight bytes of twelve. */
const COUNTER_AT = 4;

/** What both of ssh2's classes have (lib/protocol/crypto.js). */
export interface GcmDecipher {
  inSeqno: number;
  _onPayload: (payload: Buffer) => unknown;
  decrypt: (data: Buffer, from: number, to: number) => number | undefined;
}

/** ssh2's AESGCMDecipherBinding: the native part */
interface NativeDecipher extends GcmDecipher {
  readonly _instance: { decrypt(body: Buffer, length: number, tag: Buffer): void };
}

/** ssh2's AESGCMDecipherNative: Node's own ciphers */
interface PlainDecipher extends GcmDecipher {
  readonly _decipherSSLName: "aes-128-gcm" | "aes-256-gcm";
  readonly _decipherKey: Buffer;
  readonly _decipherIV: Buffer;
}

export interface Opener {
  /** whether `open` returns the memory it was given */
  readonly inPlace: boolean;
  /**
   * @param head the length field, which is authenticated
   * @param packet `length` encrypted bytes, then the tag
   * @returns the `length` bytes in clear
   * @throws when the tag is wrong
   */
  open(head: Buffer, packet: Buffer, length: number): Buffer;
}

/** @returns undefined for other ciphers than AES-GCM */
export function openerOf(decipher: unknown): Opener | undefined {
  switch ((decipher as object | undefined)?.constructor.name) {
    case "AESGCMDecipherBinding":
      return nativeOpener(decipher as NativeDecipher);
    case "AESGCMDecipherNative":
      return plainOpener(decipher as PlainDecipher);
    default:
      return undefined;
  }
}

function nativeOpener({ _instance: instance }: NativeDecipher): Opener {
  return {
    inPlace: true,
    open(_head, packet, length) {
      const body = packet.subarray(0, length);
      instance.decrypt(body, length, packet.subarray(length, length + TAG));
      return body;
    },
  };
}

function plainOpener(decipher: PlainDecipher): Opener {
  const { _decipherSSLName: name, _decipherKey: key, _decipherIV: nonce } = decipher;
  return {
    inPlace: false,
    open(head, packet, length) {
      const gcm = createDecipheriv(name, key, nonce, { authTagLength: TAG }).setAAD(head);
      gcm.setAuthTag(packet.subarray(length, length + TAG));
      const body = gcm.update(packet.subarray(0, length));
      gcm.final();
      nonce.writeBigUInt64BE(
        BigInt.asUintN(64, nonce.readBigUInt64BE(COUNTER_AT) + 1n),
        COUNTER_AT,
      );
      return body;
    },
  };
}
