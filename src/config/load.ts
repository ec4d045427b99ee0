import { oneLine } from "../text/safe.ts";
import { ConfigError } from "./errors.ts";
import { entriesOf, FileProblem, isTable, mentions, readSettingsFile } from "./file.ts";
import { nearest } from "./nearest.ts";
import { ALL_SETTINGS, FIXED, FORMER_SETTINGS, type NamedSetting } from "./settings.ts";
import { problemsTogether } from "./together.ts";
import type { Config } from "./types.ts";

export interface ConfigSources {
  /** the instance's directory */
  readonly root: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** values by flag as given: `{"--limits-max-sessions": "100"}` */
  readonly flags?: Readonly<Record<string, string>>;
  /** what moorage.toml would have in it; absent: it is read */
  readonly file?: string | undefined;
}

/** A setting in force, and where its value comes from. */
export interface EffectiveSetting {
  readonly named: NamedSetting;
  readonly value: unknown;
  /** `default`, `moorage.toml:3 (limits.queue)`, `MOORAGE_LIMITS_QUEUE` or `--limits-queue` */
  readonly origin: string;
}

interface Given {
  readonly named: NamedSetting;
  readonly value: unknown;
  readonly place: string;
}

/** Variables with our prefix that are no settings. */
const OTHER_VARIABLES: ReadonlySet<string> = new Set([
  "MOORAGE_ROOT",
  ...["ED25519", "ECDSA", "RSA"].map((kind) => `MOORAGE_HOST_KEY_${kind}`),
]);

const BY_NAME = new Map(ALL_SETTINGS.map((named) => [named.name, named]));
const BY_VARIABLE = new Map(ALL_SETTINGS.map((named) => [named.variable, named]));
const BY_FLAG = new Map(
  ALL_SETTINGS.flatMap((named) =>
    [named.flag, named.shortFlag ?? named.flag].map((flag) => [flag, named] as const),
  ),
);
const SECTIONS: ReadonlySet<string> = new Set(ALL_SETTINGS.map(({ section }) => section));

/**
 * The settings in force: defaults, then moorage.toml, then MOORAGE_… variables, then flags.
 * @throws ConfigError with every problem of every source
 */
export function loadConfig(sources: ConfigSources): Config {
  return toConfig(readSettings(sources));
}

/** As {@link loadConfig}, as a list with origins, in the order of the documentation. */
export function readSettings(sources: ConfigSources): EffectiveSetting[] {
  const { root, env, flags = {}, file } = sources;
  const problems: string[] = [];
  const given = [
    ...fromFile(root, problems, file),
    ...fromEnvironment(env, problems),
    ...fromFlags(flags, problems),
  ];
  return inForce(given, problems);
}

/**
 * Where the database is, for commands that need no other setting: what is wrong with others is
 * nothing to them.
 * @throws ConfigError when it is these that are wrong, or the file that has them can't be read
 */
export function loadStoreSettings({
  root,
  env,
}: Pick<ConfigSources, "root" | "env">): Config["store"] {
  const others: string[] = [];
  const all = [...fromFile(root, others), ...fromEnvironment(env, others)];
  const given = all.filter(({ named }) => named.section === "store");
  const isLost =
    (all.length === 0 && others.length > 0 && mentions(root, STORE)) ||
    others.some((problem) => /\bstore\./.test(problem));
  return toConfig(inForce(given, isLost ? others : [])).store;
}

const STORE = /^\s*\[?\s*"?store\b/m;

function inForce(given: readonly Given[], problems: string[]): EffectiveSetting[] {
  const effective = new Map<NamedSetting, EffectiveSetting>();
  for (const named of ALL_SETTINGS) {
    effective.set(named, { named, value: named.setting.default, origin: "default" });
  }
  for (const { named, value, place } of given) {
    const parsed = named.setting.schema.safeParse(value);
    if (parsed.success) effective.set(named, { named, value: parsed.data, origin: place });
    else problems.push(`${place}: must be ${problemOf(named, value, parsed.error.issues)}`);
  }
  problems.push(...problemsTogether(effective.values()));
  if (problems.length > 0) throw new ConfigError(problems);
  return [...effective.values()];
}

export function toConfig(settings: readonly EffectiveSetting[]): Config {
  const config: Record<string, Record<string, unknown>> = structuredClone(FIXED);
  for (const { named, value } of settings) {
    const section = config[named.section] ?? {};
    section[named.key] = value;
    config[named.section] = section;
  }
  // Every key of SETTINGS and FIXED is there, and together they have the shape of Config.
  return config as unknown as Config;
}

function* fromFile(root: string, problems: string[], text?: string): Generator<Given> {
  try {
    const entries = text === undefined ? readSettingsFile(root) : entriesOf(text);
    for (const { name, value, place } of entries) {
      const named = BY_NAME.get(name);
      if (named !== undefined) yield { named, value, place };
      else if (SECTIONS.has(name)) {
        if (!isTable(value)) problems.push(`${place}: is a table; write [${name}]`);
      } else problems.push(unknown(place, name, [...BY_NAME.keys(), ...SECTIONS]));
    }
  } catch (thrown) {
    if (!(thrown instanceof FileProblem)) throw thrown;
    problems.push(thrown.message);
  }
}

function* fromEnvironment(env: ConfigSources["env"], problems: string[]): Generator<Given> {
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith("MOORAGE_") || value === undefined) continue;
    if (OTHER_VARIABLES.has(variable)) continue;
    const named = BY_VARIABLE.get(variable);
    if (named !== undefined) yield { named, value, place: variable };
    else problems.push(unknown(variable, variable, BY_VARIABLE.keys()));
  }
}

function* fromFlags(
  flags: NonNullable<ConfigSources["flags"]>,
  problems: string[],
): Generator<Given> {
  const seen = new Map<NamedSetting, string>();
  for (const [flag, value] of Object.entries(flags)) {
    const named = BY_FLAG.get(flag);
    const other = named && seen.get(named);
    if (named === undefined) problems.push(`${flag}: unknown flag`);
    else if (other !== undefined) problems.push(`${flag}: the same as ${other}; give one of them`);
    else {
      seen.set(named, flag);
      yield { named, value, place: flag };
    }
  }
}

function unknown(place: string, word: string, names: Iterable<string>): string {
  const former = FORMER_SETTINGS.get(word);
  if (former !== undefined) return `${place}: no setting any more, always ${former}; remove it`;
  const problem = `${place}: unknown setting`;
  const all = [...names];
  const key = word.slice(word.lastIndexOf(".") + 1);
  // The right key in the wrong table is as near as it gets.
  const moved = all.find((name) => name.endsWith(`.${key}`));
  const near = moved ?? nearest(word, all);
  return near === undefined ? problem : `${problem}; did you mean ${near}?`;
}

/**
 * The setting of that name.
 * @throws ConfigError with the name that was probably meant
 */
export function settingNamed(name: string): NamedSetting {
  const named = BY_NAME.get(name);
  if (named === undefined) throw new ConfigError([unknown(oneLine(name), name, BY_NAME.keys())]);
  return named;
}

/** What a value must be and why it is not; where the setting itself knows what is wrong, that. */
export function problemOf(
  { setting: { kind } }: NamedSetting,
  value: unknown,
  issues: readonly { readonly message: string }[],
): string {
  const known = issues.find(({ message }) => message !== kind);
  return `${kind}${known === undefined ? `, not ${shown(value)}` : `; ${known.message}`}`;
}

/** The bad value in one short line. */
function shown(value: unknown): string {
  const text = typeof value === "bigint" ? `${value}` : (JSON.stringify(value) ?? String(value));
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
