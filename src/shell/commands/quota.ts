import { humanSize } from "../../text/units.ts";
import { display, ROOT, type VirtualPath } from "../../vfs/path.ts";
import type { Call, Command } from "../call.ts";
import { percent, table } from "../columns.ts";
import type { QuotaUsage } from "../context.ts";
import { UsageError } from "../errors.ts";
import { parseOptions } from "../options.ts";
import { each } from "./operands.ts";

type Shown = (bytes: number) => string;

export const quota: Command = {
  name: "quota",
  summary: "print how much of the quotas is used",
  usage: `[-h]
Two lines for the home, and two for each shared folder: a folder has a quota of its own.

  -h  sizes like 1.5K, 20M instead of bytes`,
  async run(call) {
    const options = parseOptions(call.args, { short: "h", long: { "human-readable": "h" } });
    if (options.operands.length > 0) throw new UsageError("it has no operands");
    const size = options.has("h") ? humanSize : String;
    const rows = [["", "used", "limit", "free", "used%", "on"]];
    let over = false;
    const status = await each(call, call.fs.mounts(), display, async (path) => {
      const usage = await usageOf(call, path);
      if (usage === undefined) return;
      rows.push(...linesOf(path, usage, size));
      over ||= isOver(usage);
    });
    await call.out.print(table(rows));
    return over ? 1 : status;
  },
};

/** The usage at a path; undefined when the folder was taken away meanwhile. */
async function usageOf(call: Call, path: VirtualPath): Promise<QuotaUsage | undefined> {
  if (path === ROOT) return call.shell.context.usage();
  const stat = await call.fs.fileSystemStat(path);
  return stat.mountedOn === path ? stat : undefined;
}

function linesOf(path: VirtualPath, usage: QuotaUsage, size: Shown): string[][] {
  return [
    line("bytes", usage.usedBytes, usage.quotaBytes, size),
    line("files", usage.usedFiles, usage.quotaFiles, String),
  ].map((cells) => [...cells, display(path)]);
}

function line(what: string, used: number, limit: number | null, shown: Shown): string[] {
  if (limit === null) return [what, shown(used), "none", "-", "-"];
  return [what, shown(used), shown(limit), shown(Math.max(0, limit - used)), percent(used, limit)];
}

/** Whether the quota is exceeded: then the exit code is 1, as with quota(1). */
function isOver(usage: QuotaUsage): boolean {
  const { usedBytes, quotaBytes, usedFiles, quotaFiles } = usage;
  return (
    (quotaBytes !== null && usedBytes > quotaBytes) ||
    (quotaFiles !== null && usedFiles > quotaFiles)
  );
}
