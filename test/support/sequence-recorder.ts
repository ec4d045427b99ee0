import type { ByteChannel } from "../../src/channel.ts";
import { PacketType } from "../../src/sftp/wire/constants.ts";
import type { Command } from "./openssh-sftp-server-commands.ts";
import { decode } from "./sequence-requests.ts";
import type { Burst } from "./sequences.ts";
import { Reply } from "./sftp-client-packets.ts";

interface Request {
  readonly command: Command;
  /** all requests before it were answered when it came */
  readonly waited: boolean;
  /** the number of the handle it got, counted in the order of answers */
  opened?: number;
}

/** Notes what a client asks for on its channels; all of them are taken as one. */
export class SequenceRecorder {
  readonly #requests: Request[] = [];
  readonly #open = new Map<string, Request>();
  readonly #handles = new Map<string, number>();
  #opened = 0;
  #channels = 0;
  #failure: unknown;

  /** The channel, which is used in its place. */
  tap(channel: ByteChannel): ByteChannel {
    const number = this.#channels++;
    const fromClient = framesOf((frame) => this.#asked(number, frame));
    const fromServer = framesOf((frame) => this.#answered(number, frame));
    return new Proxy(channel, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        if (name !== "write") return value.bind(target);
        return (data: Buffer, released?: (data: Buffer) => void) => {
          fromServer(data);
          target.write(data, released);
        };
      },
      set: (target, name, value) => {
        if (name !== "onData") return Reflect.set(target, name, value, target);
        target.onData = (chunk) => {
          try {
            fromClient(chunk);
          } catch (thrown) {
            // The client is served all the same.
            this.#failure ??= thrown;
          }
          value(chunk);
        };
        return true;
      },
    });
  }

  /**
   * What was asked so far. A request for a handle never stands in one burst with the request that it
   * came from, and its slot counts from the latest handle of the bursts in front.
   * @throws Error when recordings have no form for one of the requests
   */
  bursts(): Burst[] {
    if (this.#failure !== undefined) throw this.#failure;
    const bursts: Command[][] = [];
    let known = 0;
    let coming = 0;
    for (const { command, waited, opened } of this.#requests) {
      if (waited || bursts.length === 0 || ("slot" in command && command.slot >= known)) {
        bursts.push([]);
        known = coming;
      }
      const slot = "slot" in command ? { slot: known - 1 - command.slot } : {};
      bursts.at(-1)?.push({ ...command, ...slot } as Command);
      if (opened !== undefined) coming++;
    }
    return bursts;
  }

  #asked(channel: number, frame: Buffer): void {
    if (frame.readUInt8(4) === PacketType.INIT) return;
    const command = decode(frame, (handle) => this.#slot(channel, handle));
    const request = { command, waited: this.#open.size === 0 };
    this.#requests.push(request);
    this.#open.set(`${channel} ${frame.readUInt32BE(5)}`, request);
  }

  #answered(channel: number, frame: Buffer): void {
    if (frame.readUInt8(4) === PacketType.VERSION) return;
    const reply = new Reply(frame);
    const key = `${channel} ${reply.id}`;
    const request = this.#open.get(key);
    this.#open.delete(key);
    if (reply.type !== PacketType.HANDLE || request === undefined) return;
    request.opened = this.#opened++;
    this.#handles.set(`${channel} ${reply.handle.toString("hex")}`, request.opened);
  }

  #slot(channel: number, handle: Buffer): number {
    const slot = this.#handles.get(`${channel} ${handle.toString("hex")}`);
    if (slot === undefined) throw new Error("a handle that the server did not give");
    return slot;
  }
}

/** Takes bytes as they come, and hands on the frames in them. */
function framesOf(onFrame: (frame: Buffer) => void): (chunk: Buffer) => void {
  let waiting = Buffer.alloc(0);
  return (chunk) => {
    waiting = Buffer.concat([waiting, chunk]);
    while (waiting.length >= 4) {
      const length = 4 + waiting.readUInt32BE(0);
      if (waiting.length < length) return;
      onFrame(waiting.subarray(0, length));
      waiting = waiting.subarray(length);
    }
  };
}
