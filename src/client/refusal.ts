import { StatusCode } from "../sftp/constants.ts";
import { RemoteError } from "./errors.ts";
import { directoryOf } from "./names.ts";
import type { ClientConnection } from "./remote.ts";

/**
 * Why an upload failed, with the file's name in place of its part's. Of a server that only says
 * "Failure" its free space tells whether its disk is full.
 * @param left bytes that were still to be written
 */
export async function explained(
  connection: ClientConnection,
  target: string,
  error: unknown,
  left: number,
): Promise<unknown> {
  if (!(error instanceof RemoteError) || error.lost) return error;
  const { status, reason } = error;
  const details = status === undefined ? {} : { status };
  const isMute = status === StatusCode.FAILURE && !/space|quota/i.test(reason);
  const space = isMute
    ? await connection.space(directoryOf(target)).catch(() => undefined)
    : undefined;
  if (space === undefined || space.freeBytes >= left)
    return new RemoteError(target, reason, details);
  const full = `no space left on the server: ${left} bytes more are needed, ${space.freeBytes} are free`;
  return new RemoteError(target, full, details);
}
