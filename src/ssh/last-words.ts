import type { Protocol } from "./internals.ts";

/** What the other end says when it ends the connection (RFC 4253 section 11.1). */
export interface LastWords {
  readonly reason: number;
  /** as it came, not safe for a terminal */
  readonly text: string;
}

/** Listens for DISCONNECT, because ssh2's client doesn't pass on its text when the reason is "by application". */
export function hearLastWords(protocol: Protocol, heard: (words: LastWords) => void): void {
  const handlers = protocol._handlers;
  const end = handlers.DISCONNECT;
  handlers.DISCONNECT = (self, reason, text) => {
    heard({ reason, text });
    end(self, reason, text);
  };
}
