import { limitTexts } from "../../src/auth/login-limits-text.ts";
import { dateText } from "../../src/text/figures.ts";
import { agoText, bar, percentText, share, sizeText } from "../format.ts";
import type { Frame } from "../frame.ts";
import type {
  ConfirmDialog,
  Dialog,
  Field,
  FormDialog,
  InfoDialog,
  Model,
  RescanDialog,
  UserDialog,
} from "../model.ts";
import { roundQuota } from "../quota.ts";
import { bold, clip, type Line, padLine, safe, sized, span, wrap } from "../text.ts";
import { KEY_ROWS } from "../update/dialog-keys.ts";
import { quotaBar } from "./parts.ts";
import { editorLine } from "./summary.ts";

const WIDTH = 72;
const LABEL = 14;

/** A line of a dialog, and what a click on it means. */
interface Row {
  readonly line: Line;
  readonly field?: number;
  readonly row?: number;
}

/** A button: its key, and what it does. */
type Button = readonly [key: string, label: string];

/** Draws a dialog in the middle, above all else. */
export function drawDialog(frame: Frame, model: Model, dialog: Dialog): void {
  const inside = Math.min(WIDTH, frame.columns - 6);
  const body = bodyOf(model, dialog, inside);
  const error = dialog.error === "" ? [] : [...wrap(dialog.error, inside), ""];
  const most = frame.rows - 5 - error.length;
  const rows = body.slice(0, most);
  const height = rows.length + error.length + 3;
  const x = Math.floor((frame.columns - inside - 4) / 2);
  const y = Math.max(1, Math.floor((frame.rows - height) / 2));
  frame.cover();
  drawBox(frame, x, y, inside + 4, height, dialog.title);
  rows.forEach(({ line, field, row }, at) => {
    frame.put(x + 2, y + 1 + at, padLine(line, inside), inside);
    if (field !== undefined) {
      frame.click(x + 2, y + 1 + at, inside, 1, { kind: "field", index: field });
    }
    if (row !== undefined) frame.click(x + 2, y + 1 + at, inside, 1, { kind: "row", index: row });
  });
  error.forEach((text, at) => {
    frame.put(x + 2, y + 1 + rows.length + at, [span(text, { fg: "red", bold: true })], inside);
  });
  drawButtons(frame, x + 2, y + height - 2, buttonsOf(dialog), dialog.busy);
}

function drawBox(
  frame: Frame,
  x: number,
  y: number,
  width: number,
  height: number,
  title: string,
): void {
  const name = clip(safe(title), width - 6);
  const head: Line = [span("┌─ "), bold(name), span(" ")];
  const rest = width - 2 - 3 - [...head].slice(1).reduce((sum, one) => sum + fitWidth(one.text), 0);
  frame.put(x, y, [...head, span(`${"─".repeat(Math.max(0, rest + 1))}┐`)], width);
  for (let at = 1; at < height - 1; at++) {
    frame.put(x, y + at, [span(`│${" ".repeat(width - 2)}│`)], width);
  }
  frame.put(x, y + height - 1, [span(`└${"─".repeat(width - 2)}┘`)], width);
}

function drawButtons(
  frame: Frame,
  x: number,
  y: number,
  buttons: readonly Button[],
  busy: boolean,
): void {
  if (busy) {
    frame.put(x, y, [span("One moment …", { bold: true })]);
    return;
  }
  let at = x;
  for (const [key, label] of buttons) {
    const text = ` ${keyName(key)} ${label} `;
    frame.put(at, y, [span(text, { reverse: true })]);
    frame.click(at, y, fitWidth(text), 1, { kind: "key", key });
    at += fitWidth(text) + 2;
  }
}

const KEY_NAMES: Readonly<Record<string, string>> = { enter: "Enter", escape: "Esc" };

function keyName(key: string): string {
  return KEY_NAMES[key] ?? key;
}

function fitWidth(text: string): number {
  return [...text].length;
}

function buttonsOf(dialog: Dialog): readonly Button[] {
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
    case "user":
      return [
        ["e", "edit"],
        ["p", "password"],
        ["i", "add key"],
        ["x", "remove key"],
        ["escape", "close"],
      ];
    case "rescan":
      return [["escape", dialog.done ? "close" : "go on without watching"]];
    case "info":
      return [["enter", "close"]];
  }
}

function bodyOf(model: Model, dialog: Dialog, inside: number): Row[] {
  switch (dialog.kind) {
    case "form":
      return formRows(dialog, inside);
    case "confirm":
      return confirmRows(dialog, inside);
    case "info":
      return infoRows(dialog, inside);
    case "user":
      return userRows(model, dialog, inside);
    case "rescan":
      return rescanRows(dialog, inside);
  }
}

function plain(text: string, inside: number): Row[] {
  return text === "" ? [] : wrap(text, inside).map((line) => ({ line: [span(line)] }));
}

