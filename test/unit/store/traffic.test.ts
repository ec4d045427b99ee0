import { afterEach, beforeEach, expect, test } from "vitest";
import { TestInstance } from "../../support/instance.ts";
import { rawDatabase } from "./instance.ts";

let instance: TestInstance;

beforeEach(async () => {
  instance = await TestInstance.create();
});

afterEach(() => instance.close());

test("what was moved is added up by user and by day, of all or of one", async () => {
  const { audit } = instance.store;
  audit.record({ kind: "upload", user: "ann", path: "/a", bytes: 10 });
  audit.record({ kind: "upload", user: "ann", path: "/b", bytes: 5 });
  audit.record({ kind: "download", user: "bob", path: "/c", bytes: 100 });
  audit.record({ kind: "download", user: "bob", path: "/d" });
  audit.record({ kind: "login", user: "eve" });
  const ann = { uploads: 2, uploadBytes: 15, downloads: 0, downloadBytes: 0 };
  const bob = { uploads: 0, uploadBytes: 0, downloads: 2, downloadBytes: 100 };
  expect(await audit.traffic({ by: "user", since: 0 })).toEqual([
    { key: "bob", ...bob },
    { key: "ann", ...ann },
  ]);
  const [day, ...none] = await audit.traffic({ by: "day", since: 0 });
  expect(none).toEqual([]);
  expect(day).toEqual({
    key: expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
    uploads: 2,
    uploadBytes: 15,
    downloads: 2,
    downloadBytes: 100,
  });
  expect(await audit.traffic({ by: "day", since: 0, user: "ann" })).toMatchObject([ann]);
  expect(await audit.traffic({ by: "day", since: 0, user: "eve" })).toEqual([]);
  expect(await audit.traffic({ by: "user", since: Date.now() + 60_000 })).toEqual([]);
});

test("hours of one day are added up, the latest day first", async () => {
  const at = (day: number, hour: number) => new Date(2026, 0, day, hour, 20).getTime();
  const database = await rawDatabase(instance.root);
  const insert = database.prepare(
    `INSERT INTO audit (at, kind, "user", bytes) VALUES (?, 'upload', 'ann', ?)`,
  );
  insert.run(at(30, 23), 1);
  insert.run(at(31, 0), 10);
  insert.run(at(31, 23), 100);
  database.close();
  const days = await instance.store.audit.traffic({ by: "day", since: at(30, 0) });
  expect(days.map(({ key, uploads, uploadBytes }) => [key, uploads, uploadBytes])).toEqual([
    ["2026-01-31", 2, 110],
    ["2026-01-30", 1, 1],
  ]);
});
