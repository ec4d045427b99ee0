import type { Line } from "../text.ts";

/** A line of a dialog, and what a click on it means. */
export interface Row {
  readonly line: Line;
  readonly field?: number;
  readonly row?: number;
}
