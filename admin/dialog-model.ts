import type {
  AccessView,
  AuthorityInfo,
  FolderInfo,
  GroupInfo,
  KeyInfo,
  ReceiverInfo,
  RevocationInfo,
  SessionInfo,
  TrafficTotal,
  TrashedInfo,
  UserInfo,
} from "../src/control/protocol.ts";
import type { AuditRecord } from "../src/store/types.ts";
import type { CallEffect, CallsEffect, Cursor, Editor, LogLine, LogPlace } from "./model.ts";

export interface Field {
  readonly name: string;
  readonly label: string;
  readonly kind: "text" | "secret" | "choice";
  readonly editor: Editor;
  /** what it held when the form was opened */
  readonly initial: string;
  readonly options: readonly string[];
  readonly hint: string;
  readonly max: number;
}

export type FormName =
  | "user-add"
  | "user-edit"
  | "password"
  | "key-add"
  | "user-remove"
  | "ban"
  | "log-filter"
  | "group-add"
  | "group-edit"
  | "group-members"
  | "folder-add"
  | "folder-edit"
  | "folder-remove"
  | "folder-share"
  | "share-with"
  | "rule"
  | "explain"
  | "server-stop"
  | "server-renew"
  | "marked-state"
  | "marked-quota"
  | "marked-group"
  | "marked-remove"
  | "trash-restore"
  | "trash-empty"
  | "ca-add"
  | "ca-revoke"
  | "setting-set";

interface DialogBase {
  readonly id: number;
  readonly title: string;
  /** why the last try failed */
  readonly error: string;
  /** a call is under way */
  readonly busy: boolean;
}

export interface FormDialog extends DialogBase {
  readonly kind: "form";
  readonly form: FormName;
  /** whom or what it is about: a user, a group with an "@", a folder, a setting */
  readonly user: string;
  readonly text: string;
  readonly fields: readonly Field[];
  readonly focus: number;
  readonly action: string;
}

/** Asks before something is done. */
export interface ConfirmDialog extends DialogBase {
  readonly kind: "confirm";
  readonly text: string;
  readonly action: string;
  readonly effect: CallEffect | CallsEffect;
}

/** Shows something; `secret` only as long as it is open. */
export interface InfoDialog extends DialogBase {
  readonly kind: "info";
  readonly lines: readonly (readonly [string, string])[];
  readonly secret: string;
}

/** A page about one user. What is null has not arrived yet. */
export interface UserDialog extends DialogBase {
  readonly kind: "user";
  readonly name: string;
  readonly user: UserInfo | null;
  readonly keys: readonly KeyInfo[];
  readonly access: AccessView | null;
  /** the last of each, oldest first */
  readonly uploads: readonly AuditRecord[];
  readonly downloads: readonly AuditRecord[];
  readonly cursor: Cursor;
}

/** A page about one group. */
export interface GroupDialog extends DialogBase {
  readonly kind: "group";
  readonly name: string;
  readonly group: GroupInfo | null;
  readonly members: readonly string[];
  readonly access: AccessView | null;
  readonly cursor: Cursor;
}

/** A page about one folder. */
export interface FolderDialog extends DialogBase {
  readonly kind: "folder";
  readonly name: string;
  readonly folder: FolderInfo | null;
  readonly cursor: Cursor;
}

/** A page about one session. */
export interface SessionDialog extends DialogBase {
  readonly kind: "session";
  /** its number, as text */
  readonly name: string;
  /** as it was last seen */
  readonly session: SessionInfo;
  readonly ended: boolean;
  readonly cursor: Cursor;
}

/** A page about what was moved. */
export interface TotalsDialog extends DialogBase {
  readonly kind: "totals";
  /** whose; empty: everybody's */
  readonly name: string;
  /** null: not there yet */
  readonly byDay: readonly TrafficTotal[] | null;
  /** null for one user, too */
  readonly byUser: readonly TrafficTotal[] | null;
  readonly cursor: Cursor;
}

/** A page about what can be had back of a user's or a folder's files. */
export interface TrashDialog extends DialogBase {
  readonly kind: "trash";
  /** a user, or a folder with an "@" */
  readonly name: string;
  /** the oldest first; null: not there yet */
  readonly files: readonly TrashedInfo[] | null;
  /** there are more than these */
  readonly more: boolean;
  readonly cursor: Cursor;
}

/** A page about the records that are one line of the log. */
export interface RecordsDialog extends DialogBase {
  readonly kind: "records";
  /** the number of the first record, as text */
  readonly name: string;
  readonly line: LogLine;
  /** the newest first; null: not there yet */
  readonly records: readonly AuditRecord[] | null;
  readonly next: LogPlace | null;
  readonly cursor: Cursor;
}

/** The page about certificate authorities and what is revoked. */
export interface AuthoritiesDialog extends DialogBase {
  readonly kind: "authorities";
  readonly name: "";
  readonly authorities: readonly AuthorityInfo[] | null;
  readonly revoked: readonly RevocationInfo[];
  readonly cursor: Cursor;
}

/** The page about the receivers of events. */
export interface ReceiversDialog extends DialogBase {
  readonly kind: "receivers";
  readonly name: "";
  readonly receivers: readonly ReceiverInfo[] | null;
  readonly cursor: Cursor;
}

export type PageDialog =
  | UserDialog
  | GroupDialog
  | FolderDialog
  | SessionDialog
  | TotalsDialog
  | TrashDialog
  | RecordsDialog
  | AuthoritiesDialog
  | ReceiversDialog;

/** The groups that there are, with those that a user is of. */
export interface ChecklistDialog extends DialogBase {
  readonly kind: "checklist";
  readonly user: string;
  /** null: not there yet */
  readonly names: readonly string[] | null;
  readonly checked: readonly string[];
  /** what was checked when it was opened */
  readonly initial: readonly string[];
  readonly cursor: Cursor;
}

/** How far several calls are, one after the other. */
export interface BatchDialog extends DialogBase {
  readonly kind: "batch";
  readonly total: number;
  readonly done: number;
  readonly failures: readonly Failure[];
  /** how it is told that all of it was done */
  readonly notice: string;
  /** the rest is left */
  readonly stopping: boolean;
  readonly ended: boolean;
}

export interface Failure {
  readonly what: string;
  readonly why: string;
}

export interface RescanDialog extends DialogBase {
  readonly kind: "rescan";
  readonly name: string;
  /** files that the books know: what the progress is measured by */
  readonly expected: number;
  readonly files: number;
  readonly bytes: number;
  readonly done: boolean;
}

export type Dialog =
  | FormDialog
  | ConfirmDialog
  | InfoDialog
  | PageDialog
  | ChecklistDialog
  | BatchDialog
  | RescanDialog;
