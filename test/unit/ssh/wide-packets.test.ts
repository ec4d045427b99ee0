import { createCipheriv, randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import fc from "fast-check";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { HAS_NATIVE_CIPHERS } from "../../../src/ssh/native-ciphers.ts";
import {
  readsWide,
  readWide,
  WIDE_DATA,
  type WideProtocol,
} from "../../../src/ssh/wide-packets.ts";

interface Config {
  readonly inbound: object;
}

const { CIPHER_INFO, createDecipher, init } = createRequire(import.meta.url)(
  "ssh2/lib/protocol/crypto.js",
) as {
  CIPHER_INFO: Record<string, object>;
  createDecipher: (config: Config) => Reader;
  init: Promise<void>;
};

interface Reader {
  inSeqno: number;
  decrypt(data: Buffer, from: number, to: number): number | undefined;
}

const KEY = randomBytes(16);
const IV = randomBytes(12);
const CHANNEL_DATA = 94;

/** The other end: packets as RFC 5647 section 7.2 wants them. */
class Sender {
  readonly #iv = Buffer.from(IV);

  packet(payload: Buffer, padding = 4 + ((27 - (payload.length % 16)) % 16)): Buffer {
    const body = Buffer.concat([Buffer.from([padding]), payload, Buffer.alloc(padding)]);
    return this.seal(Buffer.concat([body, Buffer.alloc((16 - (body.length % 16)) % 16)]));
  }

  seal(body: Buffer): Buffer {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(body.length);
    const cipher = createCipheriv("aes-128-gcm", KEY, this.#iv).setAAD(length);
    this.#iv.writeBigUInt64BE(this.#iv.readBigUInt64BE(4) + 1n, 4);
    return Buffer.concat([length, cipher.update(body), cipher.final(), cipher.getAuthTag()]);
  }
}

let got: Buffer[];
/** the same, without a copy */
let seen: Buffer[];
let sender: Sender;

/** without ssh2's native part, as where there was no compiler */
let plain: boolean;

beforeEach(async () => {
  plain = false;
  await init;
  got = [];
  seen = [];
  sender = new Sender();
});

function decipher(name = "aes128-gcm@openssh.com", answer: unknown = undefined): Reader {
  return createDecipher({
    inbound: {
      seqno: 7,
      onPayload: (payload: Buffer) => {
        seen.push(payload);
        got.push(Buffer.from(payload));
        return answer;
      },
      decipherInfo: CIPHER_INFO[name],
      decipherKey: name.startsWith("chacha") ? randomBytes(64) : KEY,
      decipherIV: Buffer.from(IV),
      forceNative: plain,
    },
  });
}

function reader(
  options: Parameters<typeof readWide>[1] = {},
  _authenticated = true,
  answer?: unknown,
): { protocol: WideProtocol; reader: Reader } {
  const protocol: WideProtocol = { _decipher: undefined, _authenticated };
  readWide(protocol, options);
  const made = decipher(undefined, answer);
  protocol._decipher = made;
  return { protocol, reader: made };
}

function data(channel: number, bytes: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head[0] = CHANNEL_DATA;
  head.writeUInt32BE(channel, 1);
  head.writeUInt32BE(bytes.length, 5);
  return Buffer.concat([head, bytes]);
}

describe.each([
  ["with ssh2's native part", false],
  ["without it", true],
])("readWide %s", (_, without) => {
  const inPlace = HAS_NATIVE_CIPHERS && !without;

  beforeEach(() => {
    plain = without;
  });

  test("packets of all sizes come out whole, however they are cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 3 * 35_000 }), { minLength: 1, maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 8 }),
        (sizes, cuts) => {
          sender = new Sender();
          got = [];
          const payloads = sizes.map((size) => randomBytes(size));
          const stream = Buffer.concat(payloads.map((payload) => sender.packet(payload)));
          const { reader: read } = reader();
          for (let at = 0, i = 0; at < stream.length; i++) {
            const end = Math.min(stream.length, at + (cuts[i % cuts.length] ?? 1));
            // ssh2 hands over a chunk and where to begin in it.
            read.decrypt(Buffer.from(stream.subarray(0, end)), at, end);
            at = end;
          }
          expect(got.length).toBe(payloads.length);
          for (const [i, payload] of payloads.entries()) {
            expect(got[i]?.equals(payload)).toBe(true);
          }
          expect(read.inSeqno).toBe(7 + payloads.length);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("the widest packet is taken after the login, and not before", () => {
    const payload = data(3, randomBytes(WIDE_DATA));
    const packet = sender.packet(payload);
    reader().reader.decrypt(Buffer.from(packet), 0, packet.length);
    expect(got).toEqual([payload]);
    expect(() => reader({}, false).reader.decrypt(packet, 0, packet.length)).toThrow(
      "Bad packet length",
    );
  });

  test.each([0, 15, 17, WIDE_DATA + 4096, 0xffffffff])(
    "a length of %d is refused before memory is taken",
    (length) => {
      const head = Buffer.alloc(4);
      head.writeUInt32BE(length);
      expect(() => reader().reader.decrypt(head, 0, 4)).toThrow("Bad packet length");
    },
  );

  test("attack: what follows a refused length gets no memory of that length either", () => {
    const { reader: read } = reader({}, false);
    const memory = vi.spyOn(Buffer, "allocUnsafeSlow");
    try {
      const head = Buffer.alloc(4, 0xff);
      expect(() => read.decrypt(head, 0, 4)).toThrow("Bad packet length");
      expect(() => read.decrypt(Buffer.alloc(1000, 0xff), 0, 1000)).toThrow("Bad packet length");
      expect(memory).not.toHaveBeenCalled();
    } finally {
      memory.mockRestore();
    }
  });

  test("a packet that was changed on its way is not delivered, nor anything behind it", () => {
    const packet = sender.packet(Buffer.from("hello"));
    packet[20] = (packet[20] ?? 0) ^ 1;
    const behind = sender.packet(Buffer.from("behind"));
    const { reader: read } = reader();
    expect(() => read.decrypt(packet, 0, packet.length)).toThrow();
    expect(() => read.decrypt(behind, 0, behind.length)).toThrow();
    expect(got).toEqual([]);
  });

  test("padding longer than its packet is refused", () => {
    const packet = sender.seal(Buffer.alloc(16, 200));
    expect(() => reader().reader.decrypt(packet, 0, packet.length)).toThrow("Bad padding length");
  });

  test("when a packet changes the keys, what follows it is left to the next ones", () => {
    const first = sender.packet(Buffer.from("new keys"));
    const stream = Buffer.concat([first, randomBytes(100)]);
    expect(reader({}, true, false).reader.decrypt(stream, 0, stream.length)).toBe(first.length);
  });

  test("what is read into memory that is used again is copied, but for the channels named", () => {
    const { reader: read } = reader({ transient: (channel) => channel === 5 });
    const kept = [data(6, randomBytes(100)), Buffer.from("another kind of message")];
    const packets = [...kept, data(5, randomBytes(100))].map((payload) => sender.packet(payload));
    const memory = Buffer.alloc(4096);
    for (const packet of packets) {
      packet.copy(memory);
      read.decrypt(memory, 0, packet.length);
    }
    expect(seen.map(({ buffer }) => buffer === memory.buffer)).toEqual([false, false, inPlace]);
    memory.fill(0);
    expect(seen.slice(0, 2)).toEqual(kept);
  });

  test("packets in pieces share memory where their reader is done with them", () => {
    const { reader: read } = reader({ transient: () => true });
    for (let i = 0; i < 2; i++) {
      const packet = sender.packet(data(5, randomBytes(100_000)));
      read.decrypt(packet, 0, 50_000);
      read.decrypt(packet, 50_000, packet.length);
    }
    expect(got).toHaveLength(2);
    expect(seen[0]?.buffer === seen[1]?.buffer).toBe(inPlace);
  });

  test("tells whether wide packets can be read: with AES-GCM alone", () => {
    const protocol: WideProtocol = { _decipher: undefined, _authenticated: true };
    readWide(protocol);
    expect(readsWide(protocol)).toBe(false);
    protocol._decipher = decipher("chacha20-poly1305@openssh.com");
    expect(readsWide(protocol)).toBe(false);
    protocol._decipher = decipher();
    expect(readsWide(protocol)).toBe(true);
    protocol._decipher = decipher();
    expect(readsWide(protocol)).toBe(true);
  });

  test("a peer that took wide packets can't change to a cipher that has none", () => {
    const { protocol } = reader();
    expect(() => {
      protocol._decipher = decipher("chacha20-poly1305@openssh.com");
    }).toThrow("The cipher changed");
  });
});
