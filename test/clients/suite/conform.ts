import { afterAll, beforeAll, describe, test } from "vitest";
import { openPlace } from "./bench.ts";
import type { Client } from "./client.ts";
import { attempt, inOneLine, judge, TEST_TIMEOUT } from "./judge.ts";
import { moorage } from "./moorage-host.ts";
import { ClientRecord } from "./record.ts";
import { ROWS, type Row, reasonNot } from "./rows.ts";

// The server takes every such name for a setting of its own.
delete process.env.MOORAGE_WRITE_CLIENTS;
delete process.env.MOORAGE_CLIENTS_LARGE;

/**
 * Does every step that the client offers, and notes the result of each in its column. A step that fails
 * fails its test, unless the client fails at it with OpenSSH's server, too: then the test is skipped,
 * and the report shows how it ended with either server.
 */
export function conform(client: Client): void {
  const record = new ClientRecord(client.name);
  for (const group of new Set(ROWS.map((row) => row.group))) {
    const rows = ROWS.filter((row) => row.group === group);
    const offered = rows.filter((row) => {
      const reason = reasonNot(client, row);
      if (reason !== undefined) record.set(row.title, { result: "not offered", reason });
      return reason === undefined;
    });
    if (offered.length > 0) describe(group, () => tests(client, offered, record));
  }

  test("tells its version", async () => {
    record.hand(await client.version());
  });
}

function tests(client: Client, rows: readonly Row[], record: ClientRecord): void {
  let place: Awaited<ReturnType<typeof openPlace>>;

  beforeAll(async () => {
    place = await openPlace(client, moorage);
  }, TEST_TIMEOUT);

  afterAll(async () => {
    await place.close();
  }, TEST_TIMEOUT);

  for (const [i, { title }] of rows.entries()) {
    test(title, { timeout: TEST_TIMEOUT }, async ({ skip }) => {
      record.set(title, { result: "fail", reason: "the test failed" });
      const failure = await attempt(client, place, title, `user${i}`);
      if (failure === undefined) return record.set(title, { result: "pass" });
      const verdict = await judge(client, title, failure);
      if (verdict.fault === "server") {
        failure.message += `\n(${verdict.note})`;
        throw failure;
      }
      const { openssh, server } = verdict;
      const evidence = { moorage: inOneLine(failure, place), openssh, server };
      record.set(title, {
        result: "fail",
        reason: `fails with OpenSSH's server, too: ${openssh}`,
        evidence,
      });
      skip(`the client's own fault: ${openssh}`);
    });
  }
}
