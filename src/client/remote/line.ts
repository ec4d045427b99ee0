import type { Socket } from "node:net";
import type { Client, ClientChannel } from "ssh2";
import type { ByteChannel } from "../../channel.ts";
import { MemoryBudget } from "../../memory/budget.ts";
import { SMALLEST_PACKET, SshChannel } from "../../ssh/channel.ts";
import { isWithoutAnswer } from "../../ssh/errors.ts";
import { adaptHandshake, askWide } from "../../ssh/handshake.ts";
import {
  protocolOf,
  type RawChannel,
  rawChannel,
  remoteIdentOf,
  socketOf,
} from "../../ssh/internals.ts";
import { hearLastWords, type LastWords } from "../../ssh/last-words.ts";
import { offerHybrid } from "../../ssh/offer.ts";
import { Outbox } from "../../ssh/outbox.ts";
import { INITIAL_WINDOW } from "../../ssh/receive-window.ts";
import { DisconnectReason, sendBehindSubsystem } from "../../ssh/send.ts";
import { readsWide } from "../../ssh/wide-packets.ts";
import { mayReturn } from "../../text/endings.ts";
import { visible } from "../../text/safe.ts";
import { EndedError, RemoteError } from "../errors.ts";
import type { Ending } from "../types.ts";

/** What the channels of one connection may hold, in bytes; a single user has half of it. */
const MEMORY = 512 * 1024 * 1024;

/** How long a server may take to open a channel, in milliseconds. */
const CHANNEL_MS = 30_000;

/** Servers don't wait for acknowledgements as OpenSSH's client does: fewer adjusts, less work. */
const PACE = 1024 * 1024;

/** The longest output of a command that is kept, in bytes. */
const MAX_OUTPUT = 64 * 1024;

/** What a command says on standard error is kept up to so many bytes. */
const MAX_COMPLAINT = 4 * 1024;

/** How many characters are shown of what the server says as it ends the connection. */
const MAX_WORDS = 300;

/** How long the server may be silent, in milliseconds, and how many times that is asked for. */
export interface Liveness {
  readonly intervalMs: number;
  readonly tries: number;
}

const LIVENESS: Liveness = { intervalMs: 10_000, tries: 3 };

export interface CommandOutput {
  /** undefined: it ended by a signal or with the connection */
  readonly code: number | undefined;
  readonly stdout: string;
  /** bytes one a char, the beginning */
  readonly stderr: string;
}

/**
 * One SSH connection of ours: channels whose bytes go round ssh2's streams, as the server's do, and
 * a watch that ends a connection on which nothing comes any more.
 */
export class Line {
  /** Resolves once the connection is gone. */
  readonly closed: Promise<void>;
  /** Called when the connection is gone, before the calls that are under way fail. */
  onGone: (ending: Ending) => void = () => {};
  readonly #client: Client;
  readonly #outbox: Outbox;
  readonly #memory = new MemoryBudget(MEMORY).user().session();
  readonly #channels = new Set<SshChannel>();
  /** numbers of the channels whose readers copy what they get */
  readonly #adopted = new Set<number>();
  #ending: Ending = { reason: "the connection was closed by the server", final: false };
  #lastWords: string | undefined;
  #gone = false;
  #watch: NodeJS.Timeout | undefined;

