import { canConnect } from "../here.ts";
import type { Dialog, Model, PageDialog } from "../model.ts";
import { canTake } from "../offered.ts";
import { selectedItem } from "../page-cursor.ts";
import type { PageItem } from "../page-parts.ts";
import { isPage } from "../pages.ts";
import { type Hint, when } from "./hints.ts";

/**
 * The keys of a dialog. Only those are shown that do something with what is selected in it. As at the
 * bottom of a view, keys that come and go are last.
 */
export function buttonsOf(model: Model, dialog: Dialog): readonly Hint[] {
  if (isPage(dialog)) return [...pageButtons(model, dialog), ["escape", "close"]];
  switch (dialog.kind) {
    case "form":
      return [
        ["enter", dialog.action],
        ["escape", "cancel"],
      ];
    case "confirm":
      return [
        ["y", dialog.action],
        ["n", "cancel"],
      ];
    case "checklist":
      return [
        ...when((dialog.names?.length ?? 0) > 0, [" ", "join or leave"], ["enter", "save"]),
        ["escape", "cancel"],
      ];
    case "batch":
      return dialog.ended ? [["enter", "close"]] : [["escape", "stop"]];
    case "rescan":
      return [["escape", dialog.done ? "close" : "go on without watching"]];
    case "info":
      return [...when(dialog.secret !== "", ["c", "copy"]), ["enter", "close"]];
  }
}

function pageButtons(model: Model, page: PageDialog): readonly Hint[] {
  const item = selectedItem(model, page);
  const take = (label: string) => when(canTake(page, item), ["x", label]);
  const open = (label: string) => when(item !== undefined, ["enter", label]);
  switch (page.kind) {
    case "user":
      return userButtons(model, page, take("take away"));
    case "group":
      return [
        ...when(
          page.group !== null,
          ["e", "edit"],
          ["m", "members"],
          ["s", "folder"],
          ["n", "rule"],
        ),
        ...take("take away"),
      ];
    case "folder":
      return folderButtons(page, take("take away"));
    case "session":
      return sessionButtons(page, item);
    case "totals":
      return [];
    case "trash": {
      const isFile = item?.kind === "trashed";
      return [
        ...when(isFile, ["r", "restore"]),
        ...take("remove for good"),
        ...when((page.files?.length ?? 0) > 0, ["E", "empty"]),
        ...open(isFile ? "details" : "more"),
      ];
    }
    case "records":
      return open(item?.kind === "more" ? "more" : "record");
    case "authorities":
      return [["a", "add"], ["v", "revoke"], ...take("remove or lift"), ...open("details")];
    case "receivers":
      return [
        ...when(item !== undefined, ["t", "test"], ["r", "retry now"]),
        ...take("drop what waits"),
        ...open("details"),
      ];
  }
}

type PageOf<K extends PageDialog["kind"]> = Extract<PageDialog, { kind: K }>;

function userButtons(model: Model, page: PageOf<"user">, take: readonly Hint[]): readonly Hint[] {
  const { user } = page;
  if (user === null) return [];
  return [
    ["e", "edit"],
    ["m", "groups"],
    ["s", "folder"],
    ["n", "rule"],
    ["i", "add key"],
    ["p", "password"],
    ["w", "what counts"],
    ...when(user.sessions > 0, ["K", "kick"]),
    ...when(canConnect(model, user), ["c", "connect"]),
    ["5", "sessions"],
    ["6", "transfers"],
    ["7", "log"],
    ["t", "totals"],
    ["T", "trash"],
    ...take,
  ];
}

function folderButtons({ folder }: PageOf<"folder">, take: readonly Hint[]): readonly Hint[] {
  if (folder === null) return [];
  return [["e", "edit"], ["s", "share"], ["r", "rescan"], ["T", "trash"], ...take];
}

function sessionButtons({ ended }: PageOf<"session">, item: PageItem | undefined): readonly Hint[] {
  const isTransfer = item?.kind === "transfer";
  return [
    ...when(!ended, ["x", "kick"], ["X", "kick and disable"], ["b", "ban"]),
    ...when(!ended && isTransfer, ["e", "end transfer"]),
    ...when(!ended, ["u", "user"]),
    ["6", "transfers"],
    ["7", "log"],
  ];
}
