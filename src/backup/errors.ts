import { InstanceError } from "../errors.ts";

/** What is wrong with an archive: the text is one line for administrators. */
export function damaged(what: string): InstanceError {
  return new InstanceError(`the backup is damaged or cut: ${what}`);
}
