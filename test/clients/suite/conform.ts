import { afterAll, afterEach, beforeAll, describe, test } from "vitest";
import { Bench, openPlace } from "./bench.ts";
import type { Client, Feature } from "./client.ts";
import { ClientRecord } from "./record.ts";
import { ROWS, type Row, type Title } from "./rows.ts";
import { files } from "./scenarios/files.ts";
import { listing, oddNames } from "./scenarios/listing.ts";
import { login } from "./scenarios/login.ts";
import { refusals } from "./scenarios/refusals.ts";
import { downloads, uploads } from "./scenarios/transfers.ts";
import { trouble } from "./scenarios/trouble.ts";

const SCENARIOS: Readonly<Record<Title, (bench: Bench) => Promise<void>>> = {
  ...login,
  ...listing,
  ...oddNames,
  ...uploads,
  ...downloads,
  ...files,
  ...refusals,
  ...trouble,
};

// The server takes every such name for a setting of its own.
delete process.env.MOORAGE_WRITE_CLIENTS;
delete process.env.MOORAGE_CLIENTS_LARGE;

/** For a busy machine; of the large file alone much is spent on hashing. */
const TIMEOUT = 180_000;

/** Why the client doesn't do the step; undefined: it does. */
function reasonNot({ lacks }: Client, { needs }: Row): string | undefined {
  const either = (features: readonly Feature[]): string | undefined =>
    features.some((feature) => lacks[feature] === undefined)
      ? undefined
      : lacks[features[0] as Feature];
  const reasons = needs.map((need) => (typeof need === "string" ? lacks[need] : either(need)));
  return reasons.find((reason) => reason !== undefined);
}

/** Runs every scenario that the client offers, and notes the result of each in its column. */
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

  test("docs/clients.md says the same", { timeout: TIMEOUT }, async () => {
    record.check(await client.version());
  });
}

function tests(client: Client, rows: readonly Row[], record: ClientRecord): void {
  let place: Awaited<ReturnType<typeof openPlace>>;
  let bench: Bench | undefined;

  beforeAll(async () => {
    place = await openPlace(client);
  }, TIMEOUT);

  afterEach(async () => {
    await bench?.close();
  }, TIMEOUT);

  afterAll(async () => {
    await place.close();
  }, TIMEOUT);

  for (const [i, { title }] of rows.entries()) {
    test(title, { timeout: TIMEOUT }, async () => {
      record.set(title, { result: "fail", reason: "the test failed" });
      bench = await Bench.open(client, place, `user${i}`);
      await SCENARIOS[title](bench);
      await bench.settled();
      record.set(title, { result: "pass" });
    });
  }
}
