import { isDeepStrictEqual } from "node:util";
import { ConfigError } from "./errors.ts";
import { FILE_NAME, FileProblem, isTable, parseToml } from "./file.ts";
import { problemOf } from "./load.ts";
import type { NamedSetting } from "./settings.ts";
import { type KeyPath, literal, OwnComments, withoutKey, withValue } from "./toml-edit.ts";
import { NoToml } from "./toml-places.ts";

/**
 * A piece of text as moorage.toml would have that value: a number, a truth value, a list or a string.
 * @throws ConfigError when it is none for this setting
 */
export function fileValue(named: NamedSetting, text: string): unknown {
  const { schema } = named.setting;
  const { success, data, error } = schema.safeParse(text);
  if (!success) {
    throw new ConfigError([`${named.name}: must be ${problemOf(named, text, error.issues)}`]);
  }
  const means = (value: unknown) => isDeepStrictEqual(schema.safeParse(value).data, data);
  return [...candidates(text, data)].find(means) ?? text;
}

function* candidates(text: string, data: unknown): Generator<unknown> {
  if (text === "true" || text === "false") yield text === "true";
  if (/^(?:0|[1-9]\d{0,14})$/.test(text)) yield Number(text);
  if (Array.isArray(data)) yield data;
}

/**
 * The text of moorage.toml with that value of one setting, and nothing else changed.
 * @param value as {@link fileValue} gives it; undefined: the key goes
 * @throws FileProblem when that can't be done, or would change anything else
 */
export function changedFile(text: string, named: NamedSetting, value: unknown): string {
  const { name } = named;
  const key = keyOf(name);
  const before = parseToml(text);
  if (isDeepStrictEqual(at(before, key), value)) return text;
  const after = edited(text, key, value);
  const parsed = reparsed(after, name);
  const isMeant = isDeepStrictEqual(at(parsed, key), value);
  if (isMeant && isDeepStrictEqual(rest(before, key), rest(parsed, key))) return after;
  throw byHand(name);
}

function edited(text: string, key: KeyPath, value: unknown): string {
  try {
    return value === undefined ? withoutKey(text, key) : withValue(text, key, literal(value));
  } catch (thrown) {
    if (thrown instanceof NoToml) throw byHand(key.join("."));
    if (!(thrown instanceof OwnComments)) throw thrown;
    throw new FileProblem(
      `${FILE_NAME} has comments inside of the value of ${key.join(".")}, which would be lost: change it there`,
    );
  }
}

/** What is wrong in it is nothing that people have written. */
function reparsed(text: string, name: string): Table {
  try {
    return parseToml(text);
  } catch (thrown) {
    throw thrown instanceof FileProblem ? byHand(name) : thrown;
  }
}

function byHand(name: string): FileProblem {
  return new FileProblem(`${FILE_NAME} can't be changed at ${name} alone: change it there`);
}

function keyOf(name: string): KeyPath {
  const [table, key] = name.split(".");
  if (table !== undefined && key !== undefined) return [table, key];
  throw new FileProblem(`${name} are tables of ${FILE_NAME}: change them there`);
}

type Table = Readonly<Record<string, unknown>>;

function at(tables: Table, [table, key]: KeyPath): unknown {
  const found = own(tables, table);
  return isTable(found) ? own(found, key) : undefined;
}

function own(table: Table, key: string): unknown {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

/** All but that key; a table that has nothing else is as good as none. */
function rest(tables: Table, [table, key]: KeyPath): Table {
  const { [table]: found, ...others } = tables;
  if (!isTable(found)) return { ...tables };
  const { [key]: _, ...left } = found;
  return Object.keys(left).length === 0 ? others : { ...others, [table]: left };
}
