import { z } from "zod";
import { networkProblem, parseNetwork } from "../auth/addresses.ts";
import type { Setting } from "./settings.ts";

/** Several of a closed list: an array in the file, separated by commas in a text. */
export function list<const T extends string>(
  value: readonly NoInfer<T>[],
  values: readonly T[],
  description: string,
): Setting<readonly T[]> {
  const kind = `a list of ${values.join(", ")}`;
  return listOf(value, z.enum(values, { error: kind }), kind, description);
}

const NETWORKS = "a list of addresses and networks such as 192.0.2.1, 2001:db8::/32";

/** Addresses and networks. */
export function networks(
  value: readonly string[],
  description: string,
): Setting<readonly string[]> {
  const item = z.string().refine((text) => parseNetwork(text) !== undefined, { error: NETWORKS });
  return listOf(value, item, NETWORKS, description);
}

/** The same, empty by default and strict: the message says which of them is wrong, and how. */
export function exactNetworks(description: string): Setting<readonly string[]> {
  const item = z.string().superRefine((text, context) => {
    const message = networkProblem(text);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  });
  return listOf([], item, NETWORKS, description);
}

function listOf<T extends string>(
  value: readonly T[],
  item: z.ZodType<T, string>,
  kind: string,
  description: string,
): Setting<readonly T[]> {
  const split = (text: string) => text.split(",").flatMap((part) => part.trim() || []);
  const given = z.union([z.array(z.string()), z.string().transform(split)], { error: kind });
  const schema = given.pipe(z.array(item)).transform((names) => [...new Set(names)]);
  return { kind, default: value, description, schema, format: (v) => v.join(",") };
}
