import { visible } from "../text/safe.ts";

/** What a client said about itself, for logs and the audit trail. */
export function printable(text: string, maxLength: number): string {
  return visible(text.length > maxLength ? `${text.slice(0, maxLength)}…` : text);
}
