import type { Socket } from "node:net";
import { DisconnectReason, disconnectPayload } from "../ssh/send.ts";

/** How long a refused client has to read why, in milliseconds. */
const LINGER_MS = 2_000;
/** The same for one line. */
const LINE_LINGER_MS = 500;

/** RFC 4253 section 6: before the key exchange packets are padded to blocks of eight. */
const BLOCK = 8;
const SMALLEST_PADDING = 4;

/** An unencrypted packet without a MAC (RFC 4253 section 6). */
export function plainPacket(payload: Buffer): Buffer {
  const short = BLOCK - ((5 + payload.length) % BLOCK);
  const padding = short < SMALLEST_PADDING ? short + BLOCK : short;
  const packet = Buffer.alloc(5 + payload.length + padding);
  packet.writeUInt32BE(1 + payload.length + padding, 0);
  packet[4] = padding;
  payload.copy(packet, 5);
  return packet;
}

/**
 * Connections that are refused before the key exchange: identification and DISCONNECT at once, so
 * that clients show the text. Costs neither keys nor memory for each.
 */
export class Refusals {
  readonly #ident: string;
  readonly #max: () => number;
  #lingering = 0;

  /**
   * @param ident the server's identification without "SSH-2.0-"
   * @param max how many connections may be read their refusal at once
   */
  constructor(ident: string, max: () => number) {
    this.#ident = ident;
    this.#max = max;
  }

  refuse(socket: Socket, text: string): void {
    const packet = plainPacket(disconnectPayload(DisconnectReason.tooManyConnections, text));
    const ident = Buffer.from(`SSH-2.0-${this.#ident}\r\n`, "latin1");
    this.#end(socket, Buffer.concat([ident, packet]), LINGER_MS);
  }

  /** The same without SSH: one line, before either side has said who it is. */
  refuseByLine(socket: Socket, line: string): void {
    this.#end(socket, Buffer.from(`${line}\r\n`, "latin1"), LINE_LINGER_MS);
  }

  #end(socket: Socket, lastWords: Buffer, lingerMs: number): void {
    socket.on("error", () => {});
    if (this.#lingering >= this.#max()) {
      socket.destroy();
      return;
    }
    this.#lingering += 1;
    const timer = setTimeout(() => socket.destroy(), lingerMs);
    socket.once("close", () => {
      clearTimeout(timer);
      this.#lingering -= 1;
    });
    // What the client sends is read: closing with unread data would take the text from it.
    socket.resume();
    socket.end(lastWords);
  }
}
