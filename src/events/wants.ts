import { TextPattern } from "../text/pattern.ts";
import { kindsOf } from "./kinds.ts";
import type { MoorageEvent, Receiver } from "./types.ts";

/** Whether an event is for a receiver: all that the receiver names must be so. */
export function wants({ kinds, users, folders }: Receiver): (event: MoorageEvent) => boolean {
  const wanted = kindsOf(kinds);
  const isUser = anyOf(users);
  const isFolder = anyOf(folders);
  return ({ kind, user, folder, toFolder }) =>
    wanted.has(kind) && isUser(user) && (isFolder(folder) || isFolder(toFolder));
}

function anyOf(texts: readonly string[]): (name: string | undefined) => boolean {
  if (texts.length === 0) return () => true;
  const patterns = texts.map((text) => new TextPattern(text));
  return (name) => name !== undefined && patterns.some((pattern) => pattern.matches(name));
}
