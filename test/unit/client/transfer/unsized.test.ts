import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Operations, RemoteHandle } from "../../../../src/client/remote/operations.ts";
import { downloadToEnd, uploadToEnd } from "../../../../src/client/transfer/unsized.ts";

const HANDLE: RemoteHandle = { id: Buffer.from("h"), path: "/f" };
const content = Buffer.from("what a file of /proc says, in more than one piece");

let directory: string;
let fd: number;
let positions: number[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "moorage-unsized-"));
  writeFileSync(join(directory, "f"), "");
  positions = [];
});
afterEach(() => {
  closeSync(fd);
  rmSync(directory, { recursive: true });
});

function open(bytes: Buffer): void {
  writeFileSync(join(directory, "f"), bytes);
  fd = openSync(join(directory, "f"), "r+");
}

function options(abort = new AbortController()) {
  const onProgress = (position: number): void => void positions.push(position);
  return { signal: abort.signal, onProgress };
}

/** A server that answers READ with `give`. */
function server(give: (offset: number, length: number) => Buffer | undefined) {
  const channel = {
    failed: "",
    fail(reason: string): void {
      this.failed = reason;
    },
  };
  const read = async (_handle: RemoteHandle, offset: number, length: number) =>
    give(offset, length);
  return { operations: { maxRead: 20, read, channel } as unknown as Operations, channel };
}

describe("a file that has no size", () => {
  it("is read to its end, however short the answers are", async () => {
    open(Buffer.alloc(0));
    const { operations } = server((offset) =>
      offset < content.length ? content.subarray(offset, offset + 7) : undefined,
    );
    expect(await downloadToEnd(operations, HANDLE, fd, options())).toBe(content.length);
    expect(readFileSync(join(directory, "f")).equals(content)).toBe(true);
    expect(positions.slice(0, 2)).toEqual([7, 14]);
    expect(positions.at(-1)).toBe(content.length);
  });

  it("ends with an answer of nothing, too", async () => {
    open(Buffer.alloc(0));
    const { operations } = server((offset) => content.subarray(0, offset === 0 ? 5 : 0));
    expect(await downloadToEnd(operations, HANDLE, fd, options())).toBe(5);
  });

  it("costs a server its connection that sends more than it was asked for", async () => {
    open(Buffer.alloc(0));
    const { operations, channel } = server((_offset, length) => Buffer.alloc(length + 1));
    const end = downloadToEnd(operations, HANDLE, fd, options());
    await expect(end).rejects.toMatchObject({ lost: true });
    expect(channel.failed).toMatch(/more than it was asked for/);
    expect(readFileSync(join(directory, "f"))).toHaveLength(0);
  });

  it("and no end is read until the person gives up", async () => {
    open(Buffer.alloc(0));
    const abort = new AbortController();
    const reason = new Error("enough");
    const { operations } = server((offset) => {
      if (offset > 100) abort.abort(reason);
      return content.subarray(0, 20);
    });
    await expect(downloadToEnd(operations, HANDLE, fd, options(abort))).rejects.toBe(reason);
  });

  it("is sent to its end in order", async () => {
    open(content);
    const sent: Buffer[] = [];
    const write = async (_handle: RemoteHandle, offset: number, bytes: Buffer) => {
      expect(offset).toBe(Buffer.concat(sent).length);
      sent.push(Buffer.from(bytes));
    };
    const operations = { maxWrite: 20, write } as unknown as Operations;
    expect(await uploadToEnd(operations, HANDLE, fd, options())).toBe(content.length);
    expect(Buffer.concat(sent).equals(content)).toBe(true);
    expect(positions).toEqual([20, 40, content.length]);
  });
});
