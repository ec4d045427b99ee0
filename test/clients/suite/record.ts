import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, inject } from "vitest";
import { DOCUMENT, WRITING } from "./document.ts";
import { type Cell, type Column, fromMarkdown } from "./table.ts";

/**
 * What a test file found out about its client. The last test of the file calls `check`.
 *
 *     const record = new ClientRecord("sshfs");
 *     record.set("rename", { result: "pass" });        // a title of STEPS
 *     record.check(version);
 */
export class ClientRecord {
  readonly #client: string;
  readonly #cells: Record<string, Cell> = {};

  constructor(client: string) {
    this.#client = client;
  }

  set(title: string, cell: Cell): void {
    this.#cells[title] = cell;
  }

  /** Hands the column to the report, and compares it with docs/clients.md. */
  check(version: string): void {
    const column: Column = { client: this.#client, version, cells: this.#cells };
    const directory = inject("clientResults");
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, `${this.#client}.json`), JSON.stringify(column));
    if (WRITING) return;
    const written = fromMarkdown(readFileSync(DOCUMENT, "utf8"));
    const mine = written.find(({ client }) => client === this.#client);
    expect(mine?.cells, `docs/clients.md: write it anew with MOORAGE_WRITE_CLIENTS=1`).toEqual(
      column.cells,
    );
  }
}
