import { type ParseArgsConfig, parseArgs } from "node:util";
import { UsageError } from "../../../shell/errors.ts";
import type { RemoteShell } from "./remote-shell.ts";
import type { Word } from "./words.ts";

/** What a word of a command is, for completion. */
export type Side = "remote" | "local" | "command" | "none";

export interface Arguments {
  readonly flags: ReadonlySet<string>;
  readonly values: Readonly<Record<string, string>>;
  readonly operands: readonly Word[];
}

export interface ShellCommand {
  readonly name: string;
  readonly aliases?: readonly string[];
  /** what follows the name: "[-r] NAME..." */
  readonly usage: string;
  /** one line */
  readonly summary: string;
  /** further lines of --help */
  readonly details?: string;
  readonly options?: NonNullable<ParseArgsConfig["options"]>;
  /** operands at least and at most */
  readonly operands: readonly [number, number];
  /** @param index of the operand, from 0 */
  side?(index: number): Side;
  /** it stops by itself when it is told to: what it began must be ended in order */
  readonly stopsItself?: boolean;
  run(shell: RemoteShell, args: Arguments): Promise<void>;
}

export const MANY = Number.POSITIVE_INFINITY;

/** @throws UsageError; undefined: only help was asked for */
export function parseArguments(
  command: ShellCommand,
  words: readonly Word[],
): Arguments | undefined {
  const wrong = (what: string) => new UsageError(`${command.name}: ${what}; ${usageLine(command)}`);
  let parsed: ReturnType<typeof parseTokens>;
  try {
    parsed = parseTokens(command, words);
  } catch (thrown) {
    throw wrong(firstSentence(thrown));
  }
  const operands: Word[] = [];
  for (const token of parsed.tokens) {
    const word = words[token.index];
    if (token.kind === "positional" && word !== undefined) operands.push(word);
  }
  if (parsed.values.help === true) return undefined;
  const [least, most] = command.operands;
  if (operands.length < least) throw wrong("something is missing");
  if (operands.length > most) throw wrong("there are too many names");
  const flags = new Set<string>();
  const values: Record<string, string> = {};
  for (const [name, value] of Object.entries(parsed.values)) {
    if (typeof value === "string") values[name] = value;
    else if (value === true) flags.add(name);
  }
  return { flags, values, operands };
}

function parseTokens(command: ShellCommand, words: readonly Word[]) {
  return parseArgs({
    args: words.map(({ text }) => text),
    options: { ...command.options, help: { type: "boolean" } },
    allowPositionals: true,
    tokens: true,
  });
}

function firstSentence(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  const [first = ""] = text.split(/\. |\n/);
  return first.charAt(0).toLowerCase() + first.slice(1).replace(/\.$/, "");
}

export function usageLine(command: ShellCommand): string {
  return `usage: ${[command.name, command.usage].join(" ").trim()}`;
}

export function helpText(command: ShellCommand): string {
  const lines = [usageLine(command), command.summary];
  if (command.details !== undefined) lines.push(...command.details.replace(/^\n/, "").split("\n"));
  if (command.aliases !== undefined) lines.push(`also: ${command.aliases.join(", ")}`);
  return `${lines.join("\n")}\n`;
}
