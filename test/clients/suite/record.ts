import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inject } from "vitest";
import { systemOfClients } from "./system.ts";
import type { Cell, Column } from "./table.ts";

/**
 * What a test file found out about its client. The last test of the file hands it over.
 *
 *     const record = new ClientRecord("sshfs");
 *     record.set("rename", { result: "pass" });        // a title of ROWS
 *     record.hand(version);
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

  /** Hands the column to the report. */
  hand(version: string): void {
    const measured = { date: new Date().toISOString().slice(0, 10), system: systemOfClients() };
    const column: Column = { client: this.#client, version, measured, cells: this.#cells };
    const directory = inject("clientResults");
    mkdirSync(directory, { recursive: true });
    writeFileSync(
      join(directory, `${encodeURIComponent(this.#client)}.json`),
      JSON.stringify(column),
    );
  }
}
