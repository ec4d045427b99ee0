import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  openSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { ControlError } from "../control/errors.ts";
import { visible } from "../text/safe.ts";

interface NewPassword {
  readonly name: string;
  readonly password: string;
}

/** Passwords as CSV. Neither names nor made passwords have anything in them that needs quotes. */
export function passwordsCsv(passwords: readonly NewPassword[]): string {
  return [
    "name,password",
    ...passwords.map(({ name, password }) => `${name},${password}`),
    "",
  ].join("\n");
}

/**
 * What {@link writePasswordFile} would refuse, as far as can be seen before.
 * @throws ControlError when the file is there: it may have passwords that nobody wrote down yet
 */
export function requireNewFile(path: string): void {
  if (existsSync(path)) throw new ControlError(`${visible(path)} is there already: ${MOVE}`);
  try {
    accessSync(dirname(path), constants.W_OK | constants.X_OK);
  } catch (thrown) {
    throw cantMake(path, codeOf(thrown));
  }
}

const MOVE = "move it away, or give another --passwords";

/**
 * Writes passwords to a new file that only its owner can read, down to the disk.
 * @returns removes it again
 * @throws ControlError when it is there already, or can't be written
 */
export function writePasswordFile(path: string, passwords: readonly NewPassword[]): () => void {
  const remove = (): void => rmSync(path, { force: true });
  const file = create(path);
  try {
    writeSync(file, passwordsCsv(passwords));
    fsyncSync(file);
  } catch (thrown) {
    remove();
    throw new ControlError(`can't write ${visible(path)} (${codeOf(thrown)}): nothing was changed`);
  } finally {
    closeSync(file);
  }
  return remove;
}

function create(path: string): number {
  try {
    return openSync(path, "wx", 0o600);
  } catch (thrown) {
    const code = codeOf(thrown);
    if (code === "EEXIST") throw new ControlError(`${visible(path)} is there already: ${MOVE}`);
    throw cantMake(path, code);
  }
}

function cantMake(path: string, code: string): ControlError {
  return new ControlError(
    `can't make ${visible(path)} (${code}): nothing was changed; give another --passwords`,
  );
}

function codeOf(thrown: unknown): string {
  return (thrown as NodeJS.ErrnoException).code ?? "unknown";
}
