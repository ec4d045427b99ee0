import { count } from "../src/text/figures.ts";
import { choice, form, QUOTA_HINT, text } from "./dialogs.ts";
import type { Model } from "./model.ts";

/** Forms for all users that are marked. */

/** The marked users, by name. */
export function markedNames({ users }: Model): readonly string[] {
  return [...users.marked].sort();
}

/** "3 users" */
export function usersText(many: number): string {
  return count(many, "user");
}

/** The first of them, for a question that is about all. */
export function namesText(names: readonly string[]): string {
  const shown = names.slice(0, 8).join(", ");
  return names.length <= 8 ? shown : `${shown} and ${names.length - 8} more`;
}

function about(model: Model): {
  readonly many: string;
  readonly user: string;
  readonly text: string;
} {
  const names = markedNames(model);
  return { many: usersText(names.length), user: "", text: `${namesText(names)}.` };
}

export function markedStateForm(model: Model): Model {
  const { many, ...more } = about(model);
  return form(model, {
    ...more,
    form: "marked-state",
    title: `Disable or enable ${many}`,
    action: "do it",
    fields: [choice("state", "State", ["disable", "enable"], "disable")],
  });
}

export function markedQuotaForm(model: Model): Model {
  const { many, ...more } = about(model);
  return form(model, {
    ...more,
    form: "marked-quota",
    title: `The quota of ${many}`,
    action: "set",
    fields: [text("quota", "Quota", "", `${QUOTA_HINT}, default`)],
  });
}

export function markedGroupForm(model: Model): Model {
  const { many, ...more } = about(model);
  return form(model, {
    ...more,
    form: "marked-group",
    title: `A group for ${many}`,
    action: "do it",
    fields: [
      text("group", "Group", "", "its name"),
      choice("how", "They", ["join", "leave"], "join"),
    ],
  });
}

export function markedRemoveForm(model: Model): Model {
  const { many, text: names, ...more } = about(model);
  return form(model, {
    ...more,
    form: "marked-remove",
    title: `Remove ${many}?`,
    text: `${many} ${many === "1 user" ? "goes" : "go"}, with keys and open sessions: ${names}`,
    action: "remove",
    fields: [
      choice("home", "Homes", ["keep", "delete"], "keep"),
      text("typed", "To remove", "", `type ${markedNames(model).length}, how many they are`),
    ],
  });
}
