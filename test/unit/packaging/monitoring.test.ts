import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { ALL_FAMILIES, LOOKED_UP } from "../../../src/metrics/families.ts";
import { metricsText, type Sample } from "../../../src/metrics/text.ts";

const ALERT =
  /^ {6}- alert: Moorage\w+\n {8}expr: (.+)\n( {8}for: \d+[mh]\n)? {8}labels:\n {10}severity: (critical|warning|info)\n {8}annotations:\n {10}summary: "[^"]+"\n {10}description: "[^"]+"\n/gm;

function packaged(name: string): string {
  return readFileSync(
    fileURLToPath(new URL(`../../../packaging/${name}`, import.meta.url)),
    "utf8",
  );
}

/** Names of series, as the output has them. */
async function shown(): Promise<Set<string>> {
  const one: readonly Sample[] = [{ value: 1 }];
  const lookedUp = Object.fromEntries(Object.keys(LOOKED_UP).map((word) => [word, one]));
  const text = await metricsText({ totals: {}, levels: {}, lookedUp });
  return new Set(text.match(/^moorage_\w+/gm));
}

/** Metric, label and value that a query names. */
function selected(text: string): [metric: string, label: string, value: string][] {
  return [...text.matchAll(/(moorage_\w+)\{([^}]*)\}/g)].flatMap(([, metric = "", inside = ""]) =>
    [...inside.matchAll(/(\w+)="([^"$]*)"/g)].map(
      ([, label = "", value = ""]) => [metric, label, value] as [string, string, string],
    ),
  );
}

function namesOnlyWhatThereIs(text: string, names: ReadonlySet<string>): void {
  const named = [...new Set(text.match(/\bmoorage_\w+/g))];
  expect(named.length).toBeGreaterThan(5);
  expect(named.filter((name) => !names.has(name))).toEqual([]);
  for (const [metric, label, value] of selected(text)) {
    const base = metric.replace(/_(bucket|sum|count)$/, "");
    const family = ALL_FAMILIES.find(({ name }) => name === metric || name === base);
    expect(family?.labels?.[label], `${metric} ${label}`).toContain(value);
  }
}

test("the dashboard is JSON, and each metric in it is in the output", async () => {
  const { panels } = JSON.parse(packaged("moorage.dashboard.json")) as {
    panels: { id: number; title: string; targets: { expr: string }[] }[];
  };
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  const queries = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)).join("\n");
  namesOnlyWhatThereIs(queries, await shown());
  // And the other way round: nothing is measured that nobody can look at.
  const unseen = ALL_FAMILIES.filter(({ name }) => !queries.includes(name)).map(({ name }) => name);
  expect(unseen).toEqual(["moorage_user_files", "moorage_user_sessions", "moorage_users_left_out"]);
});

test("the alert rules are whole, and each metric in them is in the output", async () => {
  const text = packaged("moorage.rules.yml");
  const alerts = text.match(ALERT) ?? [];
  const [head = ""] = text.split(/^ {6}- alert/m, 1);
  expect(head + alerts.join("")).toBe(text);
  for (const [, expr = ""] of text.matchAll(ALERT)) {
    expect(expr.match(/[([{]/g)?.length ?? 0).toBe(expr.match(/[)\]}]/g)?.length ?? 0);
  }
  namesOnlyWhatThereIs(alerts.join(""), await shown());
});
