import { Fields, MalformedMessage } from "./fields.ts";
import type { Protocol } from "./internals.ts";

/** SSH_MSG_USERAUTH_REQUEST (RFC 4252 section 5). */
export const MSG_USERAUTH_REQUEST = 50;

/** The methods that ssh2's server knows (USERAUTH_REQUEST in its lib/server.js). */
const METHODS_KNOWN: ReadonlySet<string> = new Set([
  "none",
  "password",
  "publickey",
  "keyboard-interactive",
  "hostbased",
]);

/** Of a request by public key, as the client sent them (RFC 4252 section 7). */
interface Sent {
  readonly algorithm: string;
  readonly signature: Buffer | undefined;
}

/**
 * Sets right what ssh2 makes of requests to log in. Of a public key it knows the types of its own only:
 * it takes the name off a signature where the two are the same, and turns what is behind it into
 * another form. Here algorithm and signature are what the client sent.
 *
 * ssh2 also disconnects a client that asks for a method it doesn't know, such as gssapi-with-mic. As
 * "none" it gets FAILURE with the list of those there are (RFC 4252 section 5.1).
 */
export class LoginRequests {
  #sent: Sent | undefined;

  constructor(protocol: Protocol) {
    const handlers = protocol._handlers;
    const ask = handlers.USERAUTH_REQUEST;
    handlers.USERAUTH_REQUEST = (self, user, service, method, data) => {
      const known = METHODS_KNOWN.has(method) ? method : "none";
      ask(self, user, service, known, method === "publickey" ? this.#asSent(data) : data);
    };
  }

  /** A request has come that ssh2 reads next. */
  received(payload: Buffer): void {
    try {
      this.#sent = sentIn(new Fields(payload));
    } catch (thrown) {
      if (!(thrown instanceof MalformedMessage)) throw thrown;
      // ssh2 ends the connection.
      this.#sent = undefined;
    }
  }

  #asSent(data: unknown): unknown {
    const sent = this.#sent;
    if (sent === undefined) return data;
    const { algorithm: keyAlgo, signature } = sent;
    return { ...(data as object), keyAlgo, signature, hashAlgo: undefined };
  }
}

function sentIn(fields: Fields): Sent | undefined {
  fields.string();
  fields.string();
  if (fields.text() !== "publickey") return undefined;
  const isSigned = fields.bool();
  const algorithm = fields.text();
  fields.string();
  // A copy: the packet's memory may be used again before the request's turn comes.
  return { algorithm, signature: isSigned ? Buffer.from(fields.string()) : undefined };
}
