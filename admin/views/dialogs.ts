import { ACCESS_TEXTS, isAccessMode } from "../../src/access/modes.ts";
import { bar, percentText, sizeText } from "../format.ts";
import type { Frame } from "../frame.ts";
import type {
  ConfirmDialog,
  Dialog,
  Field,
  FormDialog,
  InfoDialog,
  Model,
  RescanDialog,
} from "../model.ts";
import { pageRoom } from "../page-parts.ts";
import { isPage } from "../pages.ts";
import {
  bold,
  clip,
  type Line,
  padLine,
  plural,
  safe,
  sized,
  span,
  textWidth,
  wrap,
} from "../text.ts";
import { batchRows, checklistLines } from "./batch.ts";
import { buttonsOf } from "./buttons.ts";
import { type Hint, keyName } from "./hints.ts";
import { pageLines } from "./pages.ts";
import type { Row } from "./rows.ts";
import { editorLine } from "./summary.ts";

const WIDTH = 72;
const LABEL = 14;

/** Draws a dialog in the middle, above all else. */
export function drawDialog(frame: Frame, model: Model, dialog: Dialog): void {
  const inside = isPage(dialog) ? pageRoom(frame) : Math.min(WIDTH, frame.columns - 6);
  const body = bodyOf(model, dialog, inside);
  const error = dialog.error === "" ? [] : [...wrap(dialog.error, inside), ""];
  const buttons = buttonLines(buttonsOf(model, dialog), inside);
  const most = frame.rows - 4 - buttons.length - error.length;
  const rows = fitting(body, most);
  const height = rows.length + error.length + 2 + buttons.length;
  const x = Math.floor((frame.columns - inside - 4) / 2);
  const y = Math.max(1, Math.floor((frame.rows - height) / 2));
  frame.cover();
  if (x <= MARGIN) clearRows(frame, y, height);
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
  drawButtons(frame, x + 2, y + height - 1 - buttons.length, buttons, dialog.busy);
}

/** The rows that there is room for. The fields of a form are kept, and a line tells how many others are not shown. */
function fitting(body: readonly Row[], most: number): readonly Row[] {
  if (body.length <= most) return body;
  const first = body.findIndex(({ field }) => field !== undefined);
  // Every body ends in a blank line above the buttons, which is kept.
  const end = first < 0 ? body.length - 1 : first;
  const kept = Math.max(0, end - (body.length - most) - 1);
  const left: Row = { line: [span(`… ${plural(end - kept, "more line")}`)] };
  return [...body.slice(0, kept), left, ...body.slice(end)].slice(0, most);
}

/** When the view has no more columns than this beside a dialog, they are blank: nobody could read them. */
const MARGIN = 4;

function clearRows(frame: Frame, y: number, height: number): void {
  const blank = [span(" ".repeat(frame.columns))];
  for (let at = 0; at < height; at++) frame.put(0, y + at, blank);
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
  const rest =
    width - 2 - 3 - [...head].slice(1).reduce((sum, one) => sum + textWidth(one.text), 0);
  frame.put(x, y, [...head, span(`${"─".repeat(Math.max(0, rest + 1))}┐`)], width);
  for (let at = 1; at < height - 1; at++) {
    frame.put(x, y + at, [span(`│${" ".repeat(width - 2)}│`)], width);
  }
  frame.put(x, y + height - 1, [span(`└${"─".repeat(width - 2)}┘`)], width);
}

/** Buttons that stand in one line, as many as fit; then those of the next. */
function buttonLines(buttons: readonly Hint[], inside: number): readonly (readonly Hint[])[] {
  const lines: Hint[][] = [[]];
  let used = 0;
  for (const button of buttons) {
    const width = textWidth(buttonText(button)) + 2;
    if (used > 0 && used + width - 2 > inside) {
      lines.push([]);
      used = 0;
    }
    lines.at(-1)?.push(button);
    used += width;
  }
  return lines;
}

function buttonText([key, label]: Hint): string {
  return ` ${keyName(key)} ${label} `;
}

function drawButtons(
  frame: Frame,
  x: number,
  y: number,
  lines: readonly (readonly Hint[])[],
  busy: boolean,
): void {
  if (busy) {
    frame.put(x, y, [span("One moment …", { bold: true })]);
    return;
  }
  lines.forEach((buttons, line) => {
    let at = x;
    for (const button of buttons) {
      const text = buttonText(button);
      const [key] = button;
      frame.put(at, y + line, [span(text, { reverse: true })]);
      frame.click(at, y + line, textWidth(text), 1, { kind: "key", key });
      at += textWidth(text) + 2;
    }
  });
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
    case "group":
    case "folder":
    case "session":
    case "totals":
    case "trash":
    case "records":
    case "authorities":
    case "receivers":
      return pageLines(model, dialog, inside);
    case "checklist":
      return checklistLines(model, dialog, inside);
    case "batch":
      return batchRows(dialog, inside);
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
    ...meaning(fields, inside),
  ];
}

/** What the chosen mode of access lets somebody do. */
function meaning(fields: readonly Field[], inside: number): Row[] {
  const mode = fields.find(({ name }) => name === "access")?.editor.text ?? "";
  return isAccessMode(mode) ? [...plain(ACCESS_TEXTS[mode], inside), { line: [] }] : [];
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
