import { fileURLToPath } from "node:url";
import type { Client, Outcome } from "../client.ts";
import { start } from "../program.ts";

export type Start = Client["start"];

/** The path of a file that lies here. */
export function beside(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

/** Starts a program of ours that does with a library what it reads as JSON on its standard input. */
export function script(program: string, name: string, ...args: readonly string[]): Start {
  return (login, ops, { goOn = false } = {}) =>
    start(program, [beside(name), ...args], login, {
      input: JSON.stringify({ login, ops, goOn }),
    });
}

/** What it printed last. */
export function json(outcome: Outcome): unknown {
  return JSON.parse(outcome.stdout.toString().trim().split("\n").at(-1) ?? "");
}

export function names(outcome: Outcome): Buffer[] {
  return (json(outcome) as { names: string[] }).names.map((name) => Buffer.from(name));
}

/** What our server says in full where the library passes it on. */
export const QUOTA = /Quota exceeded: \d+ of \d+ bytes used, \d+ more needed/;

/** Why nothing of what is over the quota is kept by scp. */
export const SIZE_FIRST =
  "the old protocol says the size first: what can't fit is refused before it begins";
