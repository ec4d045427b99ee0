import { createInterface } from "node:readline";
import { EndedError } from "../../../client/errors.ts";
import { visible } from "../../../text/safe.ts";
import { findCommand, Leave, noCommand } from "../commands/all.ts";
import { runHere } from "../commands/more.ts";
import { listUnfinished, loadUnfinished } from "../commands/transfers.ts";
import { CLIENT_EXIT, ClientExit, ENDED_EXIT, messageOf } from "../exit.ts";
import { fullLines } from "../report/fullness.ts";
import { helpText, parseArguments } from "./command.ts";
import { Completion } from "./complete.ts";
import { AGAIN, EndWatch } from "./end-watch.ts";
import type { History } from "./history.ts";
import { Cancelled } from "./interrupts.ts";
import type { Keyboard } from "./keyboard.ts";
import type { RemoteShell } from "./remote-shell.ts";
import { splitWords } from "./words.ts";

/** How a line ended; undefined: the session is to end. */
export type LineOutcome = "done" | "failed" | "cancelled" | "ended" | undefined;

/** Runs one line and tells what went wrong with it. */
export async function runLine(shell: RemoteShell, line: string): Promise<LineOutcome> {
  shell.complained = false;
  try {
    await execute(shell, line);
    return shell.complained ? "failed" : "done";
  } catch (thrown) {
    if (thrown instanceof Leave) return undefined;
    if (thrown instanceof Cancelled) {
      shell.output.err("cancelled\n");
      return "cancelled";
    }
    if (thrown instanceof ClientExit) {
      if (thrown.message !== "") shell.complain(thrown.message);
      if (thrown.code === ENDED_EXIT) return "ended";
      return thrown.code === CLIENT_EXIT.cancelled ? "cancelled" : "failed";
    }
    const isOver = thrown instanceof EndedError;
    const lost = !isOver && (thrown as { lost?: boolean }).lost ? `; ${AGAIN}` : "";
    shell.complain(messageOf(thrown) + lost);
    return isOver ? "ended" : "failed";
  }
}

async function execute(shell: RemoteShell, line: string): Promise<void> {
  const trimmed = line.trim();
  if (trimmed.startsWith("#")) return;
  if (trimmed.startsWith("!")) return shell.wait(runHere(shell, trimmed.slice(1)));
  // A number of the list of unfinished transfers.
  const said = /^\d+$/.test(trimmed) ? `resume ${trimmed}` : line;
  const [first, ...words] = splitWords(said);
  if (first === undefined) return;
  const command = findCommand(first.text);
  if (command === undefined) throw noCommand(first.text);
  const isHelp = words.length === 1 && words[0]?.text === "/?";
  const args = isHelp ? undefined : parseArguments(command, words);
  if (args === undefined) return shell.output.out(helpText(command));
  const work = () => command.run(shell, args);
  await (command.stopsItself ? work() : shell.wait(work()));
}

/** The prompt: until exit, Ctrl-D, or the end of the terminal. */
export async function interact(
  shell: RemoteShell,
  keyboard: Keyboard,
  history: History,
): Promise<number> {
  const { interrupts } = shell.place;
  const completion = new Completion(shell);
  await Promise.all([warnIfFull(shell), loadUnfinished(shell)]);
  if (shell.unfinished.length > 0) listUnfinished(shell);
  const end = new EndWatch(shell.remote, (text, last) => keyboard.tell(text, last));
  const next = () =>
    keyboard.line(promptText(shell), {
      complete: (text) => completion.complete(text),
      history: history.lines,
      clearing: true,
    });
  while (interrupts.ending === undefined) {
    if (end.isFinal) return ended(shell, end);
    const line = await end.idle(next());
    if (line === undefined) return end.isFinal ? ended(shell, end) : CLIENT_EXIT.ok;
    history.add(line);
    const outcome = await runLine(shell, line);
    if (outcome === "ended") return ENDED_EXIT;
    if (outcome === undefined) break;
    completion.clear();
  }
  return CLIENT_EXIT.ok;
}

function ended(shell: RemoteShell, { untold }: EndWatch): number {
  if (untold !== undefined) shell.complain(untold);
  return ENDED_EXIT;
}

/** Who can't be told how full it is, is not: a server that doesn't answer is noticed soon enough. */
async function warnIfFull(shell: RemoteShell): Promise<void> {
  const { remote } = shell;
  const space = await shell.wait(remote.space(remote.home)).catch(() => undefined);
  for (const line of fullLines(remote.name, space)) shell.print(line);
}

function promptText(shell: RemoteShell): string {
  const { home, name } = shell.remote;
  const { directory } = shell;
  const below = home !== "/" && (directory === home || directory.startsWith(`${home}/`));
  return `${visible(name)}:${visible(below ? `~${directory.slice(home.length)}` : directory)}> `;
}

/**
 * Lines from a file or a pipe. It ends at the first that fails; one that begins with `-` may fail.
 * @returns the exit code
 */
export async function runScript(shell: RemoteShell, input: NodeJS.ReadableStream): Promise<number> {
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  const end = new EndWatch(shell.remote, (text, last) => {
    if (!last) return;
    shell.complain(text);
    lines.close();
  });
  const source = lines[Symbol.asyncIterator]();
  try {
    for (;;) {
      const { value: text, done } = await end.idle(source.next());
      if (end.isFinal) return ended(shell, end);
      if (done) return CLIENT_EXIT.ok;
      const line = text.trimStart();
      const mayFail = line.startsWith("-");
      const outcome = await runLine(shell, mayFail ? line.slice(1) : line);
      if (outcome === undefined) return CLIENT_EXIT.ok;
      if (outcome === "ended") return ENDED_EXIT;
      if (outcome === "cancelled") return CLIENT_EXIT.cancelled;
      if (outcome === "failed" && !mayFail) return CLIENT_EXIT.failed;
    }
  } finally {
    lines.close();
  }
}
