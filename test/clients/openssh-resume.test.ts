import { existsSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { booksGetExact } from "../support/books.ts";
import { DONE } from "../support/desk.ts";
import { type ServedDesk, serveDesk } from "../support/served-desk.ts";

const MIB = 1024 * 1024;
const SIZE = 5 * MIB + 12_345;

/** Where the first attempt stopped: at and around the borders of what one request carries. */
const CUTS = [1, 32_767, 32_768, 261_119, 261_120, 261_121, 2 * MIB + 5, SIZE - 1];

let server: ServedDesk["server"];
let desk: ServedDesk["desk"];
let stored: ServedDesk["stored"];
let close: ServedDesk["close"];
let payload: Buffer;
let file: string;

beforeAll(async () => {
  ({ server, desk, stored, close } = await serveDesk());
  file = desk.file("payload", SIZE);
  payload = readFileSync(file);
});

afterAll(() => close());

function sizeOf(path: string): number {
  return existsSync(path) ? statSync(path).size : 0;
}

/** Starts a transfer at about 4 MB a second, and kills the client once `path` has `bytes`. */
async function cut(command: string, path: string, bytes: number): Promise<void> {
  const { child, result } = desk.startSftp([command], { options: ["-l", "32000"] });
  await vi.waitFor(() => expect(sizeOf(path)).toBeGreaterThanOrEqual(bytes), {
    timeout: 20_000,
    interval: 5,
  });
  child.kill("SIGKILL");
  expect((await result).code).toBe(null);
  await vi.waitFor(async () => expect(await server.server.sessions()).toEqual([]));
  const reached = sizeOf(path);
  expect(reached).toBeGreaterThanOrEqual(bytes);
  expect(reached).toBeLessThan(SIZE);
}

describe("a transfer whose client was killed", () => {
  test.each(["reput", "put -a"])("%s goes on with the upload", async (command) => {
    const name = `cut ${command}`;
    await cut(`put ${file} "${name}"`, stored(name), MIB);
    const before = readFileSync(stored(name));
    // What is there is right, and is not sent again.
    expect(payload.subarray(0, before.length).equals(before)).toBe(true);
    await booksGetExact(server);
    const { ino } = statSync(stored(name));
    expect(await desk.sftp([`${command} ${file} "${name}"`])).toMatchObject(DONE);
    expect(readFileSync(stored(name)).equals(payload)).toBe(true);
    expect(statSync(stored(name)).ino).toBe(ino);
    await booksGetExact(server);
  });

  test.each(["reget", "get -a"])("%s goes on with the download", async (command) => {
    const back = desk.path(`${command}.back`);
    expect(await desk.sftp([`put ${file} source`])).toMatchObject(DONE);
    await cut(`get source "${back}"`, back, MIB);
    const before = readFileSync(back);
    expect(payload.subarray(0, before.length).equals(before)).toBe(true);
    expect(await desk.sftp([`${command} source "${back}"`])).toMatchObject(DONE);
    expect(readFileSync(back).equals(payload)).toBe(true);
  });

  test("an upload that is cut again and again arrives whole in the end", async () => {
    await cut(`put ${file} often`, stored("often"), MIB);
    for (const bytes of [2 * MIB, 3 * MIB, 4 * MIB]) {
      await cut(`reput ${file} often`, stored("often"), bytes);
    }
    expect(await desk.sftp([`reput ${file} often`])).toMatchObject(DONE);
    expect(readFileSync(stored("often")).equals(payload)).toBe(true);
    await booksGetExact(server);
  });
});

describe("a partial file of any length", () => {
  test.each(CUTS)("of %i bytes there is completed by reput", async (bytes) => {
    const part = desk.file("part", payload.subarray(0, bytes));
    const commands = [`put ${part} there`, `reput ${file} there`];
    expect(await desk.sftp(commands)).toMatchObject(DONE);
    expect(readFileSync(stored("there")).equals(payload)).toBe(true);
  });

  test.each(CUTS)("of %i bytes here is completed by reget", async (bytes) => {
    const back = desk.file("here", payload.subarray(0, bytes));
    const commands = [`put ${file} whole`, `reget whole ${back}`];
    expect(await desk.sftp(commands)).toMatchObject(DONE);
    expect(readFileSync(back).equals(payload)).toBe(true);
  });

  test("what is there already is left as it is, not sent again", async () => {
    // Other bytes at the start show that only what was missing came.
    const start = Buffer.alloc(MIB, "x");
    const expected = Buffer.concat([start, payload.subarray(MIB)]);
    const part = desk.file("marked", start);
    const back = desk.file("marked.back", start);
    const commands = [`put ${part} marked`, `reput ${file} marked`, `put ${file} whole`];
    expect(await desk.sftp([...commands, `reget whole ${back}`])).toMatchObject(DONE);
    expect(readFileSync(stored("marked")).equals(expected)).toBe(true);
    expect(readFileSync(back).equals(expected)).toBe(true);
  });

  test("a file that is complete, or longer, is not touched by reput", async () => {
    const longer = Buffer.concat([payload, Buffer.from("more")]);
    for (const content of [payload, longer]) {
      writeFileSync(desk.path("complete"), content);
      expect(await desk.sftp([`put ${desk.path("complete")} complete`])).toMatchObject(DONE);
      const { code, stderr } = await desk.sftp([`reput ${file} complete`]);
      expect(code).toBe(1);
      expect(stderr).toMatch(/same size or larger|bigger/);
      expect(readFileSync(stored("complete")).equals(content)).toBe(true);
    }
  });

  test("reget of a file that is complete here keeps it", async () => {
    const back = desk.file("kept", payload);
    const { code, stderr } = await desk.sftp([`put ${file} whole`, `reget whole ${back}`]);
    expect(code).toBe(0);
    expect(stderr).toMatch(/not modified|^$/);
    expect(readFileSync(back).equals(payload)).toBe(true);
  });

  test("get -a without a file here, put -a onto an empty one there", async () => {
    const empty = desk.file("empty", 0);
    const back = desk.path("fresh.back");
    const commands = [`put ${empty} fresh`, `put -a ${file} fresh`, `get -a fresh ${back}`];
    expect(await desk.sftp(commands)).toMatchObject(DONE);
    expect(readFileSync(stored("fresh")).equals(payload)).toBe(true);
    expect(readFileSync(back).equals(payload)).toBe(true);
  });

  test("get -ra completes the files of a directory", async () => {
    const commands = ["mkdir box", `put ${file} box/a`, `put ${file} box/b`];
    expect(await desk.sftp([...commands, `get -r box ${desk.directory}`])).toMatchObject(DONE);
    truncateSync(desk.path("box", "a"), 1_000_000);
    truncateSync(desk.path("box", "b"), 0);
    expect(await desk.sftp([`get -ra box ${desk.directory}`])).toMatchObject(DONE);
    for (const name of ["a", "b"]) expect(desk.read("box", name).equals(payload)).toBe(true);
  });
});
