import { statSync } from "node:fs";
import { joinRemote, remoteName } from "../../../client/names.ts";
import { nameInTarget } from "../../../client/transfer/where.ts";
import type { Remote, TransferJob } from "../../../client/types.ts";
import { encodeName } from "../../../text/names.ts";
import { visible } from "../../../text/safe.ts";

/**
 * The line that warns when a directory goes into one of the same name, as `site` into `projects/site`.
 * By rsync's rule the result is `projects/site/site`, though often only the contents were meant.
 * Undefined for every other transfer.
 */
export async function nestedLine(remote: Remote, job: TransferJob): Promise<string | undefined> {
  const name = nestedName(job);
  const [source = ""] = job.sources;
  if (name === undefined || !(await isDirectory(remote, job, source))) return undefined;
  const target = job.target.replace(/\/+$/, "");
  const line = `${name} goes into ${target}, as ${joinRemote(target, name)}; ${name}/ is its contents`;
  return visible(line);
}

/** The name of the source when it is also the target's. With several sources it is plain where they go. */
function nestedName({ recursive, sources, target }: TransferJob): string | undefined {
  const [source = ""] = sources;
  if (!recursive || sources.length !== 1) return undefined;
  const name = nameInTarget(source);
  return name === remoteName(target) ? name : undefined;
}

/** False also when that can't be seen: then the transfer itself says why. */
async function isDirectory(
  remote: Remote,
  { direction }: TransferJob,
  source: string,
): Promise<boolean> {
  try {
    if (direction === "up") return statSync(encodeName(source)).isDirectory();
    return (await remote.stat(source)).type === "directory";
  } catch {
    return false;
  }
}
