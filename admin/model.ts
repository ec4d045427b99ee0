import type {
  ControlMethods,
  ControlTopics,
  FolderInfo,
  GroupInfo,
  HostKeyInfo,
  LogFilter,
  LogPage,
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
import type { Dialog } from "./dialog-model.ts";
import type { Target } from "./frame.ts";
import type { Input } from "./input.ts";

export type * from "./dialog-model.ts";

export const VIEWS = [
  "overview",
  "users",
  "groups",
  "folders",
  "sessions",
  "transfers",
  "log",
  "security",
  "settings",
  "help",
] as const;

/** The key of each view. */
export const VIEW_KEYS: readonly string[] = VIEWS.map((_, at) => String((at + 1) % 10));

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
  /** true while the whole text is selected, so that what is typed replaces it */
  readonly selected?: true;
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
  /** names of those that are changed together, whether they are on the page or not */
  readonly marked: ReadonlySet<string>;
}

/** A list that control gives whole, with a filter of its own. */
export interface ListModel {
  readonly cursor: Cursor;
  readonly filter: string;
}

/** Such a list that can be sorted by its columns. */
export interface TableModel extends ListModel {
  /** the number of the column */
  readonly sort: number;
  readonly descending: boolean;
}

export interface LogModel {
  readonly cursor: Cursor;
  readonly filter: LogFilterModel;
  /** when the filter was set: what `back` and `until` count from */
  readonly asked: number;
  /** counts the filters, so that the same one can be asked for anew */
  readonly serial: number;
  readonly follow: boolean;
  /** oldest first, at most {@link MAX_LINES} */
  readonly lines: readonly LogLine[];
  /** how many records fit; null: not known yet */
  readonly count: number | null;
  /** where older lines go on; null: there are none */
  readonly next: LogPlace | null;
  /** records that came while the newest lines were asked for */
  readonly waiting: readonly AuditRecord[];
  readonly stage: LogStage;
  readonly loaded: boolean;
}

/**
 * "new": what is new is not followed yet; "followed": it is, and the lines are to be asked for;
 * "asking": they are; "older": so are older ones; "ready": nothing is under way.
 */
export type LogStage = "new" | "followed" | "asking" | "older" | "ready";

export type LogLine = LogPage["lines"][number];
export type LogPlace = NonNullable<LogPage["next"]>;
export type LogGroup = NonNullable<LogFilter["groups"]>[number];

/** What of the log is shown; empty: all. */
export interface LogFilterModel {
  readonly user: string;
  readonly actor: string;
  readonly address: string;
  /** a pattern of whole paths */
  readonly path: string;
  readonly group: LogGroup | "";
  readonly kind: AuditKind | "";
  /** anywhere in a record */
  readonly text: string;
  /** how far back, milliseconds; 0: all */
  readonly back: number;
  /** what is newer than so long ago is left out, milliseconds; 0: nothing is */
  readonly until: number;
}

export const ALL_OF_LOG: LogFilterModel = {
  user: "",
  actor: "",
  address: "",
  path: "",
  group: "",
  kind: "",
  text: "",
  back: 0,
  until: 0,
};

export const MAX_LINES = 5000;

export interface Notice {
  readonly kind: "done" | "error";
  readonly text: string;
  readonly since: number;
  readonly until: number;
}

export type Link =
  | { readonly up: true }
  | { readonly up: false; readonly reason: string; readonly since: number };

/** What was looked at before: where Esc goes back to. */
export interface Place {
  readonly view: ViewName;
  readonly dialogs: readonly Dialog[];
  readonly sessions: ListModel;
  readonly transfers: ListModel;
  readonly log: LogModel;
}

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
  /** from where a list about somebody was opened, the last at the end */
  readonly trail: readonly Place[];
  /** filters of the views that have no list model of their own */
  readonly filters: Readonly<Partial<Record<ViewName, string>>>;
  /** rows that are changed together, by what each is known by; of users see {@link UsersModel} */
  readonly marks: Readonly<Partial<Record<ViewName, ReadonlySet<string>>>>;
  readonly overview: Overview | null;
  readonly users: UsersModel;
  readonly groupList: readonly GroupInfo[] | null;
  readonly groups: TableModel;
  readonly folderList: readonly FolderInfo[] | null;
  readonly folders: TableModel;
  readonly sessionList: readonly SessionInfo[] | null;
  readonly sessions: ListModel;
  readonly transfers: ListModel;
  readonly log: LogModel;
  readonly security: Security | null;
  readonly securityCursor: Cursor;
  readonly hostKeys: readonly HostKeyInfo[] | null;
  readonly settings: readonly SettingInfo[] | null;
  readonly settingsCursor: Cursor;
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

/** Several calls, one after the other; what one comes to is told as a {@link CallDone}. */
export interface CallsEffect {
  readonly kind: "calls";
  readonly title: string;
  readonly calls: readonly NamedCall[];
  /** of the batch, which shows how far they are */
  readonly dialog: number;
  /** how it is told that all were done */
  readonly notice: string;
}

export interface NamedCall {
  /** whom or what it is about */
  readonly what: string;
  readonly call: CallEffect;
}

export type Effect =
  | CallEffect
  | CallsEffect
  /** leaves what is left of the batch */
  | { readonly kind: "stop-calls"; readonly dialog: number }
  | { readonly kind: "read-key"; readonly path: string; readonly dialog: number }
  | { readonly kind: "shell"; readonly user: string }
  /** into the clipboard of the terminal, where it allows that */
  | { readonly kind: "copy"; readonly text: string }
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

/** One call of a batch was done, or failed. */
export interface CallDone {
  readonly type: "call-done";
  readonly dialog: number;
  readonly call: NamedCall;
  /** null: it was done */
  readonly why: string | null;
}

export type Message =
  | Input
  | { readonly type: "target"; readonly target: Target }
  | { readonly type: "resize"; readonly columns: number; readonly rows: number }
  | { readonly type: "tick"; readonly now: number }
  | { readonly type: "lost"; readonly reason: string }
  | { readonly type: "found" }
  | DataMessage
  | ResultMessage
  | CallDone
  | { readonly type: "calls-ended"; readonly dialog: number }
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
  const table: TableModel = { ...list, sort: 0, descending: false };
  return {
    from: "",
    ...beginning,
    link: { up: true },
    view: "overview",
    back: "overview",
    trail: [],
    filters: {},
    marks: {},
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
      marked: new Set(),
    },
    groupList: null,
    groups: table,
    folderList: null,
    folders: table,
    sessionList: null,
    sessions: list,
    transfers: list,
    log: {
      cursor: START,
      filter: ALL_OF_LOG,
      asked: beginning.now,
      serial: 0,
      follow: true,
      lines: [],
      count: null,
      next: null,
      waiting: [],
      stage: "new",
      loaded: false,
    },
    security: null,
    securityCursor: START,
    hostKeys: null,
    settings: null,
    settingsCursor: START,
    helpCursor: START,
    typing: null,
    dialogs: [],
    nextDialog: 1,
    notice: null,
  };
}
