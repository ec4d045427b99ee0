import type {
  AuthorityInfo,
  CountingRule,
  KeyInfo,
  ReceiverInfo,
  RevocationInfo,
  SessionInfo,
  ShareInfo,
  TransferView,
  TrashedInfo,
} from "../src/control/protocol.ts";
import type { AuditRecord } from "../src/store/types.ts";
import { safe, textWidth, wrap } from "./text.ts";

/** What pages are made of. */

/** Something on a page that can be selected. */
export type PageItem =
  | { readonly kind: "key"; readonly key: KeyInfo }
  | { readonly kind: "group"; readonly name: string }
  | { readonly kind: "member"; readonly name: string }
  | { readonly kind: "folder"; readonly rule: CountingRule & { readonly folder: string } }
  | { readonly kind: "rule"; readonly rule: CountingRule }
  | { readonly kind: "share"; readonly share: ShareInfo }
  | { readonly kind: "session"; readonly session: SessionInfo }
  | { readonly kind: "day" }
  | { readonly kind: "transfer"; readonly transfer: TransferView }
  | { readonly kind: "record"; readonly record: AuditRecord }
  | { readonly kind: "trashed"; readonly file: TrashedInfo }
  | { readonly kind: "authority"; readonly authority: AuthorityInfo }
  | { readonly kind: "revocation"; readonly revocation: RevocationInfo }
  | { readonly kind: "receiver"; readonly receiver: ReceiverInfo }
  /** asks for what follows */
  | { readonly kind: "more" };

export type PageRow =
  | { readonly kind: "blank" }
  | { readonly kind: "loading" }
  | { readonly kind: "title"; readonly text: string; readonly more: string }
  | {
      readonly kind: "fact";
      readonly label: string;
      readonly value: string;
      readonly more: string;
      /** of a quota, from 0 on; null: no quota; absent: it is about none */
      readonly part?: number | null;
    }
  /** cells of one section have the same columns */
  | { readonly kind: "item"; readonly item: PageItem; readonly cells: readonly string[] };

export function pageItems(rows: readonly PageRow[]): readonly PageItem[] {
  return rows.flatMap((row) => (row.kind === "item" ? [row.item] : []));
}

/** The columns inside the frame of a page. It is wider than other dialogs because it has tables. */
export function pageRoom({ columns }: { readonly columns: number }): number {
  return Math.min(140, columns - 6);
}

/** The columns of a fact's label: those of the longest, "Last transfers", and a space. */
export const LABEL = 15;

/** A fact in as many rows as its text takes. */
export function wrapped(row: Fact, room: number): readonly Fact[] {
  const { label, value, more, part } = row;
  const width = room - LABEL;
  const whole = more === "" ? value : `${value} ${more}`;
  if (part !== undefined || textWidth(safe(whole)) <= width) return [row];
  const lines = wrap(value, width).map((line, at) => fact(at === 0 ? label : "", line));
  const last = lines.at(-1) as Fact;
  const fits = textWidth(last.value) + 1 + textWidth(safe(more)) <= width;
  return fits ? [...lines.slice(0, -1), { ...last, more }] : [...lines, fact("", more)];
}

export type Fact = Extract<PageRow, { kind: "fact" }>;

export function fact(label: string, value: string, more = ""): Fact {
  return { kind: "fact", label, value, more };
}

/** A title and its items; where there are none, that in one row. */
export function section<T>(
  text: string,
  none: string,
  all: readonly T[],
  row: (one: T) => { readonly item: PageItem; readonly cells: readonly string[] },
): readonly PageRow[] {
  if (all.length === 0) return [{ kind: "title", text, more: none }];
  const title = { kind: "title", text: `${text} (${all.length})`, more: "" } as const;
  return [title, ...all.map((one) => ({ kind: "item", ...row(one) }) as const)];
}
