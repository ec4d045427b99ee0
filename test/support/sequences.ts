import type { Command } from "./openssh-sftp-server-commands.ts";

/** Requests that a client sent without waiting for an answer in between. */
export type Burst = readonly Command[];

/** What one client sent, for each thing that it was asked to do. */
export interface Recording {
  /** the client with its version */
  readonly client: string;
  readonly actions: ReadonlyMap<string, readonly Burst[]>;
}

const SENT_AT_ONCE = "  ";

/**
 * A recording as text: a line for each request, which is its kind and its fields. An indented line was
 * sent before the one above was answered. Empty lines stand in front of actions only.
 */
export function toText({ client, actions }: Recording): string {
  const parts = [...actions].map(([name, bursts]) => `\n== ${name}\n${bursts.map(lines).join("")}`);
  return `# ${client}\n${parts.join("")}`;
}

function lines(burst: Burst): string {
  const texts = burst.map(({ op, ...fields }) => `${op} ${JSON.stringify(fields)}\n`);
  return texts.join(SENT_AT_ONCE);
}

/** @throws Error for a line that is none of {@link toText}'s */
export function fromText(text: string): Recording {
  const [title = "", ...rest] = text.split("\n");
  const actions = new Map<string, Command[][]>();
  let bursts: Command[][] = [];
  for (const line of rest.filter((line) => line !== "")) {
    if (line.startsWith("== ")) {
      bursts = [];
      actions.set(line.slice(3), bursts);
    } else if (line.startsWith(SENT_AT_ONCE)) bursts.at(-1)?.push(command(line.trimStart()));
    else bursts.push([command(line)]);
  }
  return { client: title.replace(/^# /, ""), actions };
}

function command(line: string): Command {
  const [, op, fields] = /^(\w+) (\{.*\})$/.exec(line) ?? [];
  if (op === undefined || fields === undefined)
    throw new Error(`no request of a recording: ${line}`);
  return { op, ...JSON.parse(fields) } as Command;
}
