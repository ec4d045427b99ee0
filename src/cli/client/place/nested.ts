import { statSync } from "node:fs";
import { joinRemote, remoteName } from "../../../client/names.ts";
import { nameInTarget } from "../../../client/transfer/where.ts";
import type { Remote, TransferJob } from "../../../client/types.ts";
import { encodeName } from "../../../text/names.ts";
import { visible } from "../../../text/safe.ts";

/**
 * A line about a directory that goes into one of the same name, as `site` into `projects/site`: rsync's
 * rule makes `projects/site/site` of it, where its contents were often meant. Undefined for all else.
 */
export async function nestedLine(remote: Remote, job: TransferJob): Promise<string | undefined> {
  const name = nestedName(job);
  const [source = ""] = job.sources;
  if (name === undefined || !(await isDirectory(remote, job, source))) return undefined;
  const target = job.target.replace(/\/+$/, "");
  const line = `${name} goes into ${target}, as ${joinRemote(target, name)}; ${name}/ is its contents`;
  return visible(line);
}

/** Who names several things has seen that they go into the target. */
function nestedName({ recursive, sources, target }: TransferJob): string | undefined {
  const [source = ""] = sources;
  if (!recursive || sources.length !== 1) return undefined;
  const name = nameInTarget(source);
  return name === remoteName(target) ? name : undefined;
}

/** Where that can't be seen the transfer says why. */
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
