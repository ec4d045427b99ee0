import type { Session as ChannelSession, Connection, ServerChannel } from "ssh2";
import type { Terminal } from "../session/admin.ts";
import { type ChannelRequest, route, type Started } from "../session/routes.ts";
import type { Session } from "../session/session.ts";
import { channelIdOf, closeUnused, maxPacketOf, rawChannel } from "./internals.ts";
import { takeFirstWindow } from "./receive-window.ts";
import { type ChannelOwner, SMALLEST_PACKET, SshChannel } from "./ssh-channel.ts";

/** What the channels need of their connection. */
export interface ChannelsOwner extends ChannelOwner {
  /** The client has reacted to the last thing that was sent, as clients do without their user. */
  answered(): void;
}

/** The session channels of one connection. Everything but sessions is refused by ssh2 unasked. */
export class Channels {
  readonly #connection: Connection;
  readonly #session: Session;
  readonly #owner: ChannelsOwner;
  readonly #max: number;
  /** our channel numbers, with what serves them once something was started */
  readonly #open = new Map<number, SshChannel | undefined>();
  /** by number: windows of channels on which nothing was started yet, in bytes */
  readonly #unused = new Map<number, number>();
  /** what the client may send on the channel that is opened last, in bytes */
  granted: number | undefined;

  /** @param max channels open at once */
  constructor(connection: Connection, session: Session, owner: ChannelsOwner, max: number) {
    this.#connection = connection;
    this.#session = session;
    this.#owner = owner;
    this.#max = max;
    connection.on("session", (accept, reject) => {
      owner.answered();
      const hasPlace = this.#open.size < this.#max;
      const { user } = session.memory;
      this.granted = hasPlace ? takeFirstWindow(user, this.#open.size === 0) : undefined;
      if (this.granted === undefined) reject();
      else this.#opened(accept() as ChannelSession, this.granted);
    });
  }

  /** The connection is gone. */
  close(): void {
    for (const channel of [...this.#open.values()]) channel?.closedByPeer();
    this.#open.clear();
    for (const id of this.#unused.keys()) this.#session.memory.user.give(this.#windowOf(id));
  }

  #opened(channel: ChannelSession, window: number): void {
    const id = channelIdOf(channel);
    this.#open.set(id, undefined);
    this.#unused.set(id, window);
    if (maxPacketOf(channel) < SMALLEST_PACKET) {
      this.#owner.violation("the client takes too small packets");
      return;
    }
    channel.on("close", () => this.#closed(id, channel));
    channel.on("error", () => {});
    // rclone treats a refused env as fatal, OpenSSH warns about a refused pty.
    const accepted = (accept: (() => void) | undefined): void => {
      this.#owner.answered();
      accept?.();
    };
    let colour = true;
    channel.on("env", (accept, _reject, { key, val }) => {
      if (key === "NO_COLOR" && val !== "") colour = false;
      accepted(accept);
    });
    let pty: Omit<Terminal, "colour"> | undefined;
    let started: Started | undefined;
    channel.on("pty", (accept, _reject, { cols, rows, term }) => {
      pty = { columns: cols, rows, term };
      accepted(accept);
    });
    channel.on("window-change", (accept, _reject, { cols, rows }) => {
      accepted(accept);
      started?.resize({ columns: cols, rows });
    });
    channel.on("signal", (accept, _reject, { name }) => {
      accepted(accept);
      started?.signal(name);
    });
    channel.on("subsystem", (accept, reject, { name }) => {
      started = this.#start(id, { type: "subsystem", name }, accept, reject);
    });
    channel.on("exec", (accept, reject, { command }) => {
      started = this.#start(id, { type: "exec", command, pty }, accept, reject);
    });
    channel.on("shell", (accept, reject) => {
      const terminal = pty && { ...pty, colour };
      started = this.#start(id, { type: "shell", pty: terminal }, accept, reject);
    });
  }

  /** Starts what is asked for before it returns: after the client's EOF ssh2 accepts nothing more. */
  #start(
    id: number,
    request: ChannelRequest,
    accept: () => ServerChannel | undefined,
    reject: (() => void) | undefined,
  ): Started | undefined {
    this.#session.touch();
    this.#owner.answered();
    const handler = route(this.#session, request);
    const accepted = handler && accept();
    if (handler === undefined || accepted === undefined) {
      reject?.();
      return undefined;
    }
    accepted.on("error", () => {});
    accepted.stderr.on("error", () => {});
    const channel = new SshChannel(rawChannel(accepted), this.#owner, this.#windowOf(id));
    this.#open.set(id, channel);
    return handler(channel);
  }

  /** The window of a channel on which nothing was started yet, whose keeper is the caller now. */
  #windowOf(id: number): number {
    const window = this.#unused.get(id) ?? 0;
    this.#unused.delete(id);
    return window;
  }

  #closed(id: number, channel: ChannelSession): void {
    const served = this.#open.get(id);
    this.#open.delete(id);
    if (served === undefined) {
      this.#session.memory.user.give(this.#windowOf(id));
      closeUnused(this.#connection, channel);
    } else served.closedByPeer();
  }
}