  /** To be made right after `client.connect()`, before anything was exchanged. */
  constructor(client: Client) {
    this.#client = client;
    const protocol = protocolOf(client);
    offerHybrid(protocol);
    adaptHandshake(protocol, { transient: (channel) => this.#adopted.has(channel) });
    askWide(protocol);
    this.#outbox = new Outbox(this.#socket);
    client.on("handshake", () => this.#outbox.wake());
    client.on("error", (error) => {
      this.#endsFor(reasonOf(error));
    });
    hearLastWords(protocol, (words) => {
      this.#told(words);
      this.#letGo();
    });
    this.closed = new Promise((resolve) => {
      client.once("close", () => {
        this.#closed();
        resolve();
      });
    });
  }

  get gone(): boolean {
    return this.#gone;
  }

  /** How the connection ended. While it is open: what would be the reason if it ended now. */
  get ending(): Ending {
    return this.#ending;
  }

  /** What the server said when it ended the connection; safe for a terminal. */
  get lastWords(): string | undefined {
    return this.#lastWords;
  }

  /** The error of every call once the connection is gone. */
  lostError(): RemoteError {
    const { reason, final } = this.#ending;
    return final ? new EndedError(reason) : new RemoteError(undefined, reason, { lost: true });
  }

  /** True while what the socket brings may lie in memory that is used again. */
  get readsWide(): boolean {
    return readsWide(protocolOf(this.#client));
  }

  /** True when the server says that it is ours. */
  get isMoorage(): boolean {
    return /^SSH-2\.0-Moorage(?:[_ ]|$)/.test(remoteIdentOf(this.#client));
  }

  get #socket(): Socket {
    return socketOf(this.#client);
  }

  /** Starts to ask a silent server whether it is still there. */
  keepAlive({ intervalMs, tries }: Liveness = LIVENESS): void {
    let seen = -1;
    let silent = 0;
    clearInterval(this.#watch);
    this.#watch = setInterval(() => {
      const moved = this.#socket.bytesRead;
      silent = moved === seen ? silent + 1 : 0;
      seen = moved;
      if (silent > tries) this.destroy("the server does not answer any more");
      else if (silent > 0) protocolOf(this.#client).ping();
    }, intervalMs);
    this.#watch.unref();
  }

  /**
   * Opens a channel to a subsystem. Rejects with RemoteError.
   * @param first leaves with the request, a round trip before its answer
   * @param attach takes the channel, before anything comes in on it
   */
  subsystem<T>(name: string, first: Buffer, attach: (channel: ByteChannel) => T): Promise<T> {
    const begin = performance.now();
    const timer = setTimeout(() => this.destroy("the server does not answer"), CHANNEL_MS);
    const opened = new Promise<T>((resolve, reject) => {
      this.#orLost(reject, () => {
        const sent = sendBehindSubsystem(protocolOf(this.#client), first);
        this.#client.subsys(name, (error, channel) => {
          const isSent = sent();
          if (error) return reject(this.#refused(name, error));
          // Two answers of the server were waited for: the channel's and the request's.
          const raw = rawChannel(channel);
          if (raw.outgoing.packetSize < SMALLEST_PACKET) {
            this.destroy("the server takes too small packets");
            return reject(this.lostError());
          }
          if (isSent) raw.outgoing.window -= first.length;
          const adopted = this.#adopt(channel, raw, (performance.now() - begin) / 2);
          resolve(attach(adopted));
          if (!isSent) adopted.write(first);
        });
      });
    });
    return opened.finally(() => clearTimeout(timer));
  }

  /** Runs a command with nothing to read. Rejects with RemoteError when it can't be run in time. */
  exec(command: string, limitMs: number, most = MAX_OUTPUT): Promise<CommandOutput> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new RemoteError(undefined, "the command took too long")),
        limitMs,
      );
      const fail = (error: Error): void => {
        clearTimeout(timer);
        reject(error);
      };
      this.#orLost(fail, () => {
        this.#client.exec(command, (error, channel) => {
          if (error) return fail(this.#refused("exec", error));
          // Its number may have been an adopted one's; its reader keeps what it gets.
          this.#adopted.delete(rawChannel(channel).incoming.id);
          const late = setTimeout(() => channel.close(), limitMs);
          void collect(channel, most).then((output) => {
            clearTimeout(timer);
            clearTimeout(late);
            resolve(output);
          });
        });
      });
    });
  }

  /** Says goodbye. */
  end(): void {
    this.#endsFor("the connection was closed");
    this.#client.end();
    this.#letGo();
  }

  /** Destroys the socket when the peer never closes its side. ssh2 doesn't once its own side is closed. */
  #letGo(): void {
    setTimeout(() => this.#socket.destroy(), 1_000).unref();
  }

  destroy(reason: string): void {
    if (this.#gone) return;
    this.#endsFor(reason);
    this.#socket.destroy();
  }

  #endsFor(reason: string): void {
    // What the server said as it ended the connection tells more than the error that follows.
    if (this.#gone || this.#lastWords !== undefined) return;
    this.#ending = { reason, final: false };
  }

  #told({ reason, text }: LastWords): void {
    const said = visible(text.replace(/\s+/g, " ").trim()).slice(0, MAX_WORDS);
    if (this.#gone || said === "") return;
    this.#lastWords = said;
    // Another server may say the same when it restarts, so only ours is believed to mean it.
    const chosen = this.isMoorage && reason === DisconnectReason.byApplication;
    const final = chosen && !mayReturn(said);
    const says = final ? "the server ended the session" : "the server says";
    this.#ending = { reason: `${says}: ${said}`, final };
  }

  #orLost(reject: (error: RemoteError) => void, run: () => void): void {
    if (this.#gone) {
      reject(this.lostError());
      return;
    }
    try {
      run();
    } catch {
      reject(this.lostError());
    }
  }

  #refused(what: string, error: Error): RemoteError {
    const lost = this.#gone || isWithoutAnswer(error);
    if (lost && this.#ending.final) return this.lostError();
    return new RemoteError(undefined, `the server refuses ${what} (${error.message})`, { lost });
  }

  #adopt(channel: ClientChannel, raw: RawChannel, roundTrip: number): ByteChannel {
    channel.on("error", () => {});
    channel.stderr.on("error", () => {});
    channel.stderr.resume();
    // What ssh2 granted with the channel.
    this.#memory.user.force(INITIAL_WINDOW);
    const adopted = new SshChannel(
      raw,
      {
        protocol: protocolOf(this.#client),
        outbox: this.#outbox,
        memory: this.#memory,
        roundTrip,
        pace: PACE,
        violation: (text) => this.destroy(text),
        activity: () => {},
      },
      INITIAL_WINDOW,
    );
    this.#channels.add(adopted);
    this.#adopted.add(raw.incoming.id);
    return adopted;
  }

  #closed(): void {
    this.#gone = true;
    clearInterval(this.#watch);
    this.onGone(this.#ending);
    for (const channel of this.#channels) channel.closedByPeer();
    this.#channels.clear();
  }
}

function collect(channel: ClientChannel, most: number): Promise<CommandOutput> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    let code: number | undefined;
    channel.on("data", (chunk: Buffer) => {
      size += chunk.length;
      // Its packet may be far larger than what is in it.
      if (size <= most) chunks.push(Buffer.from(chunk));
      else channel.close();
    });
    let stderr = "";
    channel.stderr.on("data", (chunk: Buffer) => {
      stderr = (stderr + chunk.toString("latin1")).slice(0, MAX_COMPLAINT);
    });
    channel.on("error", () => {});
    channel.stderr.on("error", () => {});
    channel.on("exit", (status: number | null) => {
      code = status ?? undefined;
    });
    channel.on("close", () => {
      resolve({ code, stdout: Buffer.concat(chunks).toString("latin1"), stderr });
    });
    channel.end();
  });
}

function reasonOf(error: Error & { code?: unknown }): string {
  if (error.code === "ECONNRESET" || error.code === "EPIPE") return "the connection was cut";
  if (error.code === "ETIMEDOUT") return "the server does not answer any more";
  return `the connection broke (${error.message})`;
}
