import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { RECEIVER_KEYS } from "../../../src/config/receivers.ts";
import type { Setting } from "../../../src/config/settings.ts";
import { ALL_SETTINGS } from "../../../src/config/settings.ts";

const FILE = fileURLToPath(new URL("../../../docs/configuration.md", import.meta.url));
const TABLES = /(<!-- settings: [^\n]* -->\n).*?(<!-- end of settings -->)/s;

function row(key: string, { kind, description, format, default: value }: Setting): string {
  return `| \`${key}\` | \`${format(value) || '""'}\` | ${description} | ${kind} |`;
}

/** Receivers of events are tables of their own. */
function rowsOf(section: string): string[] {
  if (section === "events") {
    return Object.entries(RECEIVER_KEYS).map(([key, setting]) => row(key, setting));
  }
  return ALL_SETTINGS.filter((named) => named.section === section).map(({ name, setting }) =>
    row(name.split(".")[1] ?? "", setting),
  );
}

/** One table a section; variables and flags follow from the names and are not repeated. */
function tables(): string {
  const sections = [...new Set(ALL_SETTINGS.map(({ section }) => section))];
  const parts = sections.map((section) =>
    [
      section === "events" ? "### [[events]]" : `### [${section}]`,
      "",
      "| key | default | what it is | value |",
      "|---|---|---|---|",
      ...rowsOf(section),
      "",
    ].join("\n"),
  );
  return `\n${parts.join("\n")}\n`;
}

test("docs/configuration.md lists every setting as it is", async () => {
  const text = readFileSync(FILE, "utf8");
  expect(text).toMatch(TABLES);
  await expect(
    text.replace(TABLES, (_, head, tail) => `${head}${tables()}${tail}`),
  ).toMatchFileSnapshot(FILE);
});
