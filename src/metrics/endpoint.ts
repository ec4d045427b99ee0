import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { ListenOptions } from "node:net";

/** Connections at once; more are closed at once. */
const MOST_CONNECTIONS = 16;
/** Those that wait until they are accepted or closed. */
const BACKLOG = 128;
/** Bytes of a request's headers. */
const MOST_HEADERS = 4 * 1024;
/** How long a request may take to come, its answer to be read, and a connection to be idle, in milliseconds. */
const REQUEST_MS = 5_000;
const ANSWER_MS = 10_000;
const IDLE_MS = 65_000;
/** How often it is looked which requests are late, in milliseconds. */
const LOOK_MS = 1_000;
const PLAIN = "text/plain; charset=utf-8";

/** An answer before it is sent. */
export interface Page {
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
}

/** Path → what is there. */
export type Pages = Readonly<Record<string, () => Promise<Page>>>;

export function plainPage(status: number, text: string): Page {
  return { status, contentType: PLAIN, text };
}

const NOT_FOUND = plainPage(404, "not found\n");
const FAILED = plainPage(503, "unavailable\n");

/**
 * Serves a few pages by HTTP, to GET and HEAD. All else is not found. What a client may send, how long
 * it may take and how many there are is bounded; bodies are not read.
 */
export class MetricsEndpoint {
  readonly #server: Server;
  readonly #pages: Pages;

  /** @param onError told of pages that fail */
  constructor(pages: Pages, onError: (error: unknown) => void) {
    this.#pages = pages;
    this.#server = createServer(
      {
        maxHeaderSize: MOST_HEADERS,
        headersTimeout: REQUEST_MS,
        requestTimeout: REQUEST_MS,
        keepAliveTimeout: IDLE_MS,
        connectionsCheckingInterval: LOOK_MS,
      },
      (request, response) => void this.#serve(request, response, onError),
    );
    this.#server.maxConnections = MOST_CONNECTIONS;
    // Whoever connects and says nothing, or does not read its answer.
    this.#server.setTimeout(ANSWER_MS);
    this.#server.on("clientError", (_, socket) => socket.destroy());
  }

  /** Rejects with the system's error. Resolves to the port, or 0 for a socket. */
  listen(where: ListenOptions): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ ...where, backlog: BACKLOG }, () => {
        this.#server.removeListener("error", reject);
        // As a last resort: an error of a listening socket must not end the sessions of everybody.
        this.#server.on("error", () => {});
        const bound = this.#server.address();
        resolve(bound === null || typeof bound === "string" ? 0 : bound.port);
      });
    });
  }

  /** Resolves when nobody is connected any more. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #serve(
    request: IncomingMessage,
    response: ServerResponse,
    onError: (error: unknown) => void,
  ): Promise<void> {
    response.on("error", () => {});
    const page = await this.#pageOf(request, onError);
    if (response.destroyed) return;
    const body = Buffer.from(page.text);
    const hasBody = request.headers["transfer-encoding"] !== undefined || hasLength(request);
    response.writeHead(page.status, {
      "Content-Type": page.contentType,
      "Content-Length": body.length,
      "Cache-Control": "no-store",
      "X-Content-Type-Options": "nosniff",
      // The rest of a body that nobody reads is no next request.
      ...(hasBody && { Connection: "close" }),
    });
    response.end(request.method === "HEAD" ? undefined : body);
  }

  async #pageOf(
    { method, url = "" }: IncomingMessage,
    onError: (error: unknown) => void,
  ): Promise<Page> {
    const [path = ""] = url.split("?", 1);
    const isRead = method === "GET" || method === "HEAD";
    if (!isRead || !Object.hasOwn(this.#pages, path)) return NOT_FOUND;
    try {
      return (await this.#pages[path]?.()) ?? NOT_FOUND;
    } catch (error) {
      onError(error);
      return FAILED;
    }
  }
}

function hasLength({ headers }: IncomingMessage): boolean {
  return Number(headers["content-length"] ?? 0) > 0;
}
