import { z } from "zod";
import type { Setting } from "./settings.ts";

/** On or off: a boolean in the file, the same words elsewhere. */
export function flag(value: boolean, description: string): Setting<boolean> {
  const kind = "true or false";
  const word = z.enum(["true", "false"]).transform((text) => text === "true");
  return {
    kind,
    default: value,
    description,
    schema: z.union([z.boolean(), word], { error: kind }),
    format: String,
  };
}
