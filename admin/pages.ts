import type { FolderInfo, GroupInfo, SessionInfo, UserInfo } from "../src/control/protocol.ts";
import { call, opened, step } from "./dialogs.ts";
import {
  type Dialog,
  type Effect,
  type LogLine,
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

/** @param name of a user, or of a folder with an "@" */
export function trashPage(model: Model, name: string): Step {
  const next = opened(without(model, "trash", name), {
    kind: "trash",
    title: `Trash of ${name.startsWith("@") ? `folder ${name.slice(1)}` : name}`,
    name,
    files: null,
    more: false,
    cursor: START,
  });
  return step(next, ...asked({ kind: "trash", name }));
}

/** The records that a line of the log stands for. */
export function recordsPage(model: Model, line: LogLine): Step {
  const name = String(line.record.batch);
  const next = opened(without(model, "records", name), {
    kind: "records",
    title: "Records",
    name,
    line,
    records: null,
    next: null,
    cursor: START,
  });
  return step(next, ...asked({ kind: "records", name }));
}

export function authoritiesPage(model: Model): Step {
  const next = opened(without(model, "authorities", ""), {
    kind: "authorities",
    title: "Certificate authorities",
    name: "",
    authorities: null,
    revoked: [],
    cursor: START,
  });
  return step(next, ...asked({ kind: "authorities", name: "" }));
}

export function receiversPage(model: Model): Step {
  const next = opened(without(model, "receivers", ""), {
    kind: "receivers",
    title: "Receivers of events",
    name: "",
    receivers: null,
    cursor: START,
  });
  return step(next, ...asked({ kind: "receivers", name: "" }));
}

const IS_PAGE: Readonly<Record<PageDialog["kind"], true>> = {
  user: true,
  group: true,
  folder: true,
  session: true,
  totals: true,
  trash: true,
  records: true,
  authorities: true,
  receivers: true,
};

export function isPage(dialog: Dialog): dialog is PageDialog {
  return dialog.kind in IS_PAGE;
}

/** A page that is open further down comes up, so that pages never pile up. */
function without(model: Model, kind: PageDialog["kind"], name: string): Model {
  return { ...model, dialogs: model.dialogs.filter((one) => !isAbout(one, kind, name)) };
}

export function isAbout(dialog: Dialog, kind: PageDialog["kind"], name: string): boolean {
  return isPage(dialog) && dialog.kind === kind && dialog.name === name;
}

/** So much of a long list at once: the most that control gives. */
const PAGE_PART = 500;

/** Asks for what follows on what a page shows. */
export function askedMore(page: PageDialog): readonly Effect[] {
  if (page.kind === "trash") {
    const after = page.files?.at(-1)?.id;
    if (!page.more || after === undefined) return [];
    return [call("trash.list", { name: page.name, limit: PAGE_PART, after })];
  }
  if (page.kind !== "records" || page.next === null) return [];
  const batch = Number(page.name);
  return [call("log.page", { batch, limit: PAGE_PART, before: page.next })];
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
    case "trash":
      return [call("trash.list", { name, limit: PAGE_PART })];
    case "records":
      return [call("log.page", { batch: Number(name), limit: PAGE_PART })];
    case "authorities":
      return [call("ca.list", {}), call("ca.revoked", {})];
    case "receivers":
      return [call("events.list", {})];
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
