import { setTimeout as sleep } from "node:timers/promises";
import { type Command, InvalidArgumentError, Option } from "commander";
import { queryLog } from "../../control/tail.ts";
import { recordJson } from "../../control/views.ts";
import type { Store } from "../../store/store.ts";
import type { AuditKind, AuditRecord } from "../../store/types.ts";
import { AUDIT_KINDS } from "../../store/types.ts";
import { dateText } from "../../text/figures.ts";
import { safeJson, visible } from "../../text/safe.ts";
import { parseDuration, UnitError } from "../../text/units.ts";
import { type CommandContext, withStore } from "../context.ts";
import { json, paint } from "../format.ts";
import type { Io } from "../io.ts";

const POLL_MS = 200;
/** Read at once while following. */
const CHUNK = 1_000;
const MAX_RECORDS = 10_000;

interface LogsOptions {
  readonly follow?: boolean;
  readonly user?: string;
  readonly kind?: AuditKind;
  readonly since?: number;
  readonly lines: number;
  readonly json?: boolean;
}

export function addLogsCommand(program: Command, context: CommandContext): void {
  program
    .command("logs")
    .description("show the audit trail, also while no server runs")
    .option("-f, --follow", "go on with what is recorded from now on, until Ctrl-C")
    .option("--user <name>", "only what concerns this user")
    .addOption(new Option("--kind <kind>", "only this kind").choices(AUDIT_KINDS))
    .addOption(sinceOption())
    .addOption(linesOption())
    .option("--json", "print JSON; with --follow one record a line")
    .action((options: LogsOptions) => logs(context, options));
}

function sinceOption(): Option {
  return new Option(
    "--since <time>",
    "not older than that: 1h, 7d, or a time such as 2026-01-31T12:00",
  ).argParser((text) => {
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

function linesOption(): Option {
  return new Option("-n, --lines <n>", "the newest so many").default(100).argParser((text) => {
    const count = Number(text);
    if (/^\d+$/.test(text) && count <= MAX_RECORDS) return count;
    throw new InvalidArgumentError(`Give a whole number up to ${MAX_RECORDS}.`);
  });
}

async function logs(context: CommandContext, options: LogsOptions): Promise<void> {
  const { io } = context;
  const show = async (store: Store): Promise<void> => {
    const { user, kind, since, lines } = options;
    const filter = {
      ...(user !== undefined && { user }),
      ...(kind !== undefined && { kind }),
    };
    const [newest] = await store.audit.query({ limit: 1 });
    const query = { ...filter, ...(since !== undefined && { since }), limit: lines };
    const records = await queryLog(store.audit, query);
    if (!options.follow) {
      io.out(options.json ? json(records.map(recordJson)) : text(io, records));
      return;
    }
    const last = newest?.id ?? 0;
    const write = (some: readonly AuditRecord[]) =>
      io.out(options.json ? jsonLines(some) : text(io, some));
    write(records.filter(({ id }) => id <= last));
    await follow(store, last, filter, write, () => io.unread?.() ?? false);
  };
  await withStore(context.root(), show, { withoutHomes: true });
}

/** Until the process is asked to end, or nobody reads any more. */
async function follow(
  store: Store,
  from: number,
  filter: { readonly user?: string; readonly kind?: AuditKind },
  write: (records: readonly AuditRecord[]) => void,
  unread: () => boolean,
): Promise<void> {
  let ended = false;
  let last = from;
  const end = (): void => {
    ended = true;
  };
  process.once("SIGINT", end).once("SIGTERM", end);
  try {
    while (!ended && !unread()) {
      const records = await store.audit.query({ ...filter, afterId: last, limit: CHUNK });
      last = records.at(-1)?.id ?? last;
      if (records.length > 0) write(records);
      while (!ended && !unread() && records.length < CHUNK && !store.changes.poll()) {
        await sleep(POLL_MS);
      }
    }
  } finally {
    process.off("SIGINT", end).off("SIGTERM", end);
  }
}

function jsonLines(records: readonly AuditRecord[]): string {
  return records.map((record) => `${safeJson(recordJson(record))}\n`).join("");
}

const RED: ReadonlySet<AuditKind> = new Set([
  "login-failed",
  "penalty",
  "refused-address",
  "refused-session",
  "refused-quota",
]);

/** One line a record: when, what, whom it concerns, where, and the rest. */
function text(io: Io, records: readonly AuditRecord[]): string {
  return records.map((record) => `${line(io, record)}\n`).join("");
}

function line(io: Io, record: AuditRecord): string {
  const { at, kind, user, actor, remote, session, path, bytes, detail } = record;
  const what = kind.padEnd(15);
  const parts = [
    user,
    remote === undefined ? undefined : `from ${remote}`,
    session === undefined ? undefined : `session ${session}`,
    path,
    bytes === undefined ? undefined : `${bytes} bytes`,
    detail,
    actor === undefined ? undefined : `by ${actor}`,
  ];
  const rest = parts.filter((part) => part !== undefined && part !== "").join("  ");
  const seconds = new Date(at).toISOString().slice(17, 19);
  const shown = RED.has(kind) ? paint(io, "red", what) : what;
  return `${dateText(at)}:${seconds}  ${shown}  ${visible(rest)}`.trimEnd();
}
