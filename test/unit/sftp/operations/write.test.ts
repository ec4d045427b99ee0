import { describe, expect, it } from "vitest";
import { FsError } from "../../../../src/errors.ts";
import type { OperationContext } from "../../../../src/sftp/context.ts";
import { Handles } from "../../../../src/sftp/handles.ts";
import { write } from "../../../../src/sftp/operations/write.ts";
import { MAX_FRAME } from "../../../../src/sftp/wire/constants.ts";
import { FrameQueue } from "../../../../src/sftp/wire/frames.ts";
import type { OpenFile } from "../../../../src/vfs/types.ts";
import { Requests, u64 } from "../../../support/sftp-client-packets.ts";

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

/** What an operation needs, with `file` open by the handle 1. */
function contextOf(file: OpenFile): OperationContext {
  const handles = new Handles(64);
  handles.add({ kind: "file", file, expectedEnd: 0 });
  return { handles } as unknown as OperationContext;
}

/** Starts the WRITE at the head of the queue; resolves to the status codes of all that it did. */
async function start(file: OpenFile, frames: FrameQueue): Promise<number[]> {
  const replies = await write.start(contextOf(file), frames.u32(5), frames);
  const codes: number[] = [];
  for (let from = 0; from < replies.length; from += 4 + replies.readUInt32BE(from)) {
    codes.push(replies.readUInt32BE(from + 9));
  }
  return codes;
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
  return start(file, frames);
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

describe("what a WRITE takes along", () => {
  const requests = new Requests();
  const data = (length: number) => Buffer.alloc(length, 7);
  const first = requests.write(u64(1), 10, data(5));
  const tooLong = Buffer.from(requests.write(u64(1), 15, data(5)));
  tooLong.writeUInt32BE(6, 29);

  /** How many bytes the first WRITE wrote, and how many it left in the queue. */
  async function takes(append: boolean, ...following: readonly Buffer[]) {
    const { file, asked } = full(2 ** 30, append);
    const frames = new FrameQueue();
    for (const frame of [first, ...following]) frames.push(frame);
    await start(file, frames);
    return { wrote: asked, left: frames.size };
  }

  it("goes on where it ends, in the same file", async () => {
    const next = requests.write(u64(1), 15, data(3));
    expect(await takes(false, next)).toEqual({ wrote: [8], left: 0 });
  });

  it("goes on anywhere, for an append", async () => {
    const next = requests.write(u64(1), 2 ** 40, data(3));
    expect(await takes(true, next)).toEqual({ wrote: [8], left: 0 });
  });

  const others: [string, Buffer][] = [
    ["one behind a gap", requests.write(u64(1), 16, data(3))],
    ["one into another file", requests.write(u64(2), 15, data(3))],
    ["one of no bytes", requests.write(u64(1), 15, data(0))],
    ["one whose handle was never ours", requests.write(Buffer.alloc(7), 15, data(3))],
    ["one that says more than it has", tooLong],
    ["the beginning of one", requests.write(u64(1), 15, data(3)).subarray(0, 35)],
    ["a READ", requests.read(u64(1), 15, 3)],
    ["the beginning of a length", Buffer.alloc(3)],
    ["a frame of no bytes", Buffer.alloc(4)],
  ];
  for (const [what, frame] of others) {
    it(`is not ${what}`, async () => {
      expect(await takes(false, frame)).toEqual({ wrote: [5], left: frame.length });
    });
  }

  it("is 2 MiB and 512 requests at most, data of the first included", async () => {
    const { file, asked } = full(2 ** 30, false);
    const frames = new FrameQueue();
    const piece = 256 * 1024;
    for (let at = 0; at < 9 * piece; at += piece) {
      frames.push(requests.write(u64(1), at, data(piece)));
    }
    expect(await start(file, frames)).toHaveLength(8);
    frames.clear();
    for (let at = 0; at < 600; at++) frames.push(requests.write(u64(1), at, data(1)));
    expect((await start(file, frames)).length).toBe(512);
    expect(asked).toEqual([8 * piece, 512]);
  });
});

describe("a WRITE that is refused", () => {
  it("leaves the queue all the same", async () => {
    const { file } = full(100, false);
    const requests = new Requests();
    for (const frame of [
      requests.write(u64(9), 0, "no such handle"),
      requests.write(Buffer.alloc(7), 0, "never ours"),
      requests.write(u64(1), 2 ** 53, "too far"),
    ]) {
      const frames = new FrameQueue();
      frames.push(frame);
      await expect(start(file, frames)).rejects.toThrow(FsError);
      expect(frames.size).toBe(0);
    }
  });
});

it("takes no frame along that is longer than any may be: it ends the channel when its turn comes", async () => {
  const { file, asked } = full(10_000_000, false);
  const requests = new Requests();
  const frames = new FrameQueue();
  frames.push(requests.write(u64(1), 0, Buffer.alloc(10)));
  frames.push(requests.write(u64(1), 10, Buffer.alloc(MAX_FRAME)));
  expect(await start(file, frames)).toEqual([OK]);
  expect(asked).toEqual([10]);
  expect(frames.nextLength()).toBeGreaterThan(MAX_FRAME);
});

describe("a file that moves slowly", () => {
  it("gets no more at once than it likes, but at least one WRITE", async () => {
    const { file, asked } = full(1000, false);
    const slow = { ...file, mostAtOnce: 25 } as OpenFile;
    expect(await run(slow, [10, 10, 10])).toEqual([OK, OK]);
    expect(await run(slow, [30, 1])).toEqual([OK]);
    expect(asked).toEqual([20, 30]);
  });
});
