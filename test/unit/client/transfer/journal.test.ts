import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Claim, openJournal } from "../../../../src/client/transfer/journal.ts";

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

/** The file by which a transfer is claimed. */
function lock(): string {
  const transfers = join(directory, "transfers");
  const [name] = readdirSync(transfers).filter((name) => name.endsWith(".lock"));
  return join(transfers, name ?? "none");
}

describe("the journal", () => {
  it("is empty where nothing is", async () => {
    expect(await openJournal(join(directory, "none")).list()).toEqual([]);
  });

  it("calls the parts of one transfer the same, and those of another machine otherwise", () => {
    const here = openJournal(directory).partId(KEY);
    expect(here).toMatch(/^[0-9a-f]{12}$/);
    expect(openJournal(directory).partId(KEY)).toBe(here);
    expect(openJournal(directory).partId({ ...KEY, target: "/c" })).not.toBe(here);
    expect(openJournal(join(directory, "other")).partId(KEY)).not.toBe(here);
    expect(readdirSync(join(directory, "transfers"))).toEqual(["salt"]);
    expect(statSync(join(directory, "transfers", "salt")).mode & 0o777).toBe(0o600);
  });

  it("calls parts by a name of its own where nothing can be kept", () => {
    writeFileSync(join(directory, "file"), "");
    const journal = openJournal(join(directory, "file"));
    expect(journal.partId(KEY)).toBe(journal.partId(KEY));
    expect(journal.partId(KEY)).toMatch(/^[0-9a-f]{12}$/);
  });

  it("knows for small files what there was at the last look", async () => {
    const journal = openJournal(directory);
    journal.look();
    (await claim()).save(STATE);
    expect(journal.knew(KEY)).toBe(false);
    journal.look();
    expect(journal.knew(KEY)).toBe(true);
    expect(journal.knew({ ...KEY, target: "/c" })).toBe(false);
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
    for (const source of ["/\udcff", "/\udcfe"]) {
      const mine = await claim({ ...KEY, source });
      mine.save(STATE);
      mine.release();
    }
    const sources = (await openJournal(directory).list()).map(({ source }) => source).sort();
    expect(sources).toEqual(["/\udcfe", "/\udcff"]);
  });

  it("gives a transfer to one at a time", async () => {
    const mine = await claim();
    expect(await openJournal(directory).claim(KEY)).toBe(process.pid);
    mine.release();
    (await claim()).release();
  });

  it("gives a target to one at a time, whatever the source", async () => {
    const mine = await claim();
    expect(await openJournal(directory).claim({ ...KEY, source: "/other/a" })).toBe(process.pid);
    (await claim({ ...KEY, target: "/c" })).release();
    (await claim({ ...KEY, server: "ann@other:22" })).release();
    const down = await claim({ ...KEY, direction: "down" });
    const elsewhere = { ...KEY, direction: "down", server: "ann@other:22" } as const;
    expect(await openJournal(directory).claim(elsewhere)).toBe(process.pid);
    down.release();
    mine.release();
  });

  it("that can't be written is known to this process as long as it lives", async () => {
    const file = join(directory, "file");
    writeFileSync(file, "");
    const journal = openJournal(file);
    await expect(journal.claim(KEY)).rejects.toThrow();
    const mine = journal.unlocked(KEY);
    expect(() => mine.save({ ...STATE, part: "b.part" })).toThrow();
    expect(await journal.find(KEY)).toMatchObject({ ...KEY, ...STATE, part: "b.part" });
    mine.release();
    expect(() => mine.drop()).toThrow();
    expect(await journal.find(KEY)).toBeUndefined();
  });

  it("takes a transfer from a process that is gone", async () => {
    const child = spawn(process.execPath, ["-e", ""]);
    await once(child, "exit");
    (await claim()).save(STATE);
    const id = (await openJournal(directory).list())[0]?.id;
    writeFileSync(lock(), `${child.pid} 1`);
    writeFileSync(join(directory, "transfers", `${id}.${child.pid}.tmp`), "half an en");
    (await claim()).release();
    expect(readdirSync(join(directory, "transfers"))).toEqual([`${id}.json`]);
  });

  it("takes a transfer from a process that is dead and not yet waited for", async () => {
    // Its parent becomes another program that never waits for it.
    const parent = spawn("sh", ["-c", "sh -c 'echo $$; read line' <&0 & exec cat >/dev/null"]);
    try {
      const [text] = await once(parent.stdout, "data");
      const pid = Number(text);
      process.kill(pid, "SIGKILL");
      const fields = (): string[] => {
        const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
        return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      };
      await vi.waitFor(() => expect(fields()[0]).toBe("Z"), { timeout: 60_000 });
      (await claim()).save(STATE);
      writeFileSync(lock(), `${pid} ${fields()[19]}`);
      (await claim()).release();
    } finally {
      parent.kill("SIGKILL");
    }
  });

  it("takes a transfer from a process whose number another one has now", async () => {
    const mine = await claim();
    mine.save(STATE);
    writeFileSync(lock(), `${process.pid} 1`);
    (await claim()).release();
  });
});
