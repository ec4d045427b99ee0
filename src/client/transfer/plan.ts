import { errnoOf, localError } from "../errors.ts";
import type { RemoteAttrs, TransferEvent } from "../types.ts";
import type { TransferContext } from "./job.ts";
import { isDirectory, sizeHere } from "./local.ts";
import type { Work } from "./transfer.ts";

/** What would be done with a file: it is looked at, on both sides, and left as it is. */
export async function planned(
  context: TransferContext,
  work: Work,
  file: number,
): Promise<TransferEvent> {
  const { source, target } = work.item;
  const size = work.type === "put" ? work.item.size : work.item.attrs.size;
  const there = await sizeAt(context, work);
  const action = context.job.resume && there === size ? "compare" : "send";
  return { type: "planned", file, action, source, target, size };
}

async function sizeAt({ connection }: TransferContext, work: Work): Promise<number | undefined> {
  if (work.type === "put") {
    const { existing, target } = work.item;
    const there: RemoteAttrs | null | undefined =
      existing === undefined || existing?.type === "link"
        ? await connection.exists(target)
        : existing;
    return there?.type === "file" ? there.size : undefined;
  }
  const { target } = work.item;
  try {
    return isDirectory(target) ? undefined : sizeHere(target);
  } catch (error) {
    throw errnoOf(error) === undefined ? error : localError(target, error);
  }
}
