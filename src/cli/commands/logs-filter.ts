import { type Command, InvalidArgumentError, Option } from "commander";
import { nameOf, networkProblem, parseNetwork } from "../../auth/addresses.ts";
import type { AuditFilter, AuditNetwork } from "../../store/audit-filter.ts";
import { AUDIT_GROUPS, type AuditGroup, kindsOf } from "../../store/audit-groups.ts";
import { AUDIT_KINDS, type AuditKind } from "../../store/types.ts";
import { parseDuration, UnitError } from "../../text/units.ts";
import { oneOfMany } from "../options.ts";

const MAX_TEXT = 1_000;

/** The options that say which records. */
export interface FilterOptions {
  readonly user?: string;
  readonly actor?: string;
  readonly kind?: readonly AuditKind[];
  readonly group?: readonly AuditGroup[];
  readonly path?: string;
  readonly address?: AuditNetwork;
  readonly session?: number;
  readonly batch?: number;
  readonly since?: number;
  readonly until?: number;
  readonly text?: string;
}

export function addFilterOptions(command: Command): Command {
  return command
    .option("--user <name>", "only what concerns this user")
    .option("--actor <who>", "only what this one did, such as cli:root or an admin")
    .addOption(oneOfMany(new Option("--kind <kind...>", "only these kinds"), AUDIT_KINDS))
    .addOption(
      oneOfMany(new Option("--group <group...>", "only these groups of kinds"), AUDIT_GROUPS),
    )
    .addOption(textOption("--path <pattern>", "only paths that match, such as '/photos/*'"))
    .addOption(addressOption())
    .addOption(numberOption("--session <n>", "only what this session did"))
    .addOption(numberOption("--batch <n>", "the single records of the line with this number"))
    .addOption(timeOption("--since <time>", "not older than this"))
    .addOption(timeOption("--until <time>", "older than this"))
    .addOption(
      textOption("--text <text>", "only records that contain this text, in capitals or not"),
    );
}

export function filterOf(options: FilterOptions): AuditFilter {
  const { kind, group, address, ...rest } = options;
  const kinds = [...(kind ?? []), ...(group ?? []).flatMap(kindsOf)];
  const { user, actor, path, session, batch, since, until, text } = rest;
  return {
    ...(user !== undefined && { user }),
    ...(actor !== undefined && { actor }),
    ...(path !== undefined && { path }),
    ...(session !== undefined && { session }),
    ...(batch !== undefined && { batch }),
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
    ...(text !== undefined && { text }),
    ...((kind ?? group) !== undefined && { kinds: [...new Set(kinds)] }),
    ...(address !== undefined && { network: address }),
  };
}

function textOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text) => {
    if (text !== "" && text.length <= MAX_TEXT) return text;
    throw new InvalidArgumentError(`Give a text of at most ${MAX_TEXT} characters.`);
  });
}

function numberOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text) => {
    if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
    throw new InvalidArgumentError("Give a whole number from 1.");
  });
}

function addressOption(): Option {
  const description = "only from this address or network, such as 192.0.2.0/24";
  return new Option("--address <address>", description).argParser((text) => {
    const problem = networkProblem(text);
    const network = parseNetwork(text);
    if (problem === undefined && network !== undefined) {
      return { ...network, address: nameOf(network).split("/")[0] ?? network.address };
    }
    throw new InvalidArgumentError(`${problem}.`);
  });
}

function timeOption(flags: string, description: string): Option {
  const examples = "1h, 7d, or a time such as 2026-01-31T12:00";
  return new Option(flags, `${description}: ${examples}`).argParser((text) => {
    try {
      return Date.now() - parseDuration(text);
    } catch (thrown) {
      if (!(thrown instanceof UnitError)) throw thrown;
    }
    const at = /^\d{4}-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
    if (!Number.isNaN(at)) return at;
    throw new InvalidArgumentError("Give a time such as 1h, 7d or 2026-01-31T12:00.");
  });
}
