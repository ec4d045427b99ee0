import type { Direction, JournalEntry, TransferJob } from "../../../client/types.ts";
import { UsageError } from "../../../shell/errors.ts";
import { count, percent } from "../../../text/figures.ts";
import { visible } from "../../../text/safe.ts";
import { roundSize } from "../../../text/units.ts";
import { CLIENT_EXIT, ClientExit, ENDED_EXIT } from "../exit.ts";
import { runReported } from "../job.ts";
import { MAX_PARALLEL, PARALLEL } from "../options.ts";
import { asTyped } from "../place/paths.ts";
import { type Arguments, MANY, type ShellCommand } from "../shell/command.ts";
import type { RemoteShell } from "../shell/remote-shell.ts";

const OPTIONS = {
  r: { type: "boolean", short: "r" },
  p: { type: "boolean", short: "p" },
  j: { type: "string", short: "j" },
  "no-verify": { type: "boolean" },
  resume: { type: "boolean" },
  "no-resume": { type: "boolean" },
} as const;

const DETAILS = `
  -r           directories with all that is in them
  -p           keep times and modes
  -j N         N files at once (${PARALLEL})
  --no-resume  start over; otherwise a transfer that was broken off goes on where it was
  --no-verify  don't compare checksums afterwards
The last of several names is where to: a directory, or the new name of a single file.`;

/** @throws UsageError */
export function parallelOf(text: string | undefined): number {
  if (text === undefined) return PARALLEL;
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= 1 && number <= MAX_PARALLEL) return number;
  throw new UsageError(`-j takes a number from 1 to ${MAX_PARALLEL}`);
}

function transfer(
  name: string,
  aliases: readonly string[],
  direction: Direction,
  summary: string,
): ShellCommand {
  const [from, to] = direction === "down" ? ["REMOTE", "LOCAL"] : ["LOCAL", "REMOTE"];
  const sides =
    direction === "down" ? (["remote", "local"] as const) : (["local", "remote"] as const);
  return {
    name,
    aliases,
    usage: `[-r] [-p] [-j N] [--no-resume] [--no-verify] ${from}... [${to}]`,
    summary,
    details: DETAILS,
    options: OPTIONS,
    operands: [1, MANY],
    side: (index) => (index === 0 ? sides[0] : sides[1]),
    stopsItself: true,
    async run(shell, args) {
      await runJob(shell, await jobOf(shell, direction, args));
    },
  };
}

async function jobOf(
  shell: RemoteShell,
  direction: Direction,
  { flags, values, operands }: Arguments,
): Promise<TransferJob> {
  const parallel = parallelOf(values.j);
  // Words count as typed: one pattern is one source, whatever it comes to.
  const sources = operands.length > 1 ? operands.slice(0, -1) : operands;
  const where = operands.length > 1 ? operands.slice(-1) : [];
  const up = direction === "up";
  const paths: string[] = [];
  for (const word of sources) {
    const found = up ? await shell.expandLocal([word]) : await shell.expandRemote([word]);
    paths.push(...found.map((path) => asTyped(path, word.text)));
  }
  const targets = up ? await shell.expandRemote(where) : await shell.expandLocal(where);
  if (targets.length > 1) throw new UsageError("the target matches more than one name");
  const to = targets[0] && asTyped(targets[0], where[0]?.text ?? "");
  return {
    direction,
    sources: paths,
    target: to ?? (up ? shell.directory : shell.localDirectory),
    recursive: flags.has("r"),
    preserve: flags.has("p"),
    resume: !flags.has("no-resume"),
    verify: !flags.has("no-verify"),
    parallel,
  };
}

async function runJob(shell: RemoteShell, job: TransferJob): Promise<void> {
  const outcome = await runReported(shell.place, job, shell.style);
  if (outcome === "failed") throw new ClientExit(CLIENT_EXIT.failed);
  if (outcome === "cancelled") throw new ClientExit(CLIENT_EXIT.cancelled);
  if (outcome === "ended") throw new ClientExit(ENDED_EXIT);
}

