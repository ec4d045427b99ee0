import type { Sample } from "../../src/control/protocol.ts";
import { graph, graphTop, rateText, spanText } from "../format.ts";
import type { Frame } from "../frame.ts";
import { type Colour, ends, type Line, sized, span } from "../text.ts";

/** How much time a graph shows, at least. */
const GRAPH_SECONDS = 300;
const LABEL = 11;
/** Between two marks of time, in columns, at least. */
const MARK_COLUMNS = 9;

export interface Curve {
  readonly title: string;
  readonly fg: Colour;
  of(sample: Sample): number;
}

/** How much time is shown, and how much of it in a column. */
interface Scale {
  readonly columns: number;
  readonly seconds: number;
}

function scaleOf(frame: Frame): Scale {
  const columns = frame.columns - 2 - LABEL;
  return { columns, seconds: Math.ceil(GRAPH_SECONDS / columns) };
}

/** A title and `rows` of columns. */
export function drawGraph(
  frame: Frame,
  y: number,
  rows: number,
  { title, fg, of }: Curve,
  samples: readonly Sample[],
): void {
  const { columns, seconds } = scaleOf(frame);
  const values = buckets(samples, of, columns, seconds);
  const now = samples.at(-1);
  const peak = Math.max(0, ...values);
  const top = graphTop(values);
  const text = `${title} ${rateText(now === undefined ? 0 : of(now))}`;
  const where = peak > top ? " at ▲" : "";
  const shown = `last ${spanText(seconds * columns * 1000)}, highest ${rateText(peak)}${where}`;
  const head = ends([span(text, { bold: true })], [span(shown)], frame.columns - 2);
  frame.put(1, y, head, frame.columns - 2);
  graph(values, rows, top).forEach((line, at) => {
    const label = at === 0 ? rateText(top) : at === rows - 1 ? "0 B/s" : "";
    const whole = at === 0 ? withArrows(line, values, top) : line;
    frame.put(1, y + 1 + at, [
      span(`${sized(label, LABEL - 1, "right")}▕`),
      span(whole.padStart(columns), { fg }),
    ]);
  });
}

/** What is higher than the graph ends in an arrow. */
function withArrows(line: string, values: readonly number[], top: number): string {
  return [...line].map((ch, at) => ((values[at] ?? 0) > top ? "▲" : ch)).join("");
}

/** A line below the graphs: how long ago a column was. */
export function timeMarks(frame: Frame): Line {
  const { columns, seconds } = scaleOf(frame);
  const step = [60, 120, 300, 600].find((one) => one / seconds >= MARK_COLUMNS) ?? 600;
  let line = "now".padStart(columns);
  for (let ago = step; ; ago += step) {
    // The mark stands below the column that it means.
    const text = `-${ago / 60}m┘`;
    const end = columns - Math.round(ago / seconds);
    if (end < text.length) break;
    line = line.slice(0, end - text.length) + text + line.slice(end);
  }
  return [span(" ".repeat(LABEL)), span(line)];
}

/** Means over so many seconds each, on whole multiples, so that bars don't change as they move. */
function buckets(
  samples: readonly Sample[],
  of: (sample: Sample) => number,
  columns: number,
  seconds: number,
): number[] {
  const found = new Map<number, { sum: number; count: number }>();
  for (const sample of samples) {
    const at = Math.floor(sample.at / 1000 / seconds);
    const { sum, count } = found.get(at) ?? { sum: 0, count: 0 };
    found.set(at, { sum: sum + of(sample), count: count + 1 });
  }
  const last = Math.max(0, ...found.keys());
  return Array.from({ length: columns }, (_, at) => {
    const { sum, count } = found.get(last - columns + 1 + at) ?? { sum: 0, count: 1 };
    return sum / count;
  });
}
