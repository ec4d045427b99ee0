import { z } from "zod";
import {
  formatDuration,
  formatRate,
  formatSize,
  parseDuration,
  parseRate,
  parseSize,
  UnitError,
} from "../text/units.ts";
import { parseMetricsAddress } from "./listen.ts";
import type { Setting } from "./settings.ts";

/** The bounds in a setting's kind are parsed from the same notation users write. */
type Bounds = readonly [minimum: string, maximum: string];

export function text(
  value: string,
  description: string,
  options: { pattern: RegExp; kind: string },
): Setting<string> {
  const { kind, pattern } = options;
  const schema = z.string({ error: kind }).regex(pattern, { error: kind });
  return { kind, default: value, description, schema, format: (v) => v };
}

export function choice<const T extends string>(
  value: NoInfer<T>,
  values: readonly T[],
  description: string,
): Setting<T> {
  const kind = `one of ${values.join(", ")}`;
  return {
    kind,
    options: values,
    default: value,
    description,
    schema: z.enum(values, { error: kind }),
    format: String,
  };
}

export function integer(
  value: number,
  [min, max]: readonly [number, number],
  description: string,
): Setting<number> {
  const kind = `a whole number from ${min} to ${max}`;
  const schema = whole(kind).pipe(
    z.int({ error: kind }).min(min, { error: kind }).max(max, { error: kind }),
  );
  return { kind, default: value, description, schema, format: String };
}

/** A number as the file has it, or as text. */
export function whole(kind: string) {
  const text = z.string().regex(/^\d{1,15}$/);
  return z.union([z.number(), text.transform(Number)], { error: kind });
}

/** `auto` is 0. */
export function integerOrAuto(
  [min, max]: readonly [number, number],
  description: string,
): Setting<number> {
  const { schema } = integer(min, [min, max], description);
  const kind = `auto or a whole number from ${min} to ${max}`;
  const auto = z.literal("auto").transform(() => 0);
  return {
    kind,
    default: 0,
    description,
    schema: z.union([auto, schema], { error: kind }),
    format: (v) => (v === 0 ? "auto" : `${v}`),
  };
}

export function integerOrNone(value: number, description: string): Setting<number | null> {
  const kind = "a whole number or none";
  const schema = orNone(whole(kind).pipe(z.int().min(0)), kind);
  return {
    kind,
    default: value,
    description,
    schema,
    format: (v) => (v === null ? "none" : `${v}`),
  };
}

export function size(value: string, bounds: Bounds, description: string): Setting<number> {
  const kind = `a size such as 64MiB, from ${bounds[0]} to ${bounds[1]}`;
  const schema = quantity(parseSize, kind, bounds);
  return { kind, default: parseSize(value), description, schema, format: formatSize };
}

export function sizeOrNone(value: number, description: string): Setting<number | null> {
  const kind = "a size such as 10GB, or none";
  const schema = orNone(quantity(parseSize, kind), kind);
  const format = (v: number | null) => (v === null ? "none" : formatSize(v));
  return { kind, default: value, description, schema, format };
}

export function rateOrNone(description: string): Setting<number | null> {
  const kind = "a rate such as 10MB/s, from 10KB/s to 1PB/s, or none";
  const schema = orNone(quantity(parseRate, kind, ["10KB/s", "1PB/s"]), kind);
  const format = (v: number | null) => (v === null ? "none" : formatRate(v));
  return { kind, default: null, description, schema, format };
}

export function duration(value: string, bounds: Bounds, description: string): Setting<number> {
  const kind = `a duration such as 30s, 5m, 1h or 90d, from ${bounds[0]} to ${bounds[1]}`;
  const schema = quantity(parseDuration, kind, bounds);
  return { kind, default: parseDuration(value), description, schema, format: formatDuration };
}

/** 0 is never. */
export function durationOrNever(
  value: string,
  bounds: Bounds,
  description: string,
): Setting<number> {
  const { schema } = duration(value, bounds, description);
  const kind = `0 for never, or a duration such as 12h or 30d, from ${bounds[0]} to ${bounds[1]}`;
  const never = z.union([z.literal(0), z.literal("0")]).transform(() => 0);
  return {
    ...{ kind, default: parseDuration(value), description },
    schema: z.union([never, schema], { error: kind }),
    format: formatDuration,
  };
}

/** `off` is 0. */
export function durationOrOff(bounds: Bounds, description: string): Setting<number> {
  const { schema } = duration(bounds[0], bounds, description);
  const kind = `off or a duration such as 12h or 30d, from ${bounds[0]} to ${bounds[1]}`;
  const off = z.literal("off").transform(() => 0);
  return {
    kind,
    default: 0,
    description,
    schema: z.union([off, schema], { error: kind }),
    format: (v) => (v === 0 ? "off" : formatDuration(v)),
  };
}

export function orNone(schema: z.ZodType<number>, kind: string): z.ZodType<number | null> {
  const none = z.literal("none").transform(() => null);
  return z.union([none, schema], { error: kind });
}

export function quantity(
  parse: (value: string | number) => number,
  kind: string,
  bounds?: Bounds,
): z.ZodType<number> {
  const [min, max] = bounds ? [parse(bounds[0]), parse(bounds[1])] : [0, Number.MAX_SAFE_INTEGER];
  return z.union([z.string(), z.number()], { error: kind }).transform((value, context) => {
    try {
      const result = parse(value);
      if (result >= min && result <= max) return result;
    } catch (thrown) {
      if (!(thrown instanceof UnitError)) throw thrown;
    }
    context.addIssue({ code: "custom", message: kind });
    return z.NEVER;
  });
}

/** On or off: a boolean in the file, the same words elsewhere. */
export function flag(value: boolean, description: string): Setting<boolean> {
  const kind = "true or false";
  const word = z.enum(["true", "false"]).transform((text) => text === "true");
  return {
    kind,
    options: ["true", "false"],
    default: value,
    description,
    schema: z.union([z.boolean(), word], { error: kind }),
    format: String,
  };
}

/** Where figures are served; empty for nowhere. */
export function metricsAddress(description: string): Setting<string> {
  const kind =
    "an address with a port, or a path of a socket below the instance, not in homes or keys, that ends in .sock";
  const known = (text: string) => text === "" || parseMetricsAddress(text) !== undefined;
  const schema = z.string({ error: kind }).refine(known, { error: kind });
  return { kind, default: "", description, schema, format: (v) => v };
}
