import type { Logger } from "pino";
import type { Config } from "../config/types.ts";
import { ControlError, EXIT } from "../control/errors.ts";
import { closeLog, createLog } from "../log.ts";
import type { Store } from "../store/store.ts";
import { leaveByForce } from "./leave.ts";
import type { PidFile } from "./pid-file.ts";

export function openLog(config: Config, root: string): Logger {
  try {
    return createLog(config.log, root);
  } catch (thrown) {
    const { code, message } = thrown as NodeJS.ErrnoException;
    const why = code ?? message;
    throw new ControlError(`can't write the log file ${config.log.file} (${why}): see log.file`);
  }
}

/** An unforeseen error is logged; it must not end the sessions of everybody. */
export function keepRunning(log: Logger): void {
  process.on("uncaughtException", (err, origin) => {
    log.error({ err, origin }, "unexpected error, the server goes on; please report it");
  });
}

/** As a crash does it: the node's row stays, so that its open files are settled at the next start. */
export async function endByForce(
  log: Logger,
  store: Store,
  pidFile: PidFile | undefined,
): Promise<void> {
  log.error("files can't be closed, a disk may hang: ended by force");
  store.audit.flush();
  pidFile?.remove();
  await closeLog(log);
  leaveByForce(EXIT.failed);
}
