import { EndedError, FileError, failureCode } from "../../client/errors.ts";
import type { LoginOptions, Target } from "../../client/types.ts";
import { UsageError } from "../../shell/errors.ts";
import { safeJson, visible } from "../../text/safe.ts";
import type { CommandContext } from "../context.ts";
import type { Connection, Engine } from "./engine.ts";
import {
  CLIENT_EXIT,
  ClientExit,
  ENDED_EXIT,
  LOGIN_EXIT,
  loginFailure,
  messageOf,
} from "./exit.ts";
import type { Workplace } from "./job.ts";
import type { LoginFlags } from "./options.ts";
import { Person } from "./person.ts";
import { realEngine } from "./real-engine.ts";
import { type Output, processOutput } from "./report/output.ts";
import { Cancelled, Interrupts, unlessAborted } from "./shell/interrupts.ts";

/** What a client command runs with; tests give their own. */
export interface Surroundings {
  readonly engine: Engine;
  readonly output: Output;
  readonly interrupts: Interrupts;
  readonly person: Person;
}

export interface SessionOptions extends LoginFlags {
  readonly json?: boolean;
}

function surroundings(context: CommandContext, { quiet, json }: SessionOptions): Surroundings {
  const output = processOutput(context.io);
  const interrupts = new Interrupts();
  const silent = quiet === true || json === true;
  const person = new Person(interrupts, silent ? () => {} : (line) => output.err(`${line}\n`));
  return { engine: realEngine(), output, interrupts, person };
}

/**
 * Logs in, does the work, and tells the exit code; what went wrong is one line on standard error
 * (with --json also an event).
 * @param prepare reads the command line: what it refuses is a usage error, and nobody logs in
 */
export async function runSession<T extends { readonly target: Target }>(
  context: CommandContext,
  options: SessionOptions,
  prepare: (engine: Engine) => T,
  use: (place: Workplace, prepared: T, person: Person) => Promise<number>,
  given?: Surroundings,
): Promise<void> {
  const around = given ?? surroundings(context, options);
  const { engine, output, interrupts, person } = around;
  interrupts.listen();
  let connection: Connection | undefined;
  try {
    const prepared = read(engine, prepare);
    connection = await logIn(around, loginOptions(prepared.target, options));
    context.exitCode = await use({ engine, connection, output, interrupts }, prepared, person);
  } catch (thrown) {
    context.exitCode = tell(output, thrown, options);
  } finally {
    person.release();
    await connection?.remote.close().catch(() => {});
    interrupts.unlisten();
  }
}

/** An error here is wrong usage, because it is in the command line. A local file that is missing is not. */
function read<T>(engine: Engine, prepare: (engine: Engine) => T): T {
  try {
    return prepare(engine);
  } catch (thrown) {
    if (thrown instanceof FileError) throw thrown;
    throw new UsageError(messageOf(thrown));
  }
}

function loginOptions(target: Target, options: SessionOptions): LoginOptions {
  const { port, identity, config, acceptNew } = options;
  return {
    target,
    identities: identity ?? [],
    acceptNew: acceptNew === true,
    ...(port === undefined ? {} : { port }),
    ...(config === undefined ? {} : { configFile: config }),
  };
}

function logIn(around: Surroundings, options: LoginOptions): Promise<Connection> {
  const { engine, interrupts, person } = around;
  return interrupts.during((signal) => unlessAborted(engine.open(options, person), signal));
}

/** Exit codes that have a name for scripts, besides those of logins. */
const KINDS: readonly (readonly [number, string])[] = [
  [CLIENT_EXIT.usage, "usage"],
  [CLIENT_EXIT.cancelled, "cancelled"],
  [ENDED_EXIT, "session-ended"],
];

function exitCode(thrown: unknown): number {
  if (thrown instanceof ClientExit) return thrown.code;
  if (thrown instanceof UsageError) return CLIENT_EXIT.usage;
  if (thrown instanceof Cancelled) return CLIENT_EXIT.cancelled;
  return thrown instanceof EndedError ? ENDED_EXIT : CLIENT_EXIT.failed;
}

function tell(output: Output, thrown: unknown, { json }: SessionOptions): number {
  const failure = loginFailure(thrown);
  const code = failure === undefined ? exitCode(thrown) : LOGIN_EXIT[failure];
  const message = messageOf(thrown);
  if (message === "") return code;
  const kind = failure ?? KINDS.find(([number]) => number === code)?.[1] ?? failureCode(thrown);
  const event = { type: "error", code: kind, failure: failure ?? null, message };
  if (json) output.out(`${safeJson(event)}\n`);
  output.err(`moorage: ${visible(message)}\n`);
  return code;
}
