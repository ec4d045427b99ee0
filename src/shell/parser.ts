import type { ByteString } from "../vfs/path.ts";
import { ShellSyntaxError } from "./errors.ts";
import { type Connector, type Token, tokenize, unsupported, type Word } from "./lexer.ts";
import { KEYWORDS, SUM_NAMES } from "./names.ts";

/** One or two commands; of two, the first one's output is the second one's input. */
export interface Step {
  /** what joins it to the step before; ";" for the first */
  readonly connector: Connector;
  readonly pipeline: readonly (readonly Word[])[];
}

export const MAX_LINE_BYTES = 64 * 1024;
export const MAX_WORDS = 8192;

const PIPE_SOURCES: ReadonlySet<string> = new Set(["echo", "cat"]);
const PIPE_TARGETS: ReadonlySet<string> = new Set(SUM_NAMES);
const ASSIGNMENT = /^[A-Za-z_][A-Za-z0-9_]*(\[.*\])?\+?=/;

/**
 * Understands a command line: a subset of what the POSIX shell does (XCU section 2), and all of it
 * or nothing.
 * @throws ShellSyntaxError for everything outside that subset; nothing else
 */
export function parse(line: ByteString): readonly Step[] {
  if (line.length > MAX_LINE_BYTES) {
    throw new ShellSyntaxError(`the command line is longer than ${MAX_LINE_BYTES} bytes`);
  }
  const steps: Step[] = [];
  let words = 0;
  let connector: Connector = ";";
  let pipeline: Word[][] = [[]];
  /** the operator before the next word, when it needs one to follow */
  let open: string | undefined;
  const finish = (): void => {
    checkPipeline(pipeline);
    steps.push({ connector, pipeline });
    pipeline = [[]];
  };
  for (const token of tokenize(line)) {
    const command = pipeline[pipeline.length - 1] as Word[];
    if (token.kind === "word") {
      words += 1;
      if (words > MAX_WORDS) throw new ShellSyntaxError(`more than ${MAX_WORDS} words`);
      command.push(token.parts);
      open = undefined;
    } else if (command.length === 0) {
      // An empty line is fine anywhere; "a &&" may go on in the next one.
      if (token.operator !== "\n") throw unexpected(token);
    } else if (token.operator === "|") {
      pipeline.push([]);
      open = "|";
    } else {
      finish();
      connector = token.operator === "\n" ? ";" : token.operator;
      open = connector === ";" ? undefined : connector;
    }
  }
  if (open !== undefined) throw new ShellSyntaxError(`a command is missing after '${open}'`);
  if (pipeline[0]?.length !== 0) finish();
  return steps;
}

function unexpected(token: Token & { kind: "operator" }): ShellSyntaxError {
  return new ShellSyntaxError(`a command is missing before '${token.operator}'`);
}

/** The word's text when it holds nothing to expand. */
export function plainText(word: Word | undefined): ByteString | undefined {
  let text = "";
  for (const part of word ?? []) {
    if (part.kind !== "text") return undefined;
    text += part.text;
  }
  return text as ByteString;
}

function checkPipeline(pipeline: readonly Word[][]): void {
  for (const command of pipeline) checkCommand(command);
  if (pipeline.length === 1) return;
  const [source, target] = pipeline.map(([first]) => plainText(first) ?? "");
  const known = PIPE_SOURCES.has(source as string) && PIPE_TARGETS.has(target as string);
  if (pipeline.length > 2 || !known) {
    throw new ShellSyntaxError(
      "'|' leads only from echo or cat into md5sum, sha256sum and the like",
    );
  }
}

function checkCommand(command: readonly Word[]): void {
  const [first] = command;
  const [part] = first ?? [];
  if (part?.kind === "text" && !part.quoted) {
    if (first?.length === 1 && KEYWORDS.has(part.text)) throw unsupported(`'${part.text}'`);
    if (ASSIGNMENT.test(part.text)) throw unsupported("setting variables");
  }
  for (const word of command) checkBraces(word);
}

function checkBraces(word: Word): void {
  let unquoted = "";
  for (const part of word) unquoted += part.kind === "text" && !part.quoted ? part.text : " ";
  // By hand: a regular expression would take time with the third power of the length.
  const inside = unquoted.slice(unquoted.indexOf("{"), unquoted.lastIndexOf("}") + 1);
  if (unquoted.includes("{") && (inside.includes(",") || inside.includes(".."))) {
    throw unsupported("expanding braces");
  }
}
