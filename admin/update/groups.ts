import type { GroupInfo } from "../../src/control/protocol.ts";
import { count } from "../../src/text/figures.ts";
import { call, opened, step } from "../dialogs.ts";
import type { Model, Step } from "../model.ts";
import { groupPage } from "../pages.ts";
import { GROUP_SORTS, selectedGroup } from "../tables.ts";
import {
  addGroupForm,
  editGroupForm,
  membersForm,
  ruleForm,
  shareWithForm,
} from "../team-forms.ts";
import { withFolders } from "./offers.ts";
import { sortKey } from "./sorting.ts";

/** Keys of the Groups view; undefined: not one of them. */
export function groupsKey(model: Model, key: string): Step | undefined {
  if (key === "a") return step(addGroupForm(model));
  const sorted = sortKey(model.groups, GROUP_SORTS.length, key);
  if (sorted !== undefined) return step({ ...model, groups: sorted });
  const group = selectedGroup(model);
  if (group === undefined) return undefined;
  return key === "x" || key === "delete"
    ? step(askRemove(model, group))
    : groupKey(model, group, key);
}

/** What can be done with one group, in the table and on the group's page. */
export function groupKey(model: Model, group: GroupInfo, key: string): Step | undefined {
  const { name } = group;
  switch (key) {
    case "enter":
      return groupPage(model, name, group);
    case "e":
      return step(editGroupForm(model, group));
    case "m":
      return step(membersForm(model, name));
    case "n":
      return step(ruleForm(model, `@${name}`));
    case "s":
      return withFolders(shareWithForm(model, `@${name}`));
    default:
      return undefined;
  }
}

function askRemove(model: Model, { name, members, shares, rules }: GroupInfo): Model {
  const parts = [count(members, "member"), count(shares, "folder"), count(rules, "rule")];
  return opened(model, {
    kind: "confirm",
    title: `Remove group ${name}?`,
    text: `It has ${parts.join(", ")}. Its members stay, without its limits, quota, folders and rules.`,
    action: "remove",
    effect: call("groups.remove", { name }, { notice: `Group ${name} was removed.` }),
  });
}
