import { describe, expect, it } from "vitest";
import { FsError } from "../../../src/errors.ts";
import { type DataRequest, peekTransfer } from "../../../src/sftp/data-request.ts";
import { FrameQueue } from "../../../src/sftp/wire/frames.ts";
import { WriteBatch } from "../../../src/sftp/writes.ts";
import type { OpenFile } from "../../../src/vfs/types.ts";
import { Requests, u64 } from "../../support/sftp-client-packets.ts";

const OK = 0;
const FAILURE = 4;

/** A file that takes `room` bytes, and what it was asked. */
function full(room: number, append: boolean) {
  let used = 0;
  const asked: number[] = [];
  const write = async (_: readonly Buffer[], length: number, position: number) => {
    asked.push(length);
    const end = append ? used + length : position + length;
    if (end > room) throw new FsError("EDQUOT", "Quota exceeded");
    used = Math.max(used, end);
  };
  const flags = { write: true, append } as OpenFile["flags"];
  return { file: { flags, write, inode: "1" } as unknown as OpenFile, asked };
}

/** WRITEs of these lengths, one behind the other, as one batch; resolves to their status codes. */
async function run(file: OpenFile, lengths: readonly number[]): Promise<number[]> {
  const requests = new Requests();
  const frames = new FrameQueue();
  let at = 0;
  for (const length of lengths) {
    frames.push(requests.write(u64(1), at, Buffer.alloc(length)));
    at += length;
  }
  const batch = new WriteBatch(file, frames, peekTransfer(frames) as DataRequest);
  const replies = await batch.run();
  const codes: number[] = [];
  for (let from = 0; from < replies.length; from += 4 + replies.readUInt32BE(from)) {
    codes.push(replies.readUInt32BE(from + 9));
  }
  return codes;
}

describe("a batch over the quota", () => {
  it("stores what fits, and asks once more and not for each of hundreds behind it", async () => {
    const { file, asked } = full(30, false);
    const codes = await run(
      file,
      Array.from({ length: 500 }, () => 10),
    );
    expect(codes).toEqual(Array.from({ length: 500 }, (_, i) => (i < 3 ? OK : FAILURE)));
    expect(asked).toEqual([5000, 10, 10, 10, 10]);
  });

  it("appends smaller ones behind one that did not fit", async () => {
    const { file, asked } = full(30, true);
    expect(await run(file, [20, 15, 16, 10, 1, 15])).toEqual([
      OK,
      FAILURE,
      FAILURE,
      OK,
      FAILURE,
      FAILURE,
    ]);
    expect(asked).toEqual([77, 20, 15, 10, 1]);
  });
});
