import { rateText, spanText } from "../format.ts";
import { Frame } from "../frame.ts";
import { tooSmall } from "../lists.ts";
import { MIN_COLUMNS, MIN_ROWS, type Model, VIEW_KEYS, VIEWS, type ViewName } from "../model.ts";
import { bold, clip, ends, type Line, padLine, restyle, safe, span, wrap } from "../text.ts";
import { drawDialog } from "./dialogs.ts";
import { always, type Hint, hintsOf, hintWidth, keyName } from "./hints.ts";
import { drawLog } from "./log.ts";
import { drawOverview } from "./overview.ts";
import { drawSecurity } from "./security.ts";
import { drawSessions, drawTransfers } from "./sessions.ts";
import { drawSettings } from "./settings.ts";
import { drawFolders, drawGroups } from "./team.ts";
import { drawHelp } from "./text-views.ts";
import { drawUsers } from "./users.ts";

const DRAW: Readonly<Record<ViewName, (frame: Frame, model: Model) => void>> = {
  overview: drawOverview,
  users: drawUsers,
  groups: drawGroups,
  folders: drawFolders,
  sessions: drawSessions,
  transfers: drawTransfers,
  log: drawLog,
  security: drawSecurity,
  settings: drawSettings,
  help: drawHelp,
};

/** The whole picture. Pure: the same model gives the same frame. */
export function draw(model: Model): Frame {
  const frame = new Frame(model.columns, model.rows);
  if (tooSmall(model)) {
    drawTooSmall(frame, model);
    return frame;
  }
  drawTitle(frame, model);
  drawTabs(frame, model);
  DRAW[model.view](frame, model);
  drawNotice(frame, model);
  // A dialog shows its own keys. Until it is closed, those of the view do nothing.
  if (model.dialogs.length === 0) drawHints(frame, model);
  for (const dialog of model.dialogs.slice(-1)) drawDialog(frame, model, dialog);
  return frame;
}

function drawTooSmall(frame: Frame, { columns, rows }: Model): void {
  const text = `This terminal has ${columns}x${rows} characters; the admin screen needs ${MIN_COLUMNS}x${MIN_ROWS}. Make it larger, or press q to leave.`;
  wrap(text, Math.max(1, columns)).forEach((line, at) => {
    frame.put(0, at, [bold(line)]);
  });
}

function drawTitle(frame: Frame, { overview, who, columns }: Model): void {
  const style = { reverse: true };
  const left: Line = [
    span(" Moorage"),
    span(overview === null ? "" : ` ${overview.version}`),
    span(overview === null || columns < 100 ? "" : `  ${overview.listen}`),
  ];
  const last = overview?.samples.at(-1);
  const rates =
    overview === null
      ? ""
      : `↑ ${rateText(last?.bytesIn ?? 0)}  ↓ ${rateText(last?.bytesOut ?? 0)}  ${overview.sessions.active}/${overview.sessions.max} sessions  `;
  const right = [span(rates), span(`${clip(safe(who), 24)} `)];
  frame.put(0, 0, padLine(restyle(ends(left, right, columns), style), columns, style));
}

/** The titles of the views, with room between them if they fit; else without it; else with some shortened. */
function tabTexts(columns: number): { readonly texts: readonly string[]; readonly gap: number } {
  const texts: string[] = VIEWS.map((name) => `${name[0]?.toUpperCase()}${name.slice(1)}`);
  const width = () => texts.reduce((sum, text) => sum + KEY_WIDTH + text.length, 1);
  const gaps = texts.length - 1;
  if (width() + 2 * gaps <= columns) return { texts, gap: 2 };
  for (const [long, short] of SHORT_TABS) {
    if (width() + gaps <= columns) break;
    texts[texts.indexOf(long)] = short;
  }
  return { texts, gap: 1 };
}

/** The columns of a view's key and of the space behind it. */
const KEY_WIDTH = 2;

/** The titles that are shortened, in this order, until all fit into the terminal. */
const SHORT_TABS = [
  ["Security", "Sec"],
  ["Transfers", "Trans"],
  ["Overview", "Over"],
  ["Sessions", "Sess"],
] as const;

function drawTabs(frame: Frame, { view, columns }: Model): void {
  const { texts, gap } = tabTexts(columns);
  let x = 1;
  VIEWS.forEach((name, at) => {
    const text = `${VIEW_KEYS[at]} ${texts[at]}`;
    frame.put(x, 1, [span(text, name === view ? { bold: true, reverse: true } : {})]);
    frame.click(x, 1, text.length, 1, { kind: "key", key: VIEW_KEYS[at] ?? "" });
    x += text.length + gap;
  });
}

/** The line above the keys: that the server is gone, else what was done last. */
function drawNotice(frame: Frame, { link, notice, now, overview, rows, columns }: Model): void {
  const y = rows - 2;
  if (!link.up) {
    const text = ` The server went away ${spanText(now - link.since)} ago (${link.reason}); trying again …`;
    const style = { reverse: true, bold: true, fg: "red" } as const;
    frame.put(0, y, padLine([span(clip(safe(text), columns), style)], columns, style));
  } else if (notice !== null) {
    const style = notice.kind === "error" ? ({ fg: "red", bold: true } as const) : { bold: true };
    const mark = notice.kind === "error" ? "! " : "";
    frame.put(1, y, [span(clip(safe(`${mark}${notice.text}`), columns - 2), style)]);
  } else if (overview?.stopping === true) {
    frame.put(1, y, [span("The server is stopping: no new sessions.", { fg: "red", bold: true })]);
  }
}

function drawHints(frame: Frame, model: Model): void {
  const { typing, columns, rows } = model;
  const fixed = always(model);
  // What doesn't fit is left out, but never how to get help.
  const room = columns - fixed.reduce((sum, hint) => sum + hintWidth(hint) + 2, 0);
  let x = 1;
  const put = (hint: Hint): void => {
    const [key, label] = hint;
    frame.put(x, rows - 1, [span(keyName(key), { bold: true, reverse: true }), span(` ${label}`)]);
    frame.click(x, rows - 1, hintWidth(hint), 1, { kind: "key", key });
    x += hintWidth(hint) + 2;
  };
  for (const hint of hintsOf(model)) {
    if (x + hintWidth(hint) <= room) put(hint);
  }
  if (typing === null) fixed.forEach(put);
}
