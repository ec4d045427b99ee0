import { type ByteString, display } from "../../vfs/path.ts";
import type { FileStat } from "../../vfs/types.ts";
import type { Call, Command } from "../call.ts";
import { CommandError } from "../errors.ts";
import { KEEPING, withFile } from "../files.ts";
import { type Options, parseOptions } from "../options.ts";
import { named } from "../quote.ts";
import { each, needOperands } from "./operands.ts";

export const touch: Command = {
  name: "touch",
  summary: "make empty files, or set files' times to now",
  usage: `[-acm] [-d DATE] [-r FILE] FILE...
  -a  set the time of access only
  -c  don't make files
  -d  use DATE: 2026-11-20, '2026-11-20 22:59:23', @SECONDS
  -m  set the time of modification only
  -r  use FILE's times`,
  async run(call) {
    const options = parseOptions(call.args, {
      short: "acd:mr:f",
      long: { "no-create": "c", "date=": "d", "reference=": "r" },
    });
    needOperands(options.operands, "file operand");
    const times = await wantedTimes(call, options);
    return each(
      call,
      options.operands,
      (operand) => `cannot touch ${named(operand)}`,
      (operand) => touchOne(call, operand, times, options),
    );
  },
};

type Times = Pick<FileStat, "atime" | "mtime">;

async function wantedTimes(call: Call, options: Options): Promise<Times> {
  const date = options.value("d");
  if (date !== undefined) {
    const seconds = parseDate(date);
    return { atime: seconds, mtime: seconds };
  }
  const reference = options.value("r");
  if (reference !== undefined) {
    const stat = await call.look(reference, true);
    if (stat !== undefined) return stat;
    throw new CommandError(
      `failed to get attributes of ${named(reference)}: No such file or directory`,
    );
  }
  const now = Math.floor(Date.now() / 1000);
  return { atime: now, mtime: now };
}

const DATE = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?: ?(?:Z|[+-]\d\d:?\d\d))?)?$/;
/** After a time: a day alone has none. */
const ZONE = /:.*(?:Z|[+-]\d\d:?\d\d)$/;

/** Seconds since the epoch; `text` without a zone is local time, or UTC. @throws CommandError */
export function parseDate(text: ByteString, utc = false): number {
  const seconds = /^@(\d{1,12})$/.exec(text)?.[1];
  if (seconds !== undefined) return Number(seconds);
  const iso = text.length === 10 ? `${text}T00:00` : text.replace(" ", "T").replace(" ", "");
  const zone = utc && !ZONE.test(iso) ? "Z" : "";
  const time = DATE.test(text) ? Date.parse(iso + zone) : Number.NaN;
  if (Number.isNaN(time)) throw new CommandError(`invalid date format '${display(text)}'`);
  return Math.floor(time / 1000);
}

async function touchOne(
  call: Call,
  operand: ByteString,
  { atime, mtime }: Times,
  options: Options,
): Promise<void> {
  const path = call.path(operand);
  const stat = await call.look(operand, true);
  if (stat === undefined) {
    if (options.has("c")) return;
    await withFile(call, path, KEEPING, (file) => file.setStat({ times: { atime, mtime } }));
    return;
  }
  const both = options.has("a") === options.has("m");
  const times = {
    atime: both || options.has("a") ? atime : stat.atime,
    mtime: both || options.has("m") ? mtime : stat.mtime,
  };
  await call.fs.setStat(path, { times }, true);
}
