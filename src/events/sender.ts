import { Poster } from "./post.ts";
import type { Resolve } from "./resolver.ts";
import { runCommand } from "./run.ts";
import type { SecretSource } from "./secret.ts";
import type { Outcome, Receiver } from "./types.ts";

/** Delivers one event after the other to one receiver. */
export interface Sender {
  /** One attempt. Never rejects. @param body JSON */
  send(id: string, body: string, signal: AbortSignal): Promise<Outcome>;
  close(): void;
}

export interface SenderOptions extends SecretSource {
  /** gets what a command printed, for the log */
  said(receiver: string, text: string): void;
  /** names to addresses; without it as the machine does */
  readonly resolve?: Resolve;
}

export function makeSender(receiver: Receiver, options: SenderOptions): Sender {
  if (receiver.url !== "") return new Poster(receiver, options, options.resolve);
  return {
    send: (_, body, signal) =>
      runCommand(receiver, body, signal, (text) => options.said(receiver.name, text)),
    close: () => {},
  };
}
