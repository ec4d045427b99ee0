import * as http from "node:http";
import type { RequestOptions } from "node:https";
import * as https from "node:https";
import { errorName } from "../errors.ts";
import { VERSION } from "../version.ts";
import { RefusedAddress, type Resolve, Resolver } from "./resolver.ts";
import {
  placeOf,
  readFile,
  SecretError,
  type SecretSource,
  secretsOf,
  signatureHeaders,
} from "./secret.ts";
import { failed, type Outcome, type Receiver } from "./types.ts";

/** What an answer's headers may have, in bytes. */
const MAX_HEADERS = 16 * 1024;
/** What is read of an answer's body, in bytes. Nobody looks at it: it only has to end. */
const MAX_ANSWER = 64 * 1024;
const MAX_CERTIFICATES = 1024 * 1024;
/** How long a connection that nobody uses stays open, in milliseconds. */
const IDLE_MS = 5_000;

/** The receiver does not take this event, and won't the next time. */
const REFUSES: ReadonlySet<number> = new Set([400, 406, 410, 411, 413, 414, 415, 422, 431]);

/** Posts events to one receiver. */
export class Poster {
  readonly #receiver: Receiver;
  readonly #url: URL;
  readonly #source: SecretSource;
  readonly #resolver: Resolver;
  readonly #agent: http.Agent;

  /** @param resolve names to addresses; without it as the machine does */
  constructor(receiver: Receiver, source: SecretSource, resolve?: Resolve) {
    this.#receiver = receiver;
    this.#url = new URL(receiver.url);
    this.#source = source;
    this.#resolver = new Resolver(receiver, resolve);
    const { Agent } = this.#url.protocol === "https:" ? https : http;
    const most = receiver.atOnce;
    this.#agent = new Agent({ keepAlive: true, maxSockets: most, timeout: IDLE_MS });
  }

  close(): void {
    this.#agent.destroy();
  }

  /** Never rejects. @param signal ends the attempt */
  async send(id: string, body: string, signal: AbortSignal): Promise<Outcome> {
    try {
      const secrets = await secretsOf(this.#receiver, this.#source);
      const at = Math.floor(Date.now() / 1000);
      const headers = signatureHeaders(id, at, body, secrets);
      this.#resolver.checkLiteral(this.#url.hostname);
      return await this.#post({ ...(await this.#options(headers, body)), signal }, body);
    } catch (thrown) {
      return failed(problem(thrown));
    }
  }

  async #options(headers: Record<string, string>, body: string): Promise<RequestOptions> {
    const { caFile } = this.#receiver;
    const ca =
      caFile === ""
        ? {}
        : { ca: await readFile(placeOf(caFile, this.#source.root), MAX_CERTIFICATES) };
    return {
      method: "POST",
      agent: this.#agent,
      lookup: this.#resolver.lookup,
      maxHeaderSize: MAX_HEADERS,
      ...ca,
      headers: {
        ...headers,
        "content-type": "application/json",
        "content-length": `${Buffer.byteLength(body)}`,
        "user-agent": `Moorage/${VERSION}`,
      },
    };
  }

  /** An idle connection that the receiver has just closed is no failure: once more on a new one. */
  async #post(options: RequestOptions, body: string): Promise<Outcome> {
    try {
      return await this.#exchange(options, body);
    } catch (thrown) {
      if (!(thrown instanceof StaleConnection)) throw thrown;
      return await this.#exchange({ ...options, agent: false }, body);
    }
  }

  #exchange(options: RequestOptions, body: string): Promise<Outcome> {
    const { request: start } = this.#url.protocol === "https:" ? https : http;
    return new Promise((resolve, reject) => {
      const request = start(this.#url, options);
      const timer = setTimeout(() => request.destroy(new TooSlow()), this.#receiver.timeout);
      let outcome: Outcome | undefined;
      request.on("response", (response) => {
        outcome = judge(response.statusCode ?? 0);
        readOut(response);
      });
      request.on("error", (error) => {
        const isStale = request.reusedSocket && outcome === undefined && isReset(error);
        if (outcome === undefined) reject(isStale ? new StaleConnection() : error);
      });
      request.on("close", () => {
        clearTimeout(timer);
        resolve(outcome ?? failed("the connection was closed without an answer"));
      });
      request.end(body);
    });
  }
}

class TooSlow extends Error {
  override readonly name = "TooSlow";
}

class StaleConnection extends Error {
  override readonly name = "StaleConnection";
}

function isReset(error: Error): boolean {
  const { code } = error as { code?: string };
  return code === "ECONNRESET" || code === "EPIPE";
}

/** The status has said it all. */
function readOut(response: http.IncomingMessage): void {
  let bytes = 0;
  response.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER) response.destroy();
  });
  response.on("error", () => {});
}

function judge(status: number): Outcome {
  if (status >= 200 && status < 300) return { ok: true, text: `answered ${status}` };
  const redirects = status >= 300 && status < 400 ? ": redirects are not followed" : "";
  return failed(`answered ${status}${redirects}`, REFUSES.has(status));
}

/** In one line, without anything of the URL but its host. */
function problem(thrown: unknown): string {
  if (thrown instanceof TooSlow) return "no answer in time";
  if (thrown instanceof RefusedAddress || thrown instanceof SecretError) return thrown.message;
  const { code } = thrown as { code?: unknown };
  return typeof code === "string" ? code : errorName(thrown);
}
