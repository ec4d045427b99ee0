import { bar, percentText } from "../format.ts";
import type { BatchDialog, ChecklistDialog, Model } from "../model.ts";
import { bold, sized, span, wrap } from "../text.ts";
import { checklistRows } from "../update/checklist.ts";
import type { Row } from "./rows.ts";

/** Failures that are told one by one; of more, only how many. */
const MOST_FAILURES = 10;

export function batchRows({ total, done, failures, stopping, ended }: BatchDialog, inside: number) {
  const part = total === 0 ? 1 : done / total;
  const good = done - failures.length;
  const state = ended ? (done < total ? `, ${total - done} left as they were` : "") : "";
  const rows: Row[] = [
    { line: [span(bar(part, inside - 6), { fg: "cyan" }), span(percentText(part).padStart(6))] },
    {
      line: [
        bold(`${good} of ${total}`),
        span(` done${state}`),
        span(failures.length === 0 ? "" : `, ${failures.length} failed`, { bold: true, fg: "red" }),
        span(stopping && !ended ? "  stopping …" : ""),
      ],
    },
    { line: [] },
  ];
  const more = failures.length - MOST_FAILURES;
  return [
    ...rows,
    ...failures
      .slice(0, MOST_FAILURES)
      .flatMap(({ what, why }) => wrap(`${what}: ${why}`, inside))
      .map((line): Row => ({ line: [span(line)] })),
    ...(more > 0 ? [{ line: [span(`and ${more} more`)] }] : []),
    ...(failures.length > 0 ? [{ line: [] }] : []),
  ];
}

export function checklistLines(model: Model, dialog: ChecklistDialog, inside: number): Row[] {
  const { names, checked, cursor } = dialog;
  if (names === null) return [{ line: [span("Loading …")] }, { line: [] }];
  if (names.length === 0) return [{ line: [span("There are no groups yet.")] }, { line: [] }];
  const rows = names.slice(cursor.top, cursor.top + checklistRows(model)).map((name, at): Row => {
    const index = cursor.top + at;
    const mark = checked.includes(name) ? "[x]" : "[ ]";
    const text = sized(`${mark} ${name}`, inside);
    return { line: [span(text, { reverse: index === cursor.index })], row: index };
  });
  return [...rows, { line: [] }];
}
