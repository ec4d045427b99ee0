import type { Command } from "commander";
import { loadConfig } from "../../config/load.ts";
import { connectControl } from "../../control/client.ts";
import { ControlError, EXIT } from "../../control/errors.ts";
import type { ReceiverInfo, TestResult } from "../../control/event-protocol.ts";
import { EventControl } from "../../control/events.ts";
import { count, dateText } from "../../text/figures.ts";
import { oneLine } from "../../text/safe.ts";
import { roundSize } from "../../text/units.ts";
import { type CommandContext, cliActor, withStore } from "../context.ts";
import { json, paint, table } from "../format.ts";
import type { Io } from "../io.ts";

interface JsonOption {
  readonly json?: boolean;
}

export function addEventCommands(program: Command, context: CommandContext): void {
  const events = program
    .command("events")
    .description("show who is told of events, and whether that works");
  events
    .command("list", { isDefault: true })
    .description("show the receivers of [[events]] and what waits for them")
    .option("--json", "print JSON")
    .action((options: JsonOption) => list(context, options));
  events
    .command("test")
    .argument("<name>", "a receiver, as `events list` shows it")
    .description("send a receiver an event of the kind `test`, and tell how that went")
    .option("--json", "print JSON")
    .action((name: string, options: JsonOption) => test(context, name, options));
  events
    .command("retry")
    .argument("[name]", "a receiver; without it all")
    .description("try at once to deliver what waits")
    .option("--json", "print JSON")
    .action((name: string | undefined, options: JsonOption) => retry(context, name, options));
  events
    .command("drop")
    .argument("<name>", "a receiver")
    .description("forget what waits for a receiver: it is never delivered")
    .option("--json", "print JSON")
    .action((name: string, options: JsonOption) => drop(context, name, options));
}

/** They work on the store, whether a server runs or not. */
function withEvents<T>(
  context: CommandContext,
  use: (events: EventControl) => Promise<T>,
): Promise<T> {
  const { io } = context;
  const root = context.root();
  const { receivers } = loadConfig({ root, env: io.env }).events;
  const by = { receivers, root, env: io.env, actor: cliActor() };
  const said = (text: string): void => io.err(`${text}\n`);
  return withStore(context, (store) => use(new EventControl({ ...by, store, said })), {
    withoutHomes: true,
  });
}

async function list(context: CommandContext, options: JsonOption): Promise<void> {
  const { io } = context;
  const all = await withEvents(context, (events) => events.list());
  if (options.json) io.out(json(all.map(receiverJson)));
  else if (all.length === 0) io.out("Nobody is told of events: see docs/events.md.\n");
  else io.out(receiverTable(io, all));
}

function receiverJson(info: ReceiverInfo): object {
  const times = { nextAt: info.nextAt, lastSuccessAt: info.lastSuccessAt };
  const iso = Object.entries({ ...times, lastErrorAt: info.lastErrorAt }).map(([key, at]) => {
    return [key, at === null ? null : new Date(at).toISOString()] as const;
  });
  return { ...info, ...Object.fromEntries(iso) };
}

function receiverTable(io: Io, all: readonly ReceiverInfo[]): string {
  const columns = [
    { title: "NAME" },
    { title: "TO" },
    { title: "WAITING", right: true },
    { title: "SIZE", right: true },
    { title: "DELIVERED", right: true },
    { title: "DROPPED", right: true },
    { title: "LAST SUCCESS" },
    { title: "STATE" },
  ];
  const rows = all.map((info) => [
    info.name,
    info.configured ? oneLine(info.target) : "(not in the settings)",
    `${info.queued}`,
    roundSize(info.queuedBytes),
    `${info.delivered}`,
    `${info.dropped}`,
    dateText(info.lastSuccessAt),
    info.failures === 0 ? "ok" : paint(io, "red", failingText(info)),
  ]);
  return table(io, columns, rows);
}

function failingText({ failures, lastError, nextAt }: ReceiverInfo): string {
  const next = nextAt === null ? "" : `, next try ${dateText(nextAt)}`;
  return `${count(failures, "failure")} in a row: ${oneLine(lastError)}${next}`;
}

async function test(context: CommandContext, name: string, options: JsonOption): Promise<void> {
  const result =
    (await testByServer(context, name)) ??
    (await withEvents(context, (events) => events.test(name)));
  if (options.json) context.io.out(json(result));
  const took = `in ${result.durationMs} ms`;
  if (!result.ok) throw new ControlError(`${name} was not reached ${took}: ${result.text}`);
  if (!options.json) context.io.out(`${name} has it, ${took}: ${result.text}.\n`);
}

/** A server has its own user and environment, and so its secrets. undefined: none runs */
async function testByServer(
  { root }: CommandContext,
  name: string,
): Promise<TestResult | undefined> {
  const control = await connectControl(root(), { actor: cliActor() }).catch(noServer);
  if (control === undefined) return undefined;
  try {
    const known = await control.call("events.list", {});
    if (known.some((info) => info.name === name && info.configured)) {
      return await control.call("events.test", { name });
    }
    throw new ControlError(
      `the server has no receiver ${oneLine(name)}: after a change of moorage.toml use \`moorage reload\``,
    );
  } finally {
    control.close();
  }
}

function noServer(thrown: unknown): undefined {
  if (thrown instanceof ControlError && thrown.exitCode === EXIT.notRunning) return undefined;
  throw thrown;
}

async function retry(
  context: CommandContext,
  name: string | undefined,
  options: JsonOption,
): Promise<void> {
  await withEvents(context, (events) => events.retry(name));
  context.io.out(options.json ? json({ retried: true }) : "What waits is tried at once.\n");
}

async function drop(context: CommandContext, name: string, options: JsonOption): Promise<void> {
  const dropped = await withEvents(context, (events) => events.drop(name));
  context.io.out(options.json ? json({ dropped }) : `Dropped ${count(dropped, "event")}.\n`);
}
