import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Claim, openJournal } from "../../../src/client/journal.ts";

const KEY = { direction: "up", server: "ann@host:22", source: "/a", target: "/b" } as const;
const STATE = { size: 10, mtime: 5, offset: 3, preserve: false };

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "moorage-journal-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function claim(
  key: Parameters<ReturnType<typeof openJournal>["claim"]>[0] = KEY,
): Promise<Claim> {
  const claimed = await openJournal(directory).claim(key);
  if (typeof claimed === "number") throw new Error(`process ${claimed} has it`);
  return claimed;
}

describe("the journal", () => {
  it("is empty where nothing is", async () => {
    expect(await openJournal(join(directory, "none")).list()).toEqual([]);
  });

  it("keeps what was saved last, for the owner alone", async () => {
    const mine = await claim();
    mine.save(STATE);
    mine.save({ ...STATE, offset: 7 });
    const [entry] = await openJournal(directory).list("ann@host:22");
    expect(entry).toMatchObject({ ...KEY, ...STATE, offset: 7 });
    expect(await openJournal(directory).find(KEY)).toEqual(entry);
    expect(await openJournal(directory).list("bob@host:22")).toEqual([]);
    const transfers = join(directory, "transfers");
    expect(statSync(transfers).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(transfers)) {
      expect(statSync(join(transfers, name)).mode & 0o777, name).toBe(0o600);
    }
  });

  it("forgets by number, and only what is there", async () => {
    (await claim()).save(STATE);
    const journal = openJournal(directory);
    const [entry] = await journal.list();
    expect(await journal.forget("../../etc/passwd")).toBe(false);
    expect(await journal.forget("0".repeat(12))).toBe(false);
    expect(await journal.forget(entry?.id ?? "")).toBe(true);
    expect(await journal.list()).toEqual([]);
  });

  it("leaves out what can't be read", async () => {
    const transfers = join(directory, "transfers");
    mkdirSync(transfers);
    writeFileSync(join(transfers, "000000000000.json"), "{");
    writeFileSync(join(transfers, "000000000001.json"), '{"id":"000000000001"}');
    writeFileSync(join(transfers, "000000000002.json"), "x".repeat(100_000));
    (await claim()).save(STATE);
    expect(await openJournal(directory).list()).toHaveLength(1);
  });

  it("keeps names that are no text apart", async () => {
    (await claim({ ...KEY, source: "/\udcff" })).save(STATE);
    (await claim({ ...KEY, source: "/\udcfe" })).save(STATE);
    const sources = (await openJournal(directory).list()).map(({ source }) => source).sort();
    expect(sources).toEqual(["/\udcfe", "/\udcff"]);
  });

  it("gives a transfer to one at a time", async () => {
    const mine = await claim();
    expect(await openJournal(directory).claim(KEY)).toBe(process.pid);
    mine.release();
    (await claim()).release();
  });

  it("takes a transfer from a process that is gone", async () => {
    const child = spawn(process.execPath, ["-e", ""]);
    await once(child, "exit");
    (await claim()).save(STATE);
    const id = (await openJournal(directory).list())[0]?.id;
    writeFileSync(join(directory, "transfers", `${id}.lock`), `${child.pid} 1`);
    writeFileSync(join(directory, "transfers", `${id}.${child.pid}.tmp`), "half an en");
    (await claim()).release();
    expect(readdirSync(join(directory, "transfers"))).toEqual([`${id}.json`]);
  });

  it("takes a transfer from a process whose number another one has now", async () => {
    const mine = await claim();
    mine.save(STATE);
    const id = (await openJournal(directory).list())[0]?.id;
    writeFileSync(join(directory, "transfers", `${id}.lock`), `${process.pid} 1`);
    (await claim()).release();
  });
});
