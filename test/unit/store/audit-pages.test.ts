import { expect, test } from "vitest";
import { drivingTerms, fitting, otherTerms } from "../../../src/store/audit-filter.ts";
import { type AuditPageQuery, stretchSql } from "../../../src/store/audit-pages.ts";
import type { Store } from "../../../src/store/store.ts";
import type { AuditEvent, AuditKind, AuditRecord } from "../../../src/store/types.ts";
import { rawDatabase, sqliteFile, sqliteTest, temporaryStore } from "./instance.ts";

const KINDS: readonly AuditKind[] = ["login", "upload", "download", "user-set", "ban"];
const REMOTES = ["192.0.2.1:22", "192.0.2.77:5", "198.51.100.3:9", "[2001:db8::1]:44"];

/** Seven thousand records of all sorts, more than are looked at in one turn. */
function fill(store: Store): void {
  for (let n = 0; n < 7_000; n += 1) {
    const kind = KINDS[n % 11 > 4 ? 1 : n % 5] as AuditKind;
    const user = ["ann", "bob", "eve"][n % 3] as string;
    const remote = REMOTES[n % 7] ?? "";
    const isFile = kind === "upload" || kind === "download";
    store.audit.record({
      kind,
      user,
      ...(kind === "user-set" && { actor: n % 2 === 0 ? "cli:root" : "eve" }),
      ...(remote !== "" && { remote }),
      session: n % 13,
      ...(isFile && { path: `/d${Math.floor(n / 900)}/file ${n}.JPG`, bytes: n }),
      detail: n % 50 === 0 ? "a Word" : "",
    });
  }
}

async function allPages(store: Store, query: AuditPageQuery): Promise<AuditRecord[]> {
  const found: AuditRecord[] = [];
  let before: AuditPageQuery["before"];
  do {
    const page = await store.audit.page({ limit: 333, ...query, ...(before && { before }) });
    found.push(...page.lines.map(({ record }) => record));
    before = page.next;
  } while (before !== undefined);
  return found;
}

const FILTERS: readonly AuditPageQuery[] = [
  {},
  { user: "ann" },
  { actor: "cli:root" },
  { kinds: ["ban"] },
  { kinds: ["upload", "login", "user-set"] },
  { kinds: [] },
  { user: "bob", kinds: ["download"], session: 4 },
  { network: { address: "192.0.2.1", family: "ipv4", prefix: 32 } },
  { network: { address: "192.0.2.0", family: "ipv4", prefix: 24 }, user: "eve" },
  { network: { address: "2001:db8::", family: "ipv6", prefix: 32 } },
  { path: "/d3/*.JPG" },
  { path: "*[12]7.JPG", user: "ann" },
  { text: "wORD" },
  { text: "file 12", kinds: ["upload"] },
];

test("all pages together are exactly what fits, newest first, and so is the count", async () => {
  const { store } = await temporaryStore();
  fill(store);
  const all = await store.audit.query({ limit: 10_000 });
  expect(all).toHaveLength(7_000);
  const middle = all[3_000]?.at ?? 0;
  for (const filter of FILTERS) {
    for (const times of [{}, { since: middle }, { until: middle }]) {
      const asked = { ...filter, ...times };
      const expected = all.filter(fitting(asked)).map(({ id }) => id);
      const found = (await allPages(store, asked)).map(({ id }) => id);
      expect([asked, found]).toEqual([asked, expected]);
      expect([asked, await store.audit.count(asked)]).toEqual([asked, expected.length]);
    }
  }
});

test("a page with a budget ends early, and says where the next one begins", async () => {
  const { store } = await temporaryStore();
  fill(store);
  const nothing = await store.audit.page({ text: "nowhere", budget: 2_000 });
  expect(nothing.lines).toEqual([]);
  expect(nothing.next).toBeDefined();
  const found = await allPages(store, { text: "file 77.", budget: 2_000 });
  expect(found.map(({ path }) => path)).toEqual(["/d0/file 77.JPG"]);
});

const PHOTO = { kind: "upload", user: "ann", session: 1, bytes: 10 } as const;

function photo(n: number): AuditEvent {
  return { ...PHOTO, path: `/photos/${n}.jpg` };
}

test("1,500 files of one put are one line, which opens", async () => {
  const { store } = await temporaryStore();
  store.audit.record({ kind: "login", user: "ann", session: 1 });
  for (let n = 0; n < 1_500; n += 1) {
    store.audit.record(photo(n));
    // What another session does meanwhile, and this one elsewhere, is apart.
    if (n % 500 === 0) store.audit.record({ ...photo(n), user: "bob", session: 2 });
    if (n === 700) store.audit.record({ ...PHOTO, path: "/notes/a" });
  }
  const { lines, next } = await store.audit.page({ grouped: true });
  expect(next).toBeUndefined();
  const told = lines.map(({ record, all }) => [record.user, record.path, all?.records, all?.bytes]);
  expect(told).toEqual([
    ["ann", "/notes/a", undefined, undefined],
    ["bob", "/photos/0.jpg", 3, 30],
    ["ann", "/photos/0.jpg", 1_500, 15_000],
    ["ann", undefined, undefined, undefined],
  ]);
  const batch = lines[2]?.record.batch ?? 0;
  const opened = await allPages(store, { batch, grouped: true });
  expect(opened.map(({ path }) => path)).toEqual(
    Array.from({ length: 1_500 }, (_, n) => `/photos/${1_499 - n}.jpg`),
  );
  expect(await store.audit.count()).toBe(1_505);
});

