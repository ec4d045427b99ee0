import type { Model, PageDialog } from "../model.ts";
import { pageHeight } from "../page-cursor.ts";
import { LABEL, type PageRow } from "../page-parts.ts";
import { pageRows } from "../page-rows.ts";
import {
  bold,
  clipStart,
  type Line,
  padLine,
  safe,
  selected,
  sized,
  span,
  textWidth,
} from "../text.ts";
import { quotaBar } from "./parts.ts";
import type { Row } from "./rows.ts";

/** Of a column of items, in characters: no single long one may push the others out. */
const MOST_WIDE = 30;
/** In a wide terminal a cell may take one part of a row in so many. */
const MOST_PART = 3;
/** Of the last of two columns, at least: a key's fingerprint is told whole. */
const LAST_WIDE = 22;

/** The rows of a page that are in sight, its items as rows to be clicked. */
export function pageLines(model: Model, page: PageDialog, inside: number): Row[] {
  const rows = pageRows(model, page);
  const wide = columnWidths(rows, inside);
  let item = -1;
  const lines = rows.map((row, at): Row => {
    if (row.kind !== "item") return { line: lineOf(row) };
    item += 1;
    const line = padLine(itemLine(row, wide[at] ?? [], inside), inside);
    return { line: item === page.cursor.index ? selected(line) : line, row: item };
  });
  const end = page.cursor.top + pageHeight(model);
  const below = lines.length - end;
  const more: Row = { line: below > 0 ? [span(`▼ ${below} more below`)] : [] };
  return [...lines.slice(page.cursor.top, end), more];
}

/** Of each row those of its section: what stands together has the same columns. */
function columnWidths(rows: readonly PageRow[], inside: number): readonly (readonly number[])[] {
  const all: (readonly number[])[] = [];
  for (let at = 0; at < rows.length; ) {
    const row = rows[at];
    if (row?.kind !== "item") {
      all.push([]);
      at += 1;
      continue;
    }
    const section: (readonly string[])[] = [];
    for (let end = at; end < rows.length; end++) {
      const one = rows[end];
      if (one?.kind !== "item") break;
      section.push(one.cells);
    }
    const many = Math.max(MOST_WIDE, Math.floor(inside / MOST_PART));
    const most = row.cells.length === 2 ? inside - LAST_WIDE : many;
    const wide = row.cells.map((_, column) =>
      Math.min(most, Math.max(...section.map((cells) => textWidth(safe(cells[column] ?? ""))))),
    );
    all.push(...section.map(() => wide));
    at += section.length;
  }
  return all;
}

/** A row. Its last cell takes the room that is left. A path is cut at its start, because its end tells most. */
function itemLine({ item, cells }: ItemRow, wide: readonly number[], inside: number): Line {
  const texts = cells.slice(0, -1).map((cell, at) => `${sized(cell, wide[at] ?? 0)}  `);
  const before = `  ${texts.join("")}`;
  const last = safe(cells.at(-1) ?? "");
  const isPath = item.kind === "transfer" || item.kind === "trashed";
  return [span(before), span(isPath ? clipStart(last, inside - textWidth(before)) : last)];
}

type ItemRow = Extract<PageRow, { kind: "item" }>;

function lineOf(row: Exclude<PageRow, { kind: "item" }>): Line {
  switch (row.kind) {
    case "blank":
      return [];
    case "loading":
      return [span("Loading …")];
    case "title":
      return row.more === ""
        ? [bold(row.text)]
        : [span(sized(row.text, LABEL), { bold: true }), span(row.more)];
    case "fact":
      return [
        span(sized(row.label, LABEL)),
        bold(row.value),
        span(row.more === "" ? "" : ` ${row.more}`),
        ...(row.part === undefined ? [] : [span("  "), ...quotaBar(row.part, 18)]),
      ];
  }
}
