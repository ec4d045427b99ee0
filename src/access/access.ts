import { type AccessMode, RIGHTS, type Rights, together } from "./modes.ts";

/** Where a rule comes from, the one that counts first at the same path. */
export const RULE_SOURCES = ["user", "share", "group", "group-share"] as const;

export type RuleSource = (typeof RULE_SOURCES)[number];

/** What a user may do at a path and below. */
export interface Rule {
  /** normalised path in the user's tree, one char per byte */
  readonly path: string;
  readonly access: AccessMode;
  readonly source: RuleSource;
  /** the user, or the group with an "@" */
  readonly of: string;
  /** the folder that is shared there, with an "@" */
  readonly folder?: string;
}

/** What counts at a path. */
export interface Verdict {
  /** undefined: no rule, so all is allowed: the home is the user's own */
  readonly path: string | undefined;
  readonly access: AccessMode;
  /** that decide; more than one where several groups have rules for the same path */
  readonly rules: readonly Rule[];
}

const OWN_HOME: Verdict = { path: undefined, access: "full", rules: [] };

/**
 * What a user may do where: the rule of the longest path counts; of several for one path the user's
 * own, then a share's with the user, then what all groups allow together. Pure: it knows paths, and
 * is asked for resolved ones only.
 */
export class Access {
  readonly #verdicts = new Map<string, Verdict>();
  /** directories that lead to places with rules, and those themselves */
  readonly #onTheWay = new Set<string>();
  /** of these, those that lead to something that may be seen or used, with the names that do */
  readonly #passages = new Map<string, Set<string>>();

  constructor(rules: readonly Rule[]) {
    for (const [path, of] of byPath(rules)) {
      const verdict = decide(path, of);
      this.#verdicts.set(path, verdict);
      for (const above of upwards(path)) this.#onTheWay.add(above);
      if (verdict.access !== "none") this.#lead(path);
    }
  }

  #lead(path: string): void {
    let name: string | undefined;
    for (const at of upwards(path)) {
      const names = this.#passages.get(at) ?? new Set();
      if (name !== undefined) names.add(name);
      this.#passages.set(at, names);
      name = at.slice(at.lastIndexOf("/") + 1);
    }
  }

  /** True when nothing is ruled. */
  get isFree(): boolean {
    return this.#verdicts.size === 0;
  }

  at(path: string): Verdict {
    for (const above of upwards(path)) {
      const verdict = this.#verdicts.get(above);
      if (verdict !== undefined) return verdict;
    }
    return OWN_HOME;
  }

  rights(path: string): Rights {
    return RIGHTS[this.at(path).access];
  }

  /** Whether there is such a name for the user. What is put into a drop is not seen again. */
  isVisible(path: string): boolean {
    return this.isPassage(path) || this.rights(path).read;
  }

  /** Whether it leads to something the user may use, or is that. */
  isPassage(path: string): boolean {
    return this.#passages.has(path);
  }

  /** The names in a directory that lead to something the user may use, by rules about it. */
  passagesIn(path: string): Iterable<string> {
    return this.#passages.get(path) ?? [];
  }

  /** Whether rules hang on the name: moved, it would carry what is in it away from them. */
  isFixed(path: string): boolean {
    return this.#onTheWay.has(path);
  }
}

function byPath(rules: readonly Rule[]): Map<string, Rule[]> {
  const found = new Map<string, Rule[]>();
  for (const rule of rules) {
    const of = found.get(rule.path);
    if (of === undefined) found.set(rule.path, [rule]);
    else of.push(rule);
  }
  return found;
}

function decide(path: string, rules: readonly Rule[]): Verdict {
  const source = RULE_SOURCES.find((one) => rules.some((rule) => rule.source === one));
  const deciding = rules.filter((rule) => rule.source === source);
  const modes = deciding.map((rule) => rule.access);
  return { path, access: modes.reduce(together), rules: deciding };
}

/** The path and all above it, "/" last. */
function* upwards(path: string): Generator<string> {
  for (let at = path; at !== "/" && at !== ""; at = at.slice(0, at.lastIndexOf("/"))) yield at;
  yield "/";
}
