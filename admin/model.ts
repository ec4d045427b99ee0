import type {
  ControlMethods,
  ControlTopics,
  HostKeyInfo,
  KeyInfo,
  Method,
  Overview,
  Params,
  Result,
  Security,
  SessionInfo,
  SettingInfo,
  Topic,
  TopicEvent,
  TopicParams,
  UserInfo,
  UserSort,
} from "../src/control/protocol.ts";
import type { AuditKind, AuditRecord } from "../src/store/types.ts";
import type { Target } from "./frame.ts";
import type { Input } from "./input.ts";

export const VIEWS = [
  "overview",
  "users",
  "sessions",
  "transfers",
  "log",
  "security",
  "keys",
  "help",
] as const;

export type ViewName = (typeof VIEWS)[number];

export const MIN_COLUMNS = 80;
export const MIN_ROWS = 24;

/** Where somebody is in a list: which row, and which row is the first shown. */
export interface Cursor {
  readonly index: number;
  readonly top: number;
}

export const START: Cursor = { index: 0, top: 0 };

/** Text being typed. */
export interface Editor {
  readonly text: string;
  /** in UTF-16 units, between characters */
  readonly at: number;
}

export interface UsersModel {
  readonly cursor: Cursor;
  readonly sort: UserSort;
  readonly descending: boolean;
  readonly filter: string;
  /** of the page asked for */
  readonly offset: number;
  readonly total: number;
  /** rows from `pageOffset` on; older than `offset` says until the page arrives */
  readonly rows: readonly UserInfo[];
  readonly pageOffset: number;
  readonly loaded: boolean;
}

/** A list that control gives whole, with a filter of its own. */
export interface ListModel {
  readonly cursor: Cursor;
  readonly filter: string;
}

export interface LogModel {
  readonly cursor: Cursor;
  readonly user: string;
  readonly kind: AuditKind | "";
  /** how far back, milliseconds; 0: all */
  readonly back: number;
  /** when the filter was set: what `back` counts from */
  readonly asked: number;
  readonly follow: boolean;
  /** oldest first, at most {@link MAX_RECORDS} */
  readonly records: readonly AuditRecord[];
  readonly loaded: boolean;
}

export const MAX_RECORDS = 1000;

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
  | "log-filter";

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
  /** whom it is about */
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
  readonly effect: CallEffect;
}

/** Shows something; `secret` only as long as it is open. */
export interface InfoDialog extends DialogBase {
  readonly kind: "info";
  readonly lines: readonly (readonly [string, string])[];
  readonly secret: string;
}

export interface UserDialog extends DialogBase {
  readonly kind: "user";
  readonly name: string;
  readonly user: UserInfo | null;
  readonly keys: readonly KeyInfo[];
  readonly cursor: Cursor;
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

export type Dialog = FormDialog | ConfirmDialog | InfoDialog | UserDialog | RescanDialog;

export interface Notice {
  readonly kind: "done" | "error";
  readonly text: string;
  readonly until: number;
}

export type Link =
  | { readonly up: true }
  | { readonly up: false; readonly reason: string; readonly since: number };

export interface Model {
  readonly columns: number;
  readonly rows: number;
  readonly now: number;
  readonly who: string;
  readonly keyFiles: boolean;
  /** the address of the terminal, where that is another machine's; empty: it is not, or not known */
  readonly from: string;
  readonly shell: boolean;
  readonly link: Link;
  readonly view: ViewName;
  /** where Help was asked for */
  readonly back: ViewName;
  readonly overview: Overview | null;
  readonly users: UsersModel;
  readonly sessionList: readonly SessionInfo[] | null;
  readonly sessions: ListModel;
  readonly transfers: ListModel;
  readonly log: LogModel;
  readonly security: Security | null;
  readonly securityCursor: Cursor;
  readonly hostKeys: readonly HostKeyInfo[] | null;
  readonly settings: readonly SettingInfo[] | null;
  readonly keysCursor: Cursor;
  readonly helpCursor: Cursor;
  /** the filter of the view being typed */
  readonly typing: Editor | null;
  /** the topmost last */
  readonly dialogs: readonly Dialog[];
  readonly nextDialog: number;
  readonly notice: Notice | null;
}

/** A call of control, what is said when it is done, and what follows then. */
export type CallEffect = {
  [M in Method]: {
    readonly kind: "call";
    readonly method: M;
    readonly params: Params<M>;
    /** closed when done; shows the error otherwise. 0: none */
    readonly dialog: number;
    readonly notice: string;
    readonly next?: CallEffect;
  };
}[Method];

export type Effect =
  | CallEffect
  | { readonly kind: "read-key"; readonly path: string; readonly dialog: number }
  | { readonly kind: "shell"; readonly user: string }
  | { readonly kind: "redraw" }
  | { readonly kind: "quit" };

/** A subscription that the model wants; two with the same key are the same. */
export type Wanted = {
  [T in Topic]: { readonly key: string; readonly topic: T; readonly params: TopicParams<T> };
}[Topic];

export type DataMessage = {
  [T in keyof ControlTopics]: {
    readonly type: "data";
    readonly topic: T;
    readonly params: TopicParams<T>;
    readonly event: TopicEvent<T>;
    /** of this subscription */
    readonly first: boolean;
  };
}[Topic];

export type ResultMessage = {
  [M in keyof ControlMethods]: {
    readonly type: "result";
    readonly method: M;
    readonly params: Params<M>;
    readonly result: Result<M>;
    readonly dialog: number;
    readonly notice: string;
    readonly next?: CallEffect;
  };
}[Method];

export type Message =
  | Input
  | { readonly type: "target"; readonly target: Target }
  | { readonly type: "resize"; readonly columns: number; readonly rows: number }
  | { readonly type: "tick"; readonly now: number }
  | { readonly type: "lost"; readonly reason: string }
  | { readonly type: "found" }
  | DataMessage
  | ResultMessage
  | { readonly type: "failed"; readonly dialog: number; readonly message: string }
  | { readonly type: "key-file"; readonly dialog: number; readonly text: string };

/** A new model, and what is to be done in the world. */
export interface Step {
  readonly model: Model;
  readonly effects: readonly Effect[];
}

export interface Beginning {
  readonly columns: number;
  readonly rows: number;
  readonly now: number;
  readonly who: string;
  readonly keyFiles: boolean;
  readonly shell: boolean;
  /** as in {@link Model}; absent: empty */
  readonly from?: string;
}

export function initialModel(beginning: Beginning): Model {
  const list: ListModel = { cursor: START, filter: "" };
  return {
    from: "",
    ...beginning,
    link: { up: true },
    view: "overview",
    back: "overview",
    overview: null,
    users: {
      cursor: START,
      sort: "name",
      descending: false,
      filter: "",
      offset: 0,
      total: 0,
      rows: [],
      pageOffset: 0,
      loaded: false,
    },
    sessionList: null,
    sessions: list,
    transfers: list,
    log: {
      cursor: START,
      user: "",
      kind: "",
      back: 0,
      asked: beginning.now,
      follow: true,
      records: [],
      loaded: false,
    },
    security: null,
    securityCursor: START,
    hostKeys: null,
    settings: null,
    keysCursor: START,
    helpCursor: START,
    typing: null,
    dialogs: [],
    nextDialog: 1,
    notice: null,
  };
}
