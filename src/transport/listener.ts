import type { Socket } from "node:net";
import type { Logger } from "pino";
import { type Access, LiveNetworks } from "../auth/access.ts";
import { type Penalties, refusalText } from "../auth/penalties.ts";
import type { Config } from "../config/types.ts";
import { errorName } from "../errors.ts";
import { tally } from "../tally.ts";
import { endpointOf } from "./endpoint.ts";
import { IDENT } from "./ident.ts";
import { type Address, ListeningSocket } from "./listening-socket.ts";
import { type Arrival, direct, proxied } from "./proxied.ts";
import { Refusals } from "./refusals.ts";
import type { RefusedAddresses } from "./refused-addresses.ts";
import { type LocalPlace, type Stranger, Strangers } from "./strangers.ts";

const FULL = "Not allowed at this time";

export interface ListenerOptions {
  readonly config: Pick<Config, "server" | "limits" | "auth">;
  readonly log: Logger;
  readonly penalties: Pick<Penalties, "wait">;
  readonly access: Pick<Access, "refuses">;
  readonly refused: Pick<RefusedAddresses, "add">;
  /** how many connections are read why they are refused, at once; others are closed */
  readonly maxRefused: () => number;
  /** true: nothing is read from the sockets that `receive` gets */
  readonly paused?: boolean;
  /** one that listens already; without it what the settings say is listened on */
  readonly socket?: ListeningSocket | undefined;
  /** Takes a connection that may stay. @param join gives it its place among the strangers */
  readonly receive: (arrival: Arrival, join: (stranger: Stranger) => LocalPlace) => void;
}

export type { Address };

/** "192.0.2.1:22", "[2001:db8::1]:22" */
export function addressText({ host, port }: Address): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Accepts TCP connections, and refuses those that there is no room for or that have to wait. */
export class Listener {
  readonly #options: ListenerOptions;
  #socket: ListeningSocket | undefined;
  readonly #strangers: Strangers;
  readonly #refusals: Refusals;
  readonly #proxies: LiveNetworks;
  /** connections whose PROXY header has not come yet */
  #unnamed = 0;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#refusals = new Refusals(IDENT, options.maxRefused);
    const { auth, limits, server } = options.config;
    this.#proxies = new LiveNetworks(() => server.proxyFrom);
    this.#strangers = new Strangers({
      places: () => limits.maxUnauthenticated,
      waiting: () => auth.hashQueue + auth.hashConcurrency,
    });
  }

  /** Rejects with the system's error when the address can't be listened on. */
  async listen(): Promise<Address> {
    const { config, paused = false, log } = this.#options;
    const { host, port } = config.server;
    const socket = this.#options.socket ?? (await ListeningSocket.open({ host, port, paused }));
    this.#socket = socket;
    socket.take(
      (one) => void this.#arrived(one),
      (error) => log.error({ error: errorName(error) }, "listener failed"),
    );
    return socket.address;
  }

  /** No new connections; those there are go on. */
  stopAccepting(): void {
    this.#socket?.close();
  }

  async #arrived(socket: Socket): Promise<void> {
    tally.count("connections");
    const { address = "" } = endpointOf(socket);
    if (!this.#proxies.has(address)) return this.#accept(direct(socket));
    const arrival = await this.#named(socket, address);
    if (arrival !== undefined) await this.#accept(arrival);
  }

  /** Who comes by a proxy; undefined: that does not say it, and the connection is closed. */
  async #named(socket: Socket, proxy: string): Promise<Arrival | undefined> {
    if (this.#unnamed >= this.#options.config.limits.maxUnauthenticated) {
      socket.destroy();
      return undefined;
    }
    this.#unnamed += 1;
    try {
      return await proxied(socket);
    } catch (error) {
      this.#options.log.warn({ proxy, error: (error as Error).message }, "not told who comes");
      return undefined;
    } finally {
      this.#unnamed -= 1;
    }
  }

  async #accept(arrival: Arrival): Promise<void> {
    const { socket } = arrival;
    const { address } = arrival.from;
    const text = await this.#refusalOf(arrival);
    if (text !== undefined) {
      this.#refusals.refuse(socket, text);
      return;
    }
    if (socket.destroyed || !this.#socket?.listening) {
      socket.destroy();
      return;
    }
    if (!this.#strangers.hasRoom(address)) {
      tally.count("refused room");
      this.#refusals.refuseByLine(socket, FULL);
      return;
    }
    this.#options.receive(arrival, (stranger) => this.#strangers.add(stranger, address));
  }

  /** What its client is told, if it is refused. Errors of the socket until then just close it. */
  async #refusalOf({ socket, from }: Arrival): Promise<string | undefined> {
    const ignore = (): void => {};
    socket.on("error", ignore);
    try {
      return await this.#lookUp(from.address);
    } catch (error) {
      // Who can't be looked up can't log in either, and is told so there.
      this.#options.log.error({ error: errorName(error) }, "address not looked up");
      return undefined;
    } finally {
      socket.off("error", ignore);
    }
  }

  /**
   * Both are asked in any case: how long it takes doesn't tell which of them refuses. What the lists
   * of the settings refuse stays refused when the database can't be read.
   */
  async #lookUp(address: string | undefined): Promise<string | undefined> {
    const { access, penalties, refused } = this.#options;
    const waiting = penalties.wait(address);
    const [asked] = await Promise.allSettled([access.refuses(address), waiting]);
    if (asked.status === "rejected") throw asked.reason;
    if (asked.value !== undefined) {
      tally.count("refused address");
      refused.add(address, asked.value.why);
      return asked.value.refusal;
    }
    const wait = await waiting;
    if (wait === 0) return undefined;
    tally.count("refused penalty");
    return refusalText(wait);
  }
}
