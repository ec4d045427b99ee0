import type { Protocol } from "./internals.ts";

/** What the other end says when it ends the connection (RFC 4253 section 11.1). */
export interface LastWords {
  readonly reason: number;
  /** as it came, not safe for a terminal */
  readonly text: string;
}

/** Hears DISCONNECT: ssh2's client keeps the text of the commonest reason, "by application", to itself. */
export function hearLastWords(protocol: Protocol, heard: (words: LastWords) => void): void {
  const handlers = protocol._handlers;
  const end = handlers.DISCONNECT;
  handlers.DISCONNECT = (self, reason, text) => {
    heard({ reason, text });
    end(self, reason, text);
  };
}