test("what is sought by its path is shown each for itself", async () => {
  const { store } = await temporaryStore();
  for (let n = 0; n < 30; n += 1) store.audit.record(photo(n));
  const { lines } = await store.audit.page({ grouped: true, path: "*/1?.jpg" });
  expect(lines).toHaveLength(10);
});

test("pages of lines go on where the last one ended, also over long batches", async () => {
  const { store } = await temporaryStore();
  for (let n = 0; n < 6_000; n += 1) {
    store.audit.record({ ...PHOTO, path: `/${Math.floor(n / 1_000)}/${n}` });
  }
  const found = await allPages(store, { grouped: true, limit: 2 });
  expect(found.map(({ path }) => path)).toEqual([
    "/5/5000",
    "/4/4000",
    "/3/3000",
    "/2/2000",
    "/1/1000",
    "/0/0",
  ]);
});

test("a transfer that broke off is a line of its own", async () => {
  const { store } = await temporaryStore();
  store.audit.record(photo(1));
  store.audit.record({ ...photo(2), unfinished: true, size: 5, expected: 10 });
  store.audit.record(photo(3));
  const { lines } = await store.audit.page({ grouped: true });
  expect(lines.map(({ record, all }) => [record.path, all?.records])).toEqual([
    ["/photos/2.jpg", undefined],
    ["/photos/1.jpg", 2],
  ]);
  expect(lines[0]?.record).toMatchObject({ unfinished: true, size: 5, expected: 10 });
});

test("of a batch that began before, what is in the time asked for is a line", async () => {
  const { root, store } = await temporaryStore();
  for (let n = 0; n < 10; n += 1) store.audit.record(photo(n));
  await store.audit.flush();
  (await rawDatabase(root)).exec("UPDATE audit SET at = 1000 + id");
  const [line] = (await store.audit.page({ grouped: true, since: 1_005, until: 1_009 })).lines;
  expect(line).toMatchObject({
    record: { path: "/photos/4.jpg", at: 1_005 },
    all: { records: 4, since: 1_005, until: 1_008 },
  });
});

test("a batch whose beginning was pruned is still one line", async () => {
  const { root, store } = await temporaryStore();
  for (let n = 0; n < 10; n += 1) store.audit.record(photo(n));
  await store.audit.flush();
  (await rawDatabase(root)).exec("UPDATE audit SET at = at - 100000 WHERE id <= 4");
  expect(await store.audit.prune(50_000, 1_000)).toBe(4);
  const { lines } = await store.audit.page({ grouped: true });
  expect(lines).toMatchObject([{ record: { path: "/photos/4.jpg" }, all: { records: 6 } }]);
});

test("what a transaction that failed had begun is no batch", async () => {
  const { root, store } = await temporaryStore();
  const database = await rawDatabase(root);
  database.exec("ALTER TABLE audit_counts RENAME TO elsewhere");
  store.audit.record(photo(1));
  await store.audit.flush();
  database.exec("ALTER TABLE elsewhere RENAME TO audit_counts");
  store.audit.record(photo(2));
  const { lines } = await store.audit.page({ grouped: true });
  expect(lines).toMatchObject([{ record: { id: 1, batch: 1 }, all: { records: 2 } }]);
});

sqliteTest("an index finds what is asked for", async () => {
  const { root } = await temporaryStore();
  const database = sqliteFile(root);
  for (const name of ["audit_path_fits", "audit_in_network"])
    database.function(name, (_value) => 1);
  const plan = (filter: AuditPageQuery, grouped = false): string => {
    const terms = grouped ? [{ sql: "lead = 1", named: {} }] : otherTerms(filter);
    const sql = stretchSql("at, id", drivingTerms(filter), terms);
    const values = [...drivingTerms(filter), ...terms].map(({ named }) => named);
    return database
      .prepare<unknown[], { detail: string }>(
        `EXPLAIN QUERY PLAN ${sql} ORDER BY at DESC, id DESC LIMIT 1 OFFSET 1999`,
      )
      .all(Object.assign({ fromAt: 0, fromId: 0, toAt: 9, toId: 9 }, ...values))
      .map(({ detail }) => detail)
      .join("; ");
  };
  const expected: readonly [AuditPageQuery, string][] = [
    [{}, "audit_at"],
    [{ user: "ann" }, "audit_user"],
    [{ actor: "ann" }, "audit_actor"],
    [{ kinds: ["login"] }, "audit_kind"],
    [{ batch: 1 }, "audit_batch"],
    [{ network: { address: "192.0.2.1", family: "ipv4", prefix: 32 } }, "audit_address"],
    [{ text: "x" }, "audit_at"],
  ];
  for (const [filter, index] of expected) {
    expect(plan(filter)).toContain(index);
    expect(plan(filter)).not.toContain("TEMP B-TREE");
  }
});
