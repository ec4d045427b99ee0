import { type Command, InvalidArgumentError, Option } from "commander";
import { Penalties, type Penalty } from "../../auth/penalties.ts";
import { loadConfig } from "../../config/load.ts";
import { BanControl, MAX_BAN_MS } from "../../control/bans.ts";
import { ControlError } from "../../control/errors.ts";
import { banJson, penaltyJson } from "../../control/views.ts";
import type { Ban } from "../../store/bans.ts";
import type { Store } from "../../store/store.ts";
import { dateText } from "../../text/figures.ts";
import { oneLine } from "../../text/safe.ts";
import { parseDuration, UnitError } from "../../text/units.ts";
import { type CommandContext, cliActor, withStore } from "../context.ts";
import { json, table } from "../format.ts";
import type { Io } from "../io.ts";
import { sshAddress } from "../ssh-address.ts";

const EXAMPLES = `
Examples:
  moorage ban 203.0.113.7 --for 1d --reason "guesses passwords"
  moorage ban 2001:db8::/48              until \`moorage unban 2001:db8::/48\`
`;

const ADDRESS = "an address such as 192.0.2.1, or a network such as 2001:db8::/32";

interface BanOptions {
  readonly for?: number;
  readonly reason?: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

export function addBanCommands(program: Command, context: CommandContext): void {
  program
    .command("penalties")
    .description("show who is refused: bans, and penalties for failed logins")
    .option("--json", "print JSON")
    .action((options: { json?: boolean }) => penalties(context, options));
  program
    .command("ban")
    .argument("<address>", ADDRESS)
    .description("refuse an address or network, and end the sessions from there")
    .addOption(forOption())
    .option("--reason <text>", "why, for administrators")
    .option("--force", "ban even the address that you are connected from")
    .option("--json", "print JSON")
    .addHelpText("after", EXAMPLES)
    .action((address: string, options: BanOptions) => ban(context, address, options));
  program
    .command("unban")
    .argument("<address>", "the address or network, as `penalties` shows it")
    .description("lift a ban, and the penalty of an address")
    .option("--json", "print JSON")
    .action((address: string, options: { json?: boolean }) => unban(context, address, options));
}

function forOption(): Option {
  return new Option(
    "--for <time>",
    "how long, such as 30m, 12h or 1d; else until you lift it",
  ).argParser((text) => {
    try {
      const ms = parseDuration(text);
      if (ms > 0 && ms <= MAX_BAN_MS) return ms;
    } catch (thrown) {
      if (!(thrown instanceof UnitError)) throw thrown;
    }
    throw new InvalidArgumentError("Give a time such as 30m, 12h, 1d, at most 36500d.");
  });
}

/** They work on the store, whether a server runs or not. */
function withBans<T>(
  context: CommandContext,
  use: (bans: BanControl, store: Store) => Promise<T>,
): Promise<T> {
  const run = (store: Store) => use(new BanControl({ store, actor: cliActor() }), store);
  return withStore(context, run, { withoutHomes: true });
}

function penaltiesOf({ io, root }: CommandContext, store: Store): Penalties {
  return new Penalties({
    store: store.penalties,
    settings: loadConfig({ root: root(), env: io.env }).penalties,
    record: (event) => store.audit.record(event),
    log: { warn: () => {} },
  });
}

async function penalties(context: CommandContext, options: { json?: boolean }): Promise<void> {
  const { io } = context;
  const { bans, imposed } = await withBans(context, async (control, store) => ({
    bans: await control.list(),
    imposed: await penaltiesOf(context, store).list(),
  }));
  if (options.json) io.out(json([...bans.map(banJson), ...imposed.map(penaltyJson)]));
  else if (bans.length + imposed.length === 0) io.out("No address is banned or has a penalty.\n");
  else io.out(refusedTable(io, bans, imposed));
}

function refusedTable(io: Io, bans: readonly Ban[], imposed: readonly Penalty[]): string {
  const columns = [
    { title: "ADDRESS" },
    { title: "KIND" },
    { title: "UNTIL" },
    { title: "SINCE" },
    { title: "BY" },
    { title: "REASON" },
  ];
  const banRows = bans.map(({ network, until, since, actor, reason }) => {
    return [network, "ban", untilText(until), dateText(since), actor, reason];
  });
  const penaltyRows = imposed.map(({ address, until, since, reason }) => {
    return [address, "penalty", dateText(until), dateText(since), "server", reason];
  });
  return table(io, columns, [...banRows, ...penaltyRows]);
}

function untilText(until: number | null): string {
  return until === null ? "no end" : dateText(until);
}

async function ban(context: CommandContext, given: string, options: BanOptions): Promise<void> {
  const { io } = context;
  const { for: forMs, reason, force = false } = options;
  const from = sshAddress(io.env);
  const request = {
    address: given,
    force,
    ...(forMs !== undefined && { forMs }),
    ...(reason !== undefined && { reason }),
    ...(from !== undefined && { from }),
  };
  const { address, until, ended } = await withBans(context, (control) => control.ban(request));
  if (options.json) {
    const end = until === null ? null : new Date(until).toISOString();
    io.out(json({ address, until: end, ended }));
    return;
  }
  const term = until === null ? "until it is lifted" : `until ${dateText(until)}`;
  const sessions = ended.length > 1 ? "sessions" : "session";
  const also = ended.length === 0 ? "" : `; ended ${sessions} ${ended.join(", ")}`;
  io.out(`Banned ${address} ${term}${also}.\n`);
}

async function unban(
  context: CommandContext,
  address: string,
  options: { json?: boolean },
): Promise<void> {
  const { io } = context;
  const lifted = await withBans(context, async (control, store) => {
    const wasBanned = await control.lift(address);
    const hadPenalty = await control.liftPenalty(address, penaltiesOf(context, store));
    if (!wasBanned && !hadPenalty) throw await nothingToLift(control, address);
    return { ban: wasBanned, penalty: hadPenalty };
  });
  if (options.json) io.out(json(lifted));
  if (options.json) return;
  if (lifted.ban) io.out(`${oneLine(address)} is not banned any more.\n`);
  if (lifted.penalty) io.out(`The penalty of ${oneLine(address)} is lifted.\n`);
}

async function nothingToLift(control: BanControl, given: string): Promise<ControlError> {
  const [wider] = await control.around(given);
  const address = oneLine(given);
  return new ControlError(
    wider === undefined
      ? `${address} is not banned: \`moorage penalties\` shows who is`
      : `${address} is banned with all of ${wider}: only that can be lifted`,
  );
}
