import type { FolderInfo, GroupInfo, SessionInfo, UserInfo } from "../src/control/protocol.ts";
import { call, opened, step } from "./dialogs.ts";
import {
  type Dialog,
  type Effect,
  type Model,
  type PageDialog,
  START,
  type Step,
} from "./model.ts";

/** Pages about one user, group or folder: how they are opened, and what they ask control for. */

/** How many of the last uploads, and of the last downloads, a user's page shows. */
const LAST_TRANSFERS = 5;

export function userPage(model: Model, name: string, user: UserInfo | null): Step {
  const next = opened(without(model, "user", name), {
    kind: "user",
    title: name,
    name,
    user,
    keys: [],
    access: null,
    uploads: [],
    downloads: [],
    cursor: START,
  });
  return step(next, ...asked({ kind: "user", name }));
}

export function groupPage(model: Model, name: string, group: GroupInfo | null): Step {
  const next = opened(without(model, "group", name), {
    kind: "group",
    title: `Group ${name}`,
    name,
    group,
    members: [],
    access: null,
    cursor: START,
  });
  return step(next, ...asked({ kind: "group", name }));
}

export function folderPage(model: Model, name: string, folder: FolderInfo | null): Step {
  const next = opened(without(model, "folder", name), {
    kind: "folder",
    title: `Folder ${name}`,
    name,
    folder,
    cursor: START,
  });
  return step(next, ...asked({ kind: "folder", name }));
}

/** What a session does is followed; nothing is to be asked for. */
export function sessionPage(model: Model, session: SessionInfo): Step {
  const name = String(session.id);
  const next = opened(without(model, "session", name), {
    kind: "session",
    title: `Session ${name}`,
    name,
    session,
    ended: false,
    cursor: START,
  });
  return step(next);
}

/** How many days are added up. */
export const TOTALS_DAYS = 30;

/** @param name of a user; empty: all together */
export function totalsPage(model: Model, name: string): Step {
  const next = opened(without(model, "totals", name), {
    kind: "totals",
    title: `Moved in the last ${TOTALS_DAYS} days${name === "" ? "" : ` by ${name}`}`,
    name,
    byDay: null,
    byUser: null,
    cursor: START,
  });
  return step(next, ...asked({ kind: "totals", name }));
}

const PAGES: ReadonlySet<Dialog["kind"]> = new Set([
  "user",
  "group",
  "folder",
  "session",
  "totals",
]);

export function isPage(dialog: Dialog): dialog is PageDialog {
  return PAGES.has(dialog.kind);
}

/** A page that is open further down comes up, so that pages never pile up. */
function without(model: Model, kind: PageDialog["kind"], name: string): Model {
  return { ...model, dialogs: model.dialogs.filter((one) => !isAbout(one, kind, name)) };
}

export function isAbout(dialog: Dialog, kind: PageDialog["kind"], name: string): boolean {
  return isPage(dialog) && dialog.kind === kind && dialog.name === name;
}

/** Asks for what a page shows; the answers find the page by its name. */
export function asked({ kind, name }: Pick<PageDialog, "kind" | "name">): readonly Effect[] {
  switch (kind) {
    case "user": {
      const last = { user: name, limit: LAST_TRANSFERS };
      return [
        call("users.show", { name }),
        call("access.list", { name }),
        call("log.query", { ...last, kind: "upload" }),
        call("log.query", { ...last, kind: "download" }),
      ];
    }
    case "group":
      return [call("groups.show", { name }), call("access.list", { name: `@${name}` })];
    case "folder":
      return [call("folders.show", { name })];
    case "session":
      return [];
    case "totals": {
      const byDay = call("traffic", {
        by: "day",
        days: TOTALS_DAYS,
        ...(name === "" ? {} : { user: name }),
      });
      return name === "" ? [byDay, call("traffic", { by: "user", days: TOTALS_DAYS })] : [byDay];
    }
  }
}
