import { readSettings } from "../config/load.ts";
import { UNTOLD } from "../control/changeable.ts";
import { connectControl } from "../control/client.ts";
import { ControlError, EXIT } from "../control/errors.ts";
import { instanceExists } from "../control/instance.ts";
import type { Control } from "../control/protocol.ts";
import { asInstanceOwner } from "../control/server-user.ts";
import {
  type Change,
  changeRecord,
  changeSetting,
  putInForce,
  refuseGiven,
  shownValue,
} from "../control/setting-changes.ts";
import { visible } from "../text/safe.ts";
import { type CommandContext, cliActor, requirePlace, withStore } from "./context.ts";
import { json, paint } from "./format.ts";
import { fitted } from "./layout.ts";
import { noteBareSize } from "./options.ts";

/**
 * `config set` and `config unset`: writes the file as whoever runs the command, and has the server read
 * it, where one runs here.
 * @param value null: the default again
 */
export async function changeByCommand(
  context: CommandContext,
  name: string,
  value: string | null,
  options: { readonly json?: boolean },
): Promise<void> {
  if (value !== null) requirePlace(context);
  const server = await serverOf(context.root());
  try {
    if (server !== undefined) await refuseGiven(server, name);
    const change = await changed(context, name, value);
    noteQuota(context.io, change, value);
    const inForce = server && (await putInForce(change, () => server.call("reload", {})));
    await record(context, change);
    const state = { running: server !== undefined, inForce: inForce === true };
    const { io } = context;
    io.out(
      options.json ? jsonOf(change, state) : fitted(textOf(context, change, state), io.columns),
    );
  } finally {
    server?.close();
  }
}

/** Undefined: none runs here. */
async function serverOf(root: string): Promise<Control | undefined> {
  try {
    return await connectControl(root);
  } catch (thrown) {
    if (thrown instanceof ControlError && thrown.exitCode === EXIT.notRunning) return undefined;
    throw thrown;
  }
}

function changed({ root: rootOf, io }: CommandContext, name: string, value: string | null) {
  const root = rootOf();
  const read = (file?: string) => readSettings({ root, env: io.env, file });
  return changeSetting({ root, read }, name, value);
}

/** Where there is an instance. What is done is done: a trail that can't be written is said. */
async function record({ io, root: rootOf }: CommandContext, change: Change): Promise<void> {
  const root = rootOf();
  if (!change.changed || !instanceExists(root)) return;
  // Asked before root acts as the owner.
  const actor = cliActor();
  const context = { io: { ...io, env: { ...io.env, ...placeBefore(change) } }, root: rootOf };
  try {
    await asInstanceOwner(root, () =>
      withStore(context, async ({ audit }) => audit.record({ ...changeRecord(change), actor }), {
        withoutHomes: true,
      }),
    );
  } catch {
    io.err("moorage: the change is not in the audit trail: the database can't be reached\n");
  }
}

/** Where the trail was until now, and is until a restart. */
function placeBefore({ named, before }: Change): CommandContext["io"]["env"] {
  if (named.section !== "store" || before === undefined) return {};
  return { [named.variable]: named.setting.format(before.value) };
}

/** As for the quota of a user. */
function noteQuota(io: CommandContext["io"], { named, after }: Change, text: string | null): void {
  if (named.name !== "quota.default" || text === null || typeof after.value !== "number") return;
  noteBareSize(io, text, after.value);
}

interface State {
  /** a server runs here */
  readonly running: boolean;
  readonly inForce: boolean;
}

function jsonOf(change: Change, { running, inForce }: State): string {
  const { named, before, after, changed } = change;
  // What might hold a password is shown as `config check` shows it.
  const shown = (one: Change["before"]) =>
    one && (UNTOLD.has(named.name) ? named.setting.format(one.value) : one.value);
  const values = { value: shown(after), before: shown(before) ?? null };
  return json({ name: named.name, ...values, changed, running, inForce });
}

function textOf({ io }: CommandContext, change: Change, state: State): string {
  const { named, before, after, changed } = change;
  const usual = after.origin === "default" ? ", the default" : "";
  const was = before === undefined ? "" : ` (it was ${shownValue(before)})`;
  const already = after.origin === "default" ? " already" : " in moorage.toml already";
  const what = `${named.name} is ${shownValue(after)}${usual}${changed ? was : already}.`;
  return `${visible(what)} ${stateText(io, state)}\n`;
}

function stateText(io: CommandContext["io"], { running, inForce }: State): string {
  if (!running) return "No server runs here: the next start takes it.";
  if (inForce) return "It is in force.";
  return `${paint(io, "yellow", "It needs a restart:")} \`moorage restart\`.`;
}