function formRows({ text, fields, focus }: FormDialog, inside: number): Row[] {
  const above = plain(text, inside);
  return [
    ...above,
    ...(above.length === 0 ? [] : [{ line: [] }]),
    ...fields.map((field, at) => ({ line: fieldLine(field, at === focus, inside), field: at })),
    { line: [] },
  ];
}

function fieldLine(field: Field, focused: boolean, inside: number): Line {
  const label = span(`${focused ? "›" : " "} ${sized(field.label, LABEL)} `, { bold: focused });
  if (field.kind === "choice") return [label, ...choiceLine(field, focused)];
  const columns = Math.min(40, Math.max(10, inside - LABEL - 3 - field.hint.length - 2));
  const text =
    field.kind === "secret" ? "•".repeat([...field.editor.text].length) : field.editor.text;
  const value = focused
    ? editorLine(field.editor, columns, field.kind === "secret")
    : [span(sized(text, columns), { underline: true })];
  return [label, ...value, span(`  ${field.hint}`)];
}

/** All the options where there are few of them, else the chosen one. */
function choiceLine({ options, editor }: Field, focused: boolean): Line {
  if (options.length > 3) {
    return [span("‹ "), span(editor.text, { bold: true, reverse: focused }), span(" ›")];
  }
  return options.flatMap((option) => {
    const chosen = option === editor.text;
    return [
      span(chosen ? "(•) " : "( ) "),
      span(option, { bold: chosen, reverse: chosen && focused }),
      span("  "),
    ];
  });
}

function confirmRows({ text }: ConfirmDialog, inside: number): Row[] {
  return [...plain(text, inside), { line: [] }];
}

function infoRows({ lines, secret }: InfoDialog, inside: number): Row[] {
  const wide = Math.max(0, ...lines.map(([name]) => name.length));
  const rows = lines.flatMap(([name, value]) =>
    wrap(value, inside - wide - 2).map((text, at) => ({
      line: [span(`${sized(at === 0 ? name : "", wide)}${wide === 0 ? "" : "  "}`), bold(text)],
    })),
  );
  const shown = secret === "" ? [] : [{ line: [] }, { line: [span("  "), bold(secret)] }];
  return [...rows, ...shown, { line: [] }];
}

function userRows({ now }: Model, { user, keys, cursor }: UserDialog, inside: number): Row[] {
  if (user === null) return [{ line: [span("Loading …")] }, { line: [] }];
  const { usedBytes, quotaBytes, quotaFiles, files } = user;
  const part = share(usedBytes, quotaBytes);
  const most = user.maxSessions;
  // How many sessions stands where their number does, and rates nowhere: it must fit in 24 lines.
  const elsewhere = { maxSessions: null, uploadRate: null, downloadRate: null };
  const limits = limitTexts({ ...user, ...elsewhere }, now);
  const login = user.lastLoginAt === null ? "" : ` (${agoText(user.lastLoginAt, now)})`;
  const pair = (name: string, ...value: Line): Row => ({
    line: [span(sized(name, LABEL)), ...value],
  });
  return [
    pair("Role", bold(user.role)),
    pair("State", bold(user.enabled ? "enabled" : "disabled")),
    pair("Password", bold(user.hasPassword ? "set" : "none: keys only")),
    pair(
      "Stored",
      bold(sizeText(usedBytes)),
      span(` of ${roundQuota(quotaBytes)}  `),
      ...quotaBar(part, 18),
    ),
    pair("Files", bold(String(files)), span(quotaFiles === null ? "" : ` of ${quotaFiles}`)),
    pair("Sessions", bold(String(user.sessions)), span(most === null ? "" : ` of ${most}`)),
    pair("Last login", bold(dateText(user.lastLoginAt)), span(login)),
    pair("Created", bold(dateText(user.createdAt))),
    ...limits.map(([name, text]) => pair(name, bold(sized(text, inside - LABEL).trimEnd()))),
    { line: [] },
    {
      line: [
        span(keys.length === 0 ? "No public keys." : `Public keys (${keys.length})`, {
          bold: true,
        }),
      ],
    },
    ...keyRows(keys, cursor.index, cursor.top, inside),
    { line: [] },
  ];
}

function keyRows(keys: UserDialog["keys"], index: number, top: number, inside: number): Row[] {
  return keys.slice(top, top + KEY_ROWS).map(({ fingerprint, algorithm, comment }, at) => {
    const selected = top + at === index;
    const text = sized(`${fingerprint} ${comment === "" ? algorithm : comment}`, inside);
    return { line: [span(text, { reverse: selected })], row: top + at };
  });
}

function rescanRows({ files, bytes, expected, done }: RescanDialog, inside: number): Row[] {
  const part = done ? 1 : expected === 0 ? 0 : Math.min(0.99, files / expected);
  return [
    { line: [span(bar(part, inside - 6), { fg: "cyan" }), span(percentText(part).padStart(6))] },
    {
      line: [bold(`${files}`), span(" files, "), bold(sizeText(bytes)), span(done ? "  done" : "")],
    },
    { line: [] },
  ];
}
