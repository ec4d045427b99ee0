import { type Command, Option } from "commander";
import { nodeInfos } from "../../control/node-list.ts";
import type { NodeInfo } from "../../control/protocol.ts";
import type { Which } from "../../control/stop-servers.ts";
import { nodeJson } from "../../control/views.ts";
import { clockText, dateText } from "../../text/figures.ts";
import { type CommandContext, withStore } from "../context.ts";
import { json, table } from "../format.ts";
import type { Io } from "../io.ts";

/** Of an id: enough to name a process by, and `--node` takes it. */
const SHORT_ID = 8;

export function addNodesCommand(program: Command, context: CommandContext): void {
  program
    .command("nodes")
    .description("show the server's processes, on all machines that share the database")
    .option("--json", "print JSON")
    .action((options: { json?: boolean }) => nodes(context, options));
}

/** Which servers a command is for. */
export interface WhichOptions {
  readonly node?: string;
  readonly all?: boolean;
}

/** Without them a command is for the servers of this machine. */
export function whichOptions(): Option[] {
  return [
    new Option("--node <id>", "only one server, of whichever machine: see `nodes`").conflicts(
      "all",
    ),
    new Option("--all", "the servers of all machines"),
  ];
}

export function whichOf({ node, all = false }: WhichOptions): Which {
  if (node !== undefined) return { node };
  return all ? "all" : "here";
}

async function nodes(context: CommandContext, options: { json?: boolean }): Promise<void> {
  const { io } = context;
  const all = await withStore(context, (store) => nodeInfos(store, store.nodeId), {
    withoutHomes: true,
  });
  if (options.json) io.out(json(all.map(nodeJson)));
  else if (all.length === 0) io.out("No server runs, on no machine.\n");
  else io.out(nodeTable(io, all));
}

function nodeTable(io: Io, all: readonly NodeInfo[]): string {
  const renews = all.some(({ renewedAt }) => renewedAt !== null);
  const columns = [
    { title: "ID" },
    { title: "MACHINE" },
    { title: "PID", right: true },
    { title: "ROLE" },
    { title: "LISTENS ON" },
    { title: "SESSIONS", right: true },
    { title: "SINCE" },
    ...(renews ? [{ title: "LAST RENEWED" }] : []),
    { title: "STATE" },
    { title: "VERSION" },
  ];
  const rows = all.map((node) => [
    node.id.slice(0, SHORT_ID),
    node.machine,
    `${node.pid}`,
    node.role,
    node.listen,
    `${node.sessions}`,
    dateText(node.since),
    ...(renews ? [node.renewedAt === null ? "" : clockText(node.renewedAt)] : []),
    node.state,
    node.version,
  ]);
  return table(io, columns, rows);
}
