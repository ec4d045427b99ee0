import type { Connection } from "ssh2";
import type { ChannelRequest, Router } from "../session/routes.ts";
import type { Session } from "../session/session.ts";
import { type ChannelOwner, SMALLEST_PACKET, SshChannel } from "../ssh/channel.ts";
import type { Fields } from "../ssh/fields.ts";
import { protocolOf } from "../ssh/internals.ts";
import { Message, type MessageReader, type Messages } from "../ssh/messages.ts";
import { FULL_DATA } from "../ssh/packet-memory.ts";
import { takeFirstWindow } from "../ssh/receive-window.ts";
import { type Opening, ServedChannel } from "../ssh/served-channel.ts";
import { readsWide, WIDE_DATA } from "../ssh/wide-packets.ts";
import { Program, type Running } from "./program.ts";

/** Why a channel is not opened (RFC 4254 section 5.1). */
const Reason = { prohibited: 1, unknownType: 3, shortage: 4 } as const;

/** Types of channels that this server knows of and never opens. */
const FORWARDING: ReadonlySet<string> = new Set([
  "direct-tcpip",
  "direct-streamlocal@openssh.com",
  "tun@openssh.com",
]);

/** What the channels need of their connection. */
export interface ChannelsOwner extends ChannelOwner {
  /** the client's identification line */
  readonly client: string;
  /** The client has reacted to the last thing that was sent, as clients do without their user. */
  answered(): void;
}

interface Open {
  readonly channel: ServedChannel;
  readonly program: Program;
}

/**
 * The session channels of one connection (RFC 4254 sections 5 and 6). ssh2 knows nothing of them:
 * its own answer no request once a program runs, and forget what came before one.
 */
export class Channels {
  readonly #connection: Connection;
  readonly #session: Session;
  readonly #owner: ChannelsOwner;
  readonly #route: Router;
  readonly #max: number;
  /** by our numbers, which clients repeat in all they say of a channel */
  readonly #open = new Map<number, Open>();
  #next = 0;
  #isClosed = false;

  /** @param max channels open at once */
  constructor(
    connection: Connection,
    messages: Messages,
    session: Session,
    owner: ChannelsOwner,
    { route, max }: { readonly route: Router; readonly max: number },
  ) {
    this.#connection = connection;
    this.#session = session;
    this.#owner = owner;
    this.#route = route;
    this.#max = max;
    // With a listener ssh2 heeds no-more-sessions@openssh.com; the rest asks for forwarding.
    connection.on("request", (_accept, reject) => reject?.());
    messages.take(this.#readers());
  }

  /** The connection is gone. */
  close(): void {
    this.#isClosed = true;
    for (const { channel } of [...this.#open.values()]) {
      this.#session.memory.user.give(channel.takeWindow());
      channel.lost();
    }
    this.#open.clear();
  }

  #readers(): ReadonlyMap<number, MessageReader> {
    const of = (act: (open: Open, fields: Fields) => void): MessageReader => {
      return (fields) => {
        // Clients speak of channels that have ended meanwhile: that is no error.
        const open = this.#open.get(fields.u32());
        if (open !== undefined) act(open, fields);
      };
    };
    return new Map<number, MessageReader>([
      [Message.channelOpen, (fields) => this.#asked(fields)],
      [Message.channelData, of(({ channel }, fields) => channel.received(fields.string()))],
      [Message.channelExtendedData, of((open, fields) => dropExtended(open, fields))],
      [Message.channelWindowAdjust, of(({ channel }, fields) => channel.widened(fields.u32()))],
      [Message.channelEof, of(({ channel }) => channel.ended())],
      [Message.channelClose, of(({ channel, program }) => channel.closed(program.hasTerminal))],
      [Message.channelRequest, of((open, fields) => this.#requested(open, fields))],
    ]);
  }

  #asked(fields: Fields): void {
    if (this.#isClosed) return;
    this.#owner.answered();
    const type = fields.text();
    const theirs = fields.u32();
    const window = fields.u32();
    const packetSize = fields.u32();
    const refuse = (reason: number, text: string): void => {
      protocolOf(this.#connection).channelOpenFail(theirs, reason, text);
    };
    if (FORWARDING.has(type)) refuse(Reason.prohibited, "Forwarding is not allowed");
    else if (type !== "session") refuse(Reason.unknownType, "Unknown channel type");
    else if (this.#connection.noMoreSessions) refuse(Reason.prohibited, "No more sessions");
    else if (this.#open.size >= this.#max) refuse(Reason.shortage, "Too many channels");
    else if (packetSize < SMALLEST_PACKET) refuse(Reason.shortage, "The packets are too small");
    else {
      const granted = takeFirstWindow(this.#session.memory.user, this.#open.size === 0);
      if (granted === undefined) refuse(Reason.shortage, "Too much memory in use");
      else this.#opened({ theirs, ours: this.#free(), window, packetSize, granted });
    }
  }

  #opened(opening: Opening): void {
    const { theirs, ours, granted } = opening;
    const protocol = protocolOf(this.#connection);
    const widest = takesWide(this.#owner.client) ? WIDE_DATA : FULL_DATA;
    const packetSize = Math.min(opening.packetSize, widest);
    const channel = new ServedChannel({ ...opening, packetSize }, protocol, () => {
      this.#session.memory.user.give(channel.takeWindow());
      this.#open.delete(ours);
    });
    const program = new Program(
      (request) => this.#start(channel, request),
      () => this.#session.terminals,
    );
    this.#open.set(ours, { channel, program });
    const taken = readsWide(protocol) ? Math.max(FULL_DATA, packetSize) : FULL_DATA;
    protocol.channelOpenConfirm(theirs, ours, granted, taken);
  }

  #free(): number {
    while (this.#open.has(this.#next)) this.#next = (this.#next + 1) >>> 0;
    const free = this.#next;
    this.#next = (free + 1) >>> 0;
    return free;
  }

  #requested({ channel, program }: Open, fields: Fields): void {
    if (this.#isClosed) return;
    // Later ones come when the user does something, or the client likes.
    if (!program.isRunning) this.#owner.answered();
    const type = fields.text();
    channel.asked(fields.bool());
    channel.answer(program.request(type, fields));
  }

  /** What the client is told of it comes before anything the program says. */
  #start(served: ServedChannel, request: ChannelRequest): Running | undefined {
    this.#session.touch();
    const handler = this.#route(this.#session, request);
    if (handler === undefined) return undefined;
    served.answer(true);
    const channel = new SshChannel(served, this.#owner, served.takeWindow());
    served.carry(channel);
    const control = handler(channel);
    served.begun();
    return { control };
  }
}

/** No program here reads a second stream. */
function dropExtended({ channel }: Open, fields: Fields): void {
  fields.u32();
  channel.regrant(fields.string().length);
}

/** Others say they take large packets and don't: only our own client is known to. */
function takesWide(ident: string): boolean {
  return /^SSH-2\.0-Moorage(?:[_ ]|$)/.test(ident);
}
