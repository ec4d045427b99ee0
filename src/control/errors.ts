/** How a command ends; scripts rely on these. */
export const EXIT = { ok: 0, failed: 1, usage: 2, notRunning: 3 } as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** A use-case that can't be done. The message is one line that says what to do about it. */
export class ControlError extends Error {
  override readonly name = "ControlError";
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode = EXIT.failed) {
    super(message);
    this.exitCode = exitCode;
  }
}
