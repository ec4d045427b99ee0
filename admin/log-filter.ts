import { AUDIT_KINDS, type AuditKind } from "../src/store/types.ts";
import { choice, form, text } from "./dialogs.ts";
import type { LogFilterModel, LogGroup, Model } from "./model.ts";

/** How far back the log goes, as offered. */
export const BACKS: readonly (readonly [string, number])[] = [
  ["all", 0],
  ["5 minutes", 300_000],
  ["1 hour", 3_600_000],
  ["24 hours", 86_400_000],
  ["7 days", 604_800_000],
  ["30 days", 2_592_000_000],
];

/** A record, so that none of control's is forgotten. */
const IS_GROUP: Readonly<Record<LogGroup, true>> = {
  transfers: true,
  files: true,
  logins: true,
  security: true,
  admin: true,
};
const GROUPS = Object.keys(IS_GROUP) as LogGroup[];

/** Where it ends. */
const ENDS: typeof BACKS = BACKS.map(([name, ms]) => [ms === 0 ? "now" : `${name} ago`, ms]);

const ADDRESS_MAX = 64;
const ACTOR_MAX = 64;
/** As control takes them. */
const PATTERN_MAX = 1000;

export function logFilterForm(model: Model): Model {
  const { user, actor, address, path, group, kind, back, until } = model.log.filter;
  return form(model, {
    form: "log-filter",
    title: "Filter the log",
    user: "",
    text: "",
    action: "filter",
    fields: [
      text("user", "User", user, "whom it concerns; empty: all"),
      text("actor", "By", actor, "who did it: cli:root", ACTOR_MAX),
      text("address", "Address", address, "or a network: 192.0.2.0/24", ADDRESS_MAX),
      text("path", "Path", path, "*.pdf, /in/*; empty: all", PATTERN_MAX),
      choice("group", "Of", ["all", ...GROUPS], group === "" ? "all" : group),
      choice("kind", "Kind", ["all", ...AUDIT_KINDS], kind === "" ? "all" : kind),
      choice("back", "Last", namesOf(BACKS), nameOf(BACKS, back)),
      choice("until", "Until", namesOf(ENDS), nameOf(ENDS, until)),
    ],
  });
}

function namesOf(times: typeof BACKS): readonly string[] {
  return times.map(([name]) => name);
}

function nameOf(times: typeof BACKS, wanted: number): string {
  return times.find(([, ms]) => ms === wanted)?.[0] ?? "";
}

/** What was typed and chosen. @param of the value of a field */
export function chosenFilter(of: (field: string) => string): Omit<LogFilterModel, "text"> {
  const kind: AuditKind | "" = AUDIT_KINDS.find((one) => one === of("kind")) ?? "";
  return {
    user: of("user").trim(),
    actor: of("actor").trim(),
    address: of("address").trim(),
    path: of("path").trim(),
    group: GROUPS.find((one) => one === of("group")) ?? "",
    kind,
    back: BACKS.find(([name]) => name === of("back"))?.[1] ?? 0,
    until: ENDS.find(([name]) => name === of("until"))?.[1] ?? 0,
  };
}

/** What the filter lets through, for the first line of the log. */
export function filterTexts(filter: LogFilterModel): readonly (readonly [string, string])[] {
  const { user, actor, address, path, group, kind, back, until } = filter;
  const all: readonly (readonly [string, string])[] = [
    ["user", user],
    ["by", actor],
    ["from", address],
    ["path", path],
    ["of", group],
    ["kind", kind],
    ["last", back === 0 ? "" : nameOf(BACKS, back)],
    ["until", until === 0 ? "" : nameOf(ENDS, until)],
  ];
  return all.filter(([, value]) => value !== "");
}
