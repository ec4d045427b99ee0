/** Tests that are about SQLite itself, and run on it alone: file, and why. */
export const SQLITE_ONLY: Readonly<Record<string, string>> = {
  "test/unit/store/database-driver.test.ts": "which better-sqlite3 a Node.js gets",
  "test/unit/store/reserve.test.ts": "room for a database in the instance's directory",
  "test/unit/store/snapshot.test.ts": "copies of the database's file, for backups",
  "test/unit/store/upgrade.test.ts": "databases of versions before PostgreSQL could be used",
  "test/unit/store/writes.test.ts": "SQLite's lock, held by other programs, and its full disk",
};

/** What runs on either engine: `npm run test:machines` runs it on PostgreSQL. */
export const ON_BOTH_ENGINES: readonly string[] = [
  "test/unit/store/*.test.ts",
  "test/unit/quota/**/*.test.ts",
  "test/unit/auth/{factors,penalties}.test.ts",
  "test/unit/events/deliverer.test.ts",
  "test/property/{audit-matching,groups,held-crash,ledger,trash}.test.ts",
  "test/integration/{crash,crash-removed}.test.ts",
  ...Object.keys(SQLITE_ONLY).map((file) => `!${file}`),
];
