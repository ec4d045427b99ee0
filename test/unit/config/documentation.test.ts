import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { ALL_SETTINGS } from "../../../src/config/settings.ts";

const FILE = fileURLToPath(new URL("../../../docs/configuration.md", import.meta.url));
const TABLES = /(<!-- settings: [^\n]* -->\n).*?(<!-- end of settings -->)/s;

/** One table a section; variables and flags follow from the names and are not repeated. */
function tables(): string {
  const sections = [...new Set(ALL_SETTINGS.map(({ section }) => section))];
  const parts = sections.map((section) => {
    const rows = ALL_SETTINGS.filter((named) => named.section === section).map((named) => {
      const { kind, description, format, default: value } = named.setting;
      const shown = format(value) || '""';
      return `| \`${named.name.split(".")[1]}\` | \`${shown}\` | ${description} | ${kind} |`;
    });
    return [
      `### [${section}]`,
      "",
      "| key | default | what it is | value |",
      "|---|---|---|---|",
      ...rows,
      "",
    ].join("\n");
  });
  return `\n${parts.join("\n")}\n`;
}

test("docs/configuration.md lists every setting as it is", async () => {
  const text = readFileSync(FILE, "utf8");
  expect(text).toMatch(TABLES);
  await expect(
    text.replace(TABLES, (_, head, tail) => `${head}${tables()}${tail}`),
  ).toMatchFileSnapshot(FILE);
});
