import type { FolderInfo } from "../../src/control/protocol.ts";
import { call, step } from "../dialogs.ts";
import type { Model, Step } from "../model.ts";
import { folderPage, trashPage } from "../pages.ts";
import { FOLDER_SORTS, selectedFolder } from "../tables.ts";
import { addFolderForm, editFolderForm, removeFolderForm, shareFolderForm } from "../team-forms.ts";
import { withGroups } from "./offers.ts";
import { sortKey } from "./sorting.ts";
import { noticed } from "./views.ts";

/** Keys of the Folders view; undefined: not one of them. */
export function foldersKey(model: Model, key: string): Step | undefined {
  if (key === "a") return step(addFolderForm(model));
  const sorted = sortKey(model.folders, FOLDER_SORTS.length, key);
  if (sorted !== undefined) return step({ ...model, folders: sorted });
  const folder = selectedFolder(model);
  if (folder === undefined) return undefined;
  if (key === "x" || key === "delete") return step(removeFolderForm(model, folder));
  return folderKey(model, folder, key);
}

/** What can be done with one folder, in the table and on the folder's page. */
export function folderKey(model: Model, folder: FolderInfo, key: string): Step | undefined {
  switch (key) {
    case "enter":
      return folderPage(model, folder.name, folder);
    case "e":
      return step(editFolderForm(model, folder));
    case "s":
      return withGroups(shareFolderForm(model, folder.name));
    case "T":
      return trashPage(model, `@${folder.name}`);
    case "r":
      return rescan(model, folder.name);
    default:
      return undefined;
  }
}

function rescan(model: Model, name: string): Step {
  const counting = noticed(model, "done", `Counting the files of folder ${name} …`);
  return step(counting, call("folders.rescan", { name }, { notice: `${name}: counted anew.` }));
}
