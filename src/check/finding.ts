export type Level = "ok" | "warning" | "error";

/** What a check has found. */
export interface Finding {
  /** what was looked at: "database", "keys", … */
  readonly area: string;
  readonly level: Level;
  readonly text: string;
  /** what to do about it; empty where there is nothing to do */
  readonly todo: string;
}

/** Collects what is found in one area. */
export class Findings {
  readonly #area: string;
  readonly all: Finding[] = [];

  constructor(area: string) {
    this.#area = area;
  }

  ok(text: string): void {
    this.#add("ok", text, "");
  }

  warning(text: string, todo: string): void {
    this.#add("warning", text, todo);
  }

  error(text: string, todo: string): void {
    this.#add("error", text, todo);
  }

  #add(level: Level, text: string, todo: string): void {
    this.all.push({ area: this.#area, level, text, todo });
  }
}

const SHOWN = 3;

/** "a, b, c and 4 more" */
export function some(names: readonly string[]): string {
  const shown = names.slice(0, SHOWN).join(", ");
  return names.length > SHOWN ? `${shown} and ${names.length - SHOWN} more` : shown;
}
