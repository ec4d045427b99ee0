import type { Command } from "commander";
import { connectControl } from "../../control/client.ts";
import type { Control, Params, SessionInfo, TransferView } from "../../control/protocol.ts";
import { sessionJson } from "../../control/views.ts";
import { count, dateText } from "../../text/figures.ts";
import { roundSize } from "../../text/units.ts";
import { withAnyServer } from "../any-server.ts";
import type { CommandContext } from "../context.ts";
import { json, paint, table } from "../format.ts";
import type { Io } from "../io.ts";

interface KickOptions {
  readonly disable?: boolean;
  readonly force?: boolean;
  readonly reason?: string;
  readonly user?: boolean;
  readonly json?: boolean;
}

export function addSessionCommands(program: Command, context: CommandContext): void {
  program
    .command("sessions")
    .description("show who is connected and what is being transferred")
    .option("--json", "print JSON")
    .action((options: { json?: boolean }) => sessions(context, options));
  program
    .command("kick")
    .argument("<session>", "a session's number, as `sessions` shows it, or a user's name")
    .description("end a session, or all of a user, and wait until they are gone")
    .option("--user", "it is a user's name, though it looks like a number")
    .option("--disable", "disable the account, too; else the user may connect again")
    .option("--force", "with --disable: even the last enabled admin")
    .option("--reason <text>", "tell the user why")
    .option("--json", "print JSON")
    .action((whom: string, options: KickOptions) => kick(context, whom, options));
}

/** Runs `use` with control of the running server. Rejects with exit code 3 when none runs. */
export async function withControl<T>(
  context: CommandContext,
  use: (control: Control) => Promise<T>,
): Promise<T> {
  const control = await connectControl(context.root());
  try {
    return await use(control);
  } finally {
    control.close();
  }
}

async function sessions(context: CommandContext, options: { json?: boolean }): Promise<void> {
  const { io } = context;
  const all = await withAnyServer(context, (control) => control.call("sessions.list", {}));
  if (options.json) io.out(json(all.map(sessionJson)));
  else if (all.length === 0) io.out("Nobody is connected.\n");
  else io.out(sessionTable(io, all));
}

async function kick(context: CommandContext, whom: string, options: KickOptions): Promise<void> {
  const { io } = context;
  const { disable = false, force = false, user = false, reason } = options;
  const how = { disable, force, ...(reason !== undefined && { reason }) };
  const id = user || !/^\d{1,15}$/.test(whom) ? undefined : Number(whom);
  const { ended, cut } = await withAnyServer(context, async (control) => {
    // This is asked first, because ended sessions have no transfers any more.
    const before = await control.call("sessions.list", {});
    const ended = await end(control, id ?? whom, how);
    return { ended, cut: uploadsOf(before, ended) };
  });
  if (options.json) io.out(json({ ended, disabled: disable }));
  else if (ended.length === 0) io.out(`Disabled ${whom}, who had no session.\n`);
  else {
    const what = `session${ended.length > 1 ? "s" : ""} ${ended.join(", ")}`;
    const whose = id === undefined ? ` of ${whom}` : "";
    io.out(`Ended ${what}${whose}${disable ? " and disabled the account" : ""}.\n`);
    if (cut > 0) io.out(`Cut ${count(cut, "upload")}: what had arrived is kept.\n`);
  }
}

/**
 * @param whom a session's number or a user's name
 * @returns the sessions that have ended
 */
async function end(
  control: Control,
  whom: number | string,
  how: Omit<Params<"users.kick">, "name">,
): Promise<readonly number[]> {
  if (typeof whom === "string") {
    return (await control.call("users.kick", { name: whom, ...how })).ended;
  }
  await control.call("sessions.kick", { id: whom, ...how });
  return [whom];
}

function uploadsOf(sessions: readonly SessionInfo[], ids: readonly number[]): number {
  const transfers = sessions.filter(({ id }) => ids.includes(id)).flatMap((one) => one.transfers);
  return transfers.filter(({ direction }) => direction === "upload").length;
}

function sessionTable(io: Io, all: readonly SessionInfo[]): string {
  const several = all.some(({ machine }) => machine !== undefined);
  const columns = [
    { title: "ID", right: true },
    { title: "USER" },
    ...(several ? [{ title: "MACHINE" }] : []),
    { title: "FROM" },
    { title: "SINCE" },
    { title: "IDLE", right: true },
    { title: "CLIENT" },
  ];
  const rows = all.map((session) => [
    `${session.id}`,
    session.user,
    ...(several ? [session.machine ?? ""] : []),
    session.remote,
    dateText(session.since),
    session.state === "waiting" ? "waits" : idleText(session.idle),
    session.client.replace(/^SSH-2\.0-/, ""),
  ]);
  const transfers = all.flatMap((session) =>
    session.transfers.map((transfer) => transferRow(session, transfer)),
  );
  const list = table(io, columns, rows);
  return transfers.length === 0 ? list : `${list}\n${transferTable(io, transfers)}`;
}

function transferTable(io: Io, rows: readonly (readonly string[])[]): string {
  const columns = [
    { title: "ID", right: true },
    { title: "USER" },
    { title: "TRANSFER" },
    { title: "DONE", right: true },
    { title: "OF", right: true },
    { title: "RATE", right: true },
    { title: "PATH" },
  ];
  return `${paint(io, "dim", "Transfers:")}\n${table(io, columns, rows)}`;
}

function transferRow({ id, user }: SessionInfo, transfer: TransferView): string[] {
  const { direction, bytes, size, bytesPerSecond, path } = transfer;
  return [
    `${id}`,
    user,
    direction,
    roundSize(bytes),
    size === null ? "-" : roundSize(size),
    `${roundSize(bytesPerSecond)}/s`,
    path,
  ];
}

function idleText(idle: number | null): string {
  if (idle === null) return "-";
  const seconds = Math.floor(idle / 1000);
  if (seconds < 60) return `${seconds}s`;
  return seconds < 3600 ? `${Math.floor(seconds / 60)}m` : `${Math.floor(seconds / 3600)}h`;
}
