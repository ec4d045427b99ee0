import { ACCESS_MODES } from "../src/access/modes.ts";
import type { FolderInfo, GroupInfo, RuleInfo, ShareInfo } from "../src/control/protocol.ts";
import { choice, form, limitFields, PATH_MAX, QUOTA_HINT, TRASH_HINT, text } from "./dialogs.ts";
import { limitValues, NO_LIMIT_VALUES, trashText } from "./limits.ts";
import type { Field, Model } from "./model.ts";
import { quotaText } from "./quota.ts";

/** Forms for groups, folders, shares and rules of access. */

const GROUP_QUOTA_HINT = "10GB, none; default: not said";
/** So many names of users at once, with what is between them. */
const NAMES_MAX = 6_800;

export function addGroupForm(model: Model): Model {
  return form(model, {
    form: "group-add",
    title: "Add a group",
    user: "",
    text: "Limits and quota count for members who have none of their own.",
    action: "add",
    fields: [
      text("name", "Name", "", "a-z 0-9 . _ -"),
      text("quota", "Quota", "default", GROUP_QUOTA_HINT),
      ...limitFields(NO_LIMIT_VALUES),
    ],
  });
}

export function editGroupForm(model: Model, group: GroupInfo): Model {
  const { name, hasQuota, quotaBytes } = group;
  return form(model, {
    form: "group-edit",
    title: `Edit group ${name}`,
    user: name,
    text: "Limits and quota count for members who have none of their own.",
    action: "save",
    fields: [
      text("quota", "Quota", hasQuota ? quotaText(quotaBytes) : "default", GROUP_QUOTA_HINT),
      ...limitFields(limitValues(group)),
    ],
  });
}

export function membersForm(model: Model, group: string): Model {
  return form(model, {
    form: "group-members",
    title: `Members of group ${group}`,
    user: group,
    text: "",
    action: "do it",
    fields: [
      text("users", "Users", "", "ann, ben, …", NAMES_MAX),
      choice("how", "They", ["join", "leave"], "join"),
    ],
  });
}

export function addFolderForm(model: Model): Model {
  return form(model, {
    form: "folder-add",
    title: "Add a folder",
    user: "",
    text: "Nobody has it before it is shared.",
    action: "add",
    fields: [
      text("name", "Name", "", "a-z 0-9 . _ -"),
      text("quota", "Quota", "", `${QUOTA_HINT}; empty: default`),
      text("files", "Most files", "", "a number, none; empty: default"),
      text("trash", "Trash keeps", "none", TRASH_HINT),
    ],
  });
}

export function editFolderForm(model: Model, folder: FolderInfo): Model {
  const { name, quotaBytes, quotaFiles, trashKeep } = folder;
  return form(model, {
    form: "folder-edit",
    title: `Edit folder ${name}`,
    user: name,
    text: "",
    action: "save",
    fields: [
      text("quota", "Quota", quotaText(quotaBytes), QUOTA_HINT),
      text("files", "Most files", quotaFiles === null ? "none" : `${quotaFiles}`, "a number, none"),
      text("trash", "Trash keeps", trashText(trashKeep), TRASH_HINT),
    ],
  });
}

export function removeFolderForm(model: Model, { name, shares }: FolderInfo): Model {
  const whom = shares.length === 0 ? "" : `, and is taken from ${sharedWith(shares)}`;
  return form(model, {
    form: "folder-remove",
    title: `Remove folder ${name}`,
    user: name,
    text: `The folder ${name} goes${whom}. Files that are kept are there again when a folder of that name is added.`,
    action: "remove",
    fields: [
      choice("files", "Files", ["keep", "delete"], "keep"),
      text("typed", "To delete", "", "type the name again"),
    ],
  });
}

/** Whom a folder is shared with, in few words. */
export function sharedWith(shares: readonly ShareInfo[]): string {
  const names = shares.slice(0, 3).map(({ to }) => to);
  const more = shares.length - names.length;
  return more === 0 ? names.join(", ") : `${names.join(", ")} and ${more} more`;
}

/** @param share one that there is, to change it */
export function shareFolderForm(model: Model, folder: string, share?: ShareInfo): Model {
  return form(model, {
    form: "folder-share",
    title: `Share folder ${folder}`,
    user: folder,
    text: "",
    action: "share",
    fields: [
      text("to", "With", share?.to ?? "", "a user, or a group as @name", 33),
      ...placeFields(share),
    ],
  });
}

/** @param subject a user, or a group with an "@" */
export function shareWithForm(model: Model, subject: string): Model {
  return form(model, {
    form: "share-with",
    title: `A folder for ${subject}`,
    user: subject,
    text: "",
    action: "share",
    fields: [text("folder", "Folder", "", "its name"), ...placeFields()],
  });
}

function placeFields(share?: ShareInfo): Field[] {
  return [
    text("at", "Path", share?.at ?? "", "empty: / and its name", PATH_MAX),
    choice("access", "Access", ACCESS_MODES, share?.access ?? "full"),
  ];
}

/** @param subject a user, or a group with an "@" */
export function ruleForm(model: Model, subject: string, rule?: RuleInfo): Model {
  return form(model, {
    form: "rule",
    title: `What ${subject} may do where`,
    user: subject,
    text: "It counts for the path and all below. The rule of the longest path decides.",
    action: "set",
    fields: [
      text("path", "Path", rule?.path ?? "", "/reports", PATH_MAX),
      choice("access", "Access", ACCESS_MODES, rule?.access ?? "read"),
    ],
  });
}

export function explainForm(model: Model, user: string): Model {
  return form(model, {
    form: "explain",
    title: `What counts for ${user}`,
    user,
    text: "Which rule decides what may be done at a path.",
    action: "look",
    fields: [text("path", "Path", "", "/reports/2026", PATH_MAX)],
  });
}
