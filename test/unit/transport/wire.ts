import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import type { ClientInfo, Connection } from "ssh2";

/** A socket in memory: `emit("data", …)` is what the client sends. */
export class Wire extends Duplex {
  readonly remoteAddress = "192.0.2.1";
  readonly remotePort = 4711;
  /** the client reads nothing until {@link unstick} */
  isStuck = false;
  #written: () => void = () => {};

  get socket(): Socket {
    return this as unknown as Socket;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  /** The client reads all that was sent. */
  unstick(): void {
    this.isStuck = false;
    this.#written();
  }

  override _read(): void {}

  override _write(_chunk: Buffer, _encoding: string, done: () => void): void {
    if (this.isStuck) this.#written = done;
    else done();
  }
}

/** A server's connection of ssh2, of which nothing but its messages is there. */
export class FakeSsh extends EventEmitter {
  authenticated = false;
  /** reasons and texts of DISCONNECT, and other messages by their numbers */
  readonly sent: string[] = [];
  readonly _protocol;

  constructor(wire: Wire) {
    super();
    const { sent } = this;
    this._protocol = {
      _server: true,
      _authenticated: false,
      _destruct: () => {},
      _kexinit: undefined as Buffer | undefined,
      _kex: undefined as object | undefined,
      _handlers: {},
      _onPayload: () => {},
      _onPacket: () => {},
      _onHandshakeComplete: () => {},
      _packetRW: {
        write: {
          allocStart: 0,
          allocStartKEX: 0,
          alloc: (length: number) => Buffer.alloc(length),
          finalize: (packet: Buffer) => packet,
        },
      },
      _cipher: {
        encrypt: (packet: Buffer) => {
          sent.push(words(packet));
          wire.write(packet);
        },
      },
      disconnect: () => {},
      ping: () => void sent.push("ping"),
    };
  }

  get connection(): Connection {
    return this as unknown as Connection;
  }

  get info(): ClientInfo {
    return { header: { identRaw: "SSH-2.0-Test" } } as ClientInfo;
  }
}

function words(payload: Buffer): string {
  if (payload[0] !== 1) return `message ${payload[0]}`;
  return `${payload[4]}: ${payload.toString("utf8", 9, 9 + payload.readUInt32BE(5))}`;
}
