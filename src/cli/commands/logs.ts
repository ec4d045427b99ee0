import { setTimeout as sleep } from "node:timers/promises";
import { type Command, InvalidArgumentError, Option } from "commander";
import { lineJson, recordJson } from "../../control/views.ts";
import { type AuditFilter, fitting } from "../../store/audit-filter.ts";
import type { AuditLine, AuditPage, AuditPlace } from "../../store/audit-pages.ts";
import type { Store } from "../../store/store.ts";
import type { AuditRecord } from "../../store/types.ts";
import { safeJson } from "../../text/safe.ts";
import { type CommandContext, withStore } from "../context.ts";
import { json, paint } from "../format.ts";
import { addFilterOptions, type FilterOptions, filterOf } from "./logs-filter.ts";
import { CSV_HEADER, csvLine, grouped, logLine } from "./logs-text.ts";

const POLL_MS = 200;
/** Read at once. */
const CHUNK = 1_000;
const MAX_RECORDS = 10_000;

interface LogsOptions extends FilterOptions {
  readonly follow?: boolean;
  /** infinite: all of them */
  readonly lines: number;
  readonly each?: boolean;
  readonly grouped?: boolean;
  readonly json?: boolean;
  readonly csv?: boolean;
}

export function addLogsCommand(program: Command, context: CommandContext): void {
  const command = program
    .command("logs")
    .description("show the audit trail, also while no server runs")
    .option("-f, --follow", "then show new records as they come, until Ctrl-C");
  addFilterOptions(command)
    .addOption(linesOption())
    .option("--each", "each record on its own line; don't put many files together")
    .option("--grouped", "with --json: put many files together, as the text does")
    .addOption(new Option("--csv", "print CSV (RFC 4180), each record a line").conflicts("follow"))
    .addOption(new Option("--json", "print JSON; with --follow one record a line").conflicts("csv"))
    .action((options: LogsOptions) => logs(context, options));
}

function linesOption(): Option {
  const option = new Option("-n, --lines <n>", "how many records, the newest ones; or `all`");
  return option.default(100).argParser((text) => {
    const count = Number(text);
    if (text === "all") return Number.POSITIVE_INFINITY;
    if (/^\d+$/.test(text) && count <= MAX_RECORDS) return count;
    throw new InvalidArgumentError(`Give a whole number up to ${MAX_RECORDS}, or all.`);
  });
}

async function logs(context: CommandContext, options: LogsOptions): Promise<void> {
  const show = (store: Store): Promise<void> =>
    options.follow ? showAndFollow(context, store, options) : showNewest(context, store, options);
  await withStore(context, show, { withoutHomes: true });
}

async function showNewest(
  { io }: CommandContext,
  store: Store,
  options: LogsOptions,
): Promise<void> {
  const filter = filterOf(options);
  const isText = options.json !== true && options.csv !== true;
  const isGrouped = isText ? options.each !== true : options.grouped === true;
  const { lines, next } = await newest(store, filter, options.lines, isGrouped);
  const note = next === undefined ? undefined : await newestOf(store, filter, lines);
  // What is for programs stays free of it; who reads JSON can ask for one more than they want.
  if (note !== undefined && isText) io.out(`${paint(io, "dim", note)}\n`);
  else if (note !== undefined && options.csv) io.err(`${note}\n`);
  // Standard output stays empty, so that a job that mails it sends nothing when there is nothing.
  if (isText && lines.length === 0) io.err("Nothing in the audit trail fits.\n");
  if (isText) io.out(lines.map((line) => `${logLine(io, line)}\n`).join(""));
  else if (options.csv) io.out(CSV_HEADER + lines.map(({ record }) => csvLine(record)).join(""));
  else io.out(json(lines.map((line) => (isGrouped ? lineJson(line) : recordJson(line.record)))));
}

/** "newest 100 of 14,312" */
async function newestOf(
  store: Store,
  filter: AuditFilter,
  lines: readonly AuditLine[],
): Promise<string> {
  const shown = lines.reduce((sum, { all }) => sum + (all?.records ?? 1), 0);
  return `newest ${grouped(shown)} of ${grouped(await store.audit.count(filter))}`;
}

/** Oldest first. */
async function newest(
  store: Store,
  filter: AuditFilter,
  most: number,
  isGrouped: boolean,
): Promise<AuditPage> {
  const lines: AuditLine[] = [];
  let before: AuditPlace | undefined;
  do {
    const limit = Math.min(most - lines.length, CHUNK);
    const query = { ...filter, limit, grouped: isGrouped, ...(before && { before }) };
    const page = await store.audit.page(query);
    for (const line of page.lines) lines.push(line);
    before = page.next;
  } while (before !== undefined && lines.length < most);
  return { lines: lines.reverse(), ...(before && { next: before }) };
}

async function showAndFollow(
  { io }: CommandContext,
  store: Store,
  options: LogsOptions,
): Promise<void> {
  const filter = filterOf(options);
  const last = (await store.audit.query({ limit: 1 }))[0]?.id ?? 0;
  const { lines } = await newest(store, filter, options.lines, false);
  const show = options.json
    ? (record: AuditRecord) => `${safeJson(recordJson(record))}\n`
    : (record: AuditRecord) => `${logLine(io, { record })}\n`;
  const write = (records: readonly AuditRecord[]): void => {
    if (records.length > 0) io.out(records.map(show).join(""));
  };
  write(lines.map(({ record }) => record).filter(({ id }) => id <= last));
  await follow(store, last, filter, write, () => io.unread?.() ?? false);
}

/** Until the process is asked to end, or nobody reads any more. */
async function follow(
  store: Store,
  from: number,
  filter: AuditFilter,
  write: (records: readonly AuditRecord[]) => void,
  unread: () => boolean,
): Promise<void> {
  const fits = fitting(filter);
  let ended = false;
  let last = from;
  const end = (): void => {
    ended = true;
  };
  process.once("SIGINT", end).once("SIGTERM", end);
  try {
    while (!ended && !unread()) {
      const records = await store.audit.query({ afterId: last, limit: CHUNK });
      last = records.at(-1)?.id ?? last;
      write(records.filter(fits));
      while (!ended && !unread() && records.length < CHUNK && !store.changes.poll()) {
        await sleep(POLL_MS);
      }
    }
  } finally {
    process.off("SIGINT", end).off("SIGTERM", end);
  }
}
