import { isDeepStrictEqual } from "node:util";
import { changedFile, fileValue } from "../config/change.ts";
import { ConfigError } from "../config/errors.ts";
import { FILE_NAME, FileProblem } from "../config/file.ts";
import { type EffectiveSetting, settingNamed } from "../config/load.ts";
import type { NamedSetting } from "../config/settings.ts";
import { changeSettingsFile } from "../config/settings-file.ts";
import type { AuditEvent } from "../store/types.ts";
import { visible } from "../text/safe.ts";
import { givenElsewhere, UNTOLD } from "./changeable.ts";
import { ControlError } from "./errors.ts";
import type { Control, ReloadResult } from "./protocol.ts";

/** Of a value, as records have it. */
const MAX_TOLD = 200;

export interface ChangePlace {
  readonly root: string;
  /** the settings as their sources have them now, or would with that text as moorage.toml */
  read(file?: string): readonly EffectiveSetting[];
}

/** moorage.toml before a change and after it. */
interface Texts {
  /** null: there was no file */
  old: string | null;
  new: string;
}

/** A setting as it was, and as it is now. */
export interface Change {
  readonly named: NamedSetting;
  /** undefined: what was there was wrong */
  readonly before: EffectiveSetting | undefined;
  readonly after: EffectiveSetting;
  /** false: moorage.toml had it so, and stayed as it is */
  readonly changed: boolean;
  /** takes it back, unless somebody else has changed the file since */
  undo(): Promise<void>;
}

/**
 * Changes one setting in moorage.toml.
 * @param value as one would write it; null: the default again
 * @param was what it is taken for; absent: whatever it is
 * @throws ControlError or ConfigError (rejected): then the file is as it was
 */
export async function changeSetting(
  place: ChangePlace,
  name: string,
  value: string | null,
  was?: string,
): Promise<Change> {
  const named = settingNamed(name);
  const raw = value === null ? undefined : fileValue(named, value);
  const texts: Texts = { old: null, new: "" };
  let before: EffectiveSetting | undefined;
  let after: EffectiveSetting | undefined;
  const changed = await written(place.root, (text, isThere) => {
    texts.old = isThere ? text : null;
    before = presently(place, named, text);
    refuseOther(before, was);
    texts.new = changedFile(text, named, raw);
    after = meant(place.read(texts.new), named, raw);
    return texts.new;
  });
  if (after === undefined) throw new Error("nothing was looked at");
  return { named, before, after, changed, undo: () => undone(place.root, texts, changed) };
}

function presently(
  { read }: ChangePlace,
  named: NamedSetting,
  text: string,
): EffectiveSetting | undefined {
  try {
    return read(text).find((one) => one.named === named);
  } catch (thrown) {
    // It may be this setting that is wrong.
    if (thrown instanceof ConfigError) return undefined;
    throw thrown;
  }
}

/** Who saw another value would undo what somebody else has set. */
function refuseOther(now: EffectiveSetting | undefined, was: string | undefined): void {
  if (was === undefined || now === undefined) return;
  const { name, setting } = now.named;
  if (setting.format(now.value) === was) return;
  throw new ControlError(
    `${name} is ${shownValue(now)} by now, set by somebody else: read the settings again (R)`,
  );
}

/** The setting with the changed file. @throws ControlError when that has no effect */
function meant(
  all: readonly EffectiveSetting[],
  named: NamedSetting,
  raw: unknown,
): EffectiveSetting {
  const found = all.find((one) => one.named === named);
  const elsewhere = found && givenElsewhere(named.name, found.origin);
  if (elsewhere !== undefined) throw new ControlError(elsewhere);
  const { schema, default: usual } = named.setting;
  const value = raw === undefined ? usual : schema.parse(raw);
  const isFrom = raw === undefined ? found?.origin === "default" : isOfFile(found);
  if (found !== undefined && isFrom && isDeepStrictEqual(found.value, value)) return found;
  throw new ControlError(`${FILE_NAME} has ${named.name} more than once: change it there`);
}

function isOfFile(setting: EffectiveSetting | undefined): boolean {
  return setting?.origin.startsWith(FILE_NAME) === true;
}

type TextChange = Parameters<typeof changeSettingsFile>[1];

async function written(root: string, change: TextChange): Promise<boolean> {
  try {
    return await changeSettingsFile(root, change);
  } catch (thrown) {
    throw thrown instanceof FileProblem ? new ControlError(thrown.message) : thrown;
  }
}

async function undone(root: string, texts: Readonly<Texts>, changed: boolean): Promise<void> {
  if (!changed) return;
  await written(root, (text) => {
    if (text === texts.new) return texts.old;
    throw new ControlError(`${FILE_NAME} was changed by somebody else meanwhile`);
  });
}

/** Throws ControlError when the server has the setting from a flag or its environment. */
export async function refuseGiven(control: Pick<Control, "call">, name: string): Promise<void> {
  const found = (await control.call("settings", {})).find((one) => one.name === name);
  const elsewhere = found && givenElsewhere(name, found.source);
  if (elsewhere !== undefined) throw new ControlError(elsewhere);
}

/**
 * Has a server read the settings again. What it refuses is taken back.
 * @returns whether the change is in force
 */
export async function putInForce(
  change: Change,
  reload: () => Promise<ReloadResult>,
): Promise<boolean> {
  try {
    const { needRestart } = await reload();
    return !needRestart.includes(change.named.name);
  } catch (thrown) {
    const left = await change.undo().catch((why: unknown) => why);
    throw refusal(thrown, left);
  }
}

/** @param left why the file is not as it was; undefined: it is */
function refusal(thrown: unknown, left: unknown): unknown {
  if (!(thrown instanceof ControlError)) return left ?? thrown;
  const { message, exitCode } = thrown;
  const file = left instanceof Error ? `is not as it was (${left.message})` : "is as it was";
  return new ControlError(
    `the server did not take it, and ${FILE_NAME} ${file}: ${message}`,
    exitCode,
  );
}

/** What the audit trail has of it. */
export function changeRecord({ named, before, after }: Change): AuditEvent {
  const { name } = named;
  if (UNTOLD.has(name)) return { kind: "setting-set", detail: name };
  const was = before === undefined ? "" : `, was ${told(before)}`;
  return { kind: "setting-set", detail: `${name} = ${told(after)}${was}` };
}

function told(setting: EffectiveSetting): string {
  const text = visible(shownValue(setting));
  return text.length > MAX_TOLD ? `${text.slice(0, MAX_TOLD - 1)}…` : text;
}

/** As people read it: what is empty is seen, too. */
export function shownValue({ named, value }: EffectiveSetting): string {
  return named.setting.format(value) || '""';
}
