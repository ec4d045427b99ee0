import { StatusCode } from "../../sftp/wire/constants.ts";
import { RemoteError } from "../errors.ts";
import { directoryOf } from "../names.ts";
import type { ClientConnection } from "../remote/remote.ts";

/**
 * Why an upload failed. Of a server that only says "Failure" its free space tells whether its disk is
 * full.
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
  if (status !== StatusCode.FAILURE || /space|quota/i.test(reason)) return error;
  const space = await connection.space(directoryOf(target)).catch(() => undefined);
  if (space === undefined || space.freeBytes >= left) return error;
  const full = `no space left on the server: ${left} bytes more are needed, ${space.freeBytes} are free`;
  return new RemoteError(target, full, { status });
}
