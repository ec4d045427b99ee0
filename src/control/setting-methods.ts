import { settingNamed } from "../config/load.ts";
import { CHANGEABLE, fixedBy, tooLittle } from "./changeable.ts";
import { ControlError, EXIT } from "./errors.ts";
import type { MethodsOf } from "./folder-methods.ts";
import type { Caller } from "./methods.ts";
import type { Params } from "./protocol.ts";
import { type Change, changeRecord, changeSetting, putInForce } from "./setting-changes.ts";
import type { SettingChange, SettingMethods } from "./setting-protocol.ts";

/** The administrators' use-cases that concern settings. */
export const SETTING_METHODS: MethodsOf<SettingMethods> = {
  settings: async ({ host }) => host.settings.list(),
  "settings.set": setSetting,
};

async function setSetting(
  { host, actor }: Caller,
  { name, value, was }: Params<"settings.set">,
): Promise<SettingChange> {
  const named = settingNamed(name);
  if (!CHANGEABLE.has(name)) throw new ControlError(fixedBy(name, "") ?? "");
  const less = value === null ? undefined : tooLittle(named, value);
  if (less !== undefined) throw new ControlError(less, EXIT.usage);
  const place = { root: host.root, read: (file?: string) => host.settings.readNow(file) };
  const change = await changeSetting(place, name, value, was);
  const inForce = await putInForce(change, async () => {
    await host.store.changes.add("reload", 0);
    return host.reload();
  });
  if (change.changed) host.store.audit.record({ ...changeRecord(change), actor });
  return { ...settingChange(change), inForce };
}

function settingChange({ named, before, after, changed }: Change): Omit<SettingChange, "inForce"> {
  const { format } = named.setting;
  return {
    name: named.name,
    value: format(after.value),
    before: before === undefined ? null : format(before.value),
    changed,
  };
}
