import { remoteName } from "../names.ts";
import type { TransferJob } from "../types.ts";
import { isPlainName } from "./local.ts";

// Where things go: rsync's rule. `DIR` goes into the target under its own name, `DIR/` is its
// contents, whether the target exists or not. So the same command means the same thing again.

/** The name that a source has in the target; undefined where its contents are meant. */
export function nameInTarget(source: string): string | undefined {
  if (source.endsWith("/")) return undefined;
  const name = remoteName(source);
  return isPlainName(name) ? name : undefined;
}

/** Whether files go into the target. Else it is the new name of the only source, if that is a file. */
export function goesInto(
  { sources, target }: Pick<TransferJob, "sources" | "target">,
  isDirectory: boolean,
): boolean {
  return isDirectory || sources.length > 1 || target.endsWith("/");
}