const resume: ShellCommand = {
  name: "resume",
  usage: "[N... | all]",
  summary: "go on with unfinished transfers, by number; no number: the only one",
  operands: [0, MANY],
  stopsItself: true,
  async run(shell, { operands }) {
    await loadUnfinished(shell);
    if (operands.length === 0 && shell.unfinished.length > 1) {
      listUnfinished(shell);
      throw new UsageError("which? `resume N`, or `resume all`");
    }
    const words = operands.length === 0 ? ["all"] : operands.map(({ text }) => text);
    const failed: unknown[] = [];
    for (const entry of await pick(shell, words)) {
      await runJob(shell, resumeJob(entry)).catch((thrown) => {
        if (!(thrown instanceof ClientExit) || thrown.code !== CLIENT_EXIT.failed) throw thrown;
        failed.push(thrown);
      });
    }
    if (failed.length > 0) throw failed[0];
  },
};

function resumeJob({ direction, source, target, preserve }: JournalEntry): TransferJob {
  return {
    direction,
    sources: [source],
    target,
    recursive: false,
    preserve,
    resume: true,
    verify: true,
    parallel: 1,
  };
}

const forget: ShellCommand = {
  name: "forget",
  usage: "N... | all",
  summary: "drop unfinished transfers from the list; their files stay",
  operands: [1, MANY],
  async run(shell, { operands }) {
    await loadUnfinished(shell);
    const words = operands.map(({ text }) => text);
    for (const { id } of await pick(shell, words)) await shell.place.engine.journal().forget(id);
  },
};

const unfinished: ShellCommand = {
  name: "unfinished",
  usage: "",
  summary: "list the unfinished transfers from and to this server",
  operands: [0, 0],
  async run(shell) {
    shell.unfinished = [];
    await loadUnfinished(shell);
    if (shell.unfinished.length === 0) shell.print("nothing is unfinished");
    else listUnfinished(shell);
  },
};

/** The numbers stay what they were when the list was shown, until it is shown again. */
export async function loadUnfinished(shell: RemoteShell): Promise<void> {
  if (shell.unfinished.length > 0) return;
  const { engine, connection } = shell.place;
  shell.unfinished = await engine.journal().list(connection.server);
}

export function listUnfinished(shell: RemoteShell): void {
  const lines = shell.unfinished.map((entry, index) => unfinishedLine(entry, index + 1));
  shell.print(`${count(lines.length, "unfinished transfer")} with this server:`);
  for (const line of lines) shell.print(line);
  shell.print("`resume N` (or `resume all`) goes on, `forget N` drops it from the list");
}

function unfinishedLine(entry: JournalEntry, number: number): string {
  const { direction, source, target, offset, size } = entry;
  const verb = direction === "up" ? "put" : "get";
  const part = `${percent(offset, size)}% of ${roundSize(size)}`;
  return `${String(number).padStart(3)}  ${verb}  ${visible(source)} -> ${visible(target)}  ${part}`;
}

/** What was finished or forgotten since the list was shown is not meant any more. */
async function pick(
  shell: RemoteShell,
  words: readonly string[],
): Promise<readonly JournalEntry[]> {
  const { engine, connection } = shell.place;
  const now = await engine.journal().list(connection.server);
  const left = shell.unfinished.filter(({ id }) => now.some((entry) => entry.id === id));
  if (left.length === 0) throw new UsageError("nothing is unfinished");
  if (words.length === 1 && words[0] === "all") return left;
  return words.map((word) => {
    const entry = /^\d+$/.test(word) ? shell.unfinished[Number(word) - 1] : undefined;
    if (entry !== undefined && left.includes(entry)) return entry;
    if (entry !== undefined) throw new UsageError(`number ${word} is done or dropped`);
    throw new UsageError(`no number ${word} in the list: \`unfinished\` shows it`);
  });
}

export const TRANSFER_COMMANDS = [
  transfer("get", ["download", "mget"], "down", "download files"),
  transfer("reget", ["resume_download"], "down", "go on with downloads that were broken off"),
  transfer("put", ["upload", "mput"], "up", "upload files"),
  transfer("reput", ["resume_upload"], "up", "go on with uploads that were broken off"),
  resume,
  forget,
  unfinished,
];
