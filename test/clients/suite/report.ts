import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { notTestedHere } from "../../support/machine.ts";
import { DOCUMENT, INTRO, WRITING } from "./document.ts";
import { CLIENTS, ROWS } from "./rows.ts";
import { type Column, clientFaults, fromMarkdown, toMarkdown, toText } from "./table.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** directory of a file for each client that was measured */
    clientResults: string;
  }
}

/** Vitest's global setup: afterwards prints the table, and writes docs/clients.md when asked to. */
export default function setup(project: TestProject): () => void {
  const directory = mkdtempSync(join(tmpdir(), "moorage-clients-"));
  project.provide("clientResults", directory);
  return () => {
    for (const { files, why } of notTestedHere()) {
      process.stdout.write(`\nNOT TESTED HERE: ${files.join(", ")}: ${why}\n`);
    }
    const columns = readdirSync(directory)
      .map((name) => JSON.parse(readFileSync(join(directory, name), "utf8")) as Column)
      .sort(inOrder);
    rmSync(directory, { recursive: true });
    if (columns.length === 0) return;
    const texts = [toText(ROWS, columns), clientFaults(columns)].filter((text) => text !== "");
    process.stdout.write(`\n${texts.join("\n\n")}\n\n`);
    if (!WRITING) return;
    // Columns that were not measured this time stay.
    const before = existsSync(DOCUMENT) ? fromMarkdown(readFileSync(DOCUMENT, "utf8")) : [];
    const others = before.filter((old) => columns.every(({ client }) => client !== old.client));
    writeFileSync(DOCUMENT, toMarkdown(INTRO, ROWS, [...columns, ...others].sort(inOrder)));
  };
}

function inOrder(a: Column, b: Column): number {
  return CLIENTS.indexOf(a.client) - CLIENTS.indexOf(b.client);
}
