import { MAX_PASSWORD_BYTES } from "../auth/passwords.ts";
import { ControlError, EXIT } from "./errors.ts";

/**
 * Refuses what can't be a password, or what no client could send.
 * @throws ControlError that does not quote the password
 */
export function checkPassword(password: string): void {
  if (password === "") throw new ControlError("the password is empty", EXIT.usage);
  if (Buffer.byteLength(password) > MAX_PASSWORD_BYTES) {
    throw new ControlError(`the password is longer than ${MAX_PASSWORD_BYTES} bytes`, EXIT.usage);
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused
  if (/[\u0000-\u001f\u007f]/.test(password)) {
    throw new ControlError("the password holds a control character", EXIT.usage);
  }
}
