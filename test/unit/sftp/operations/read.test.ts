import { describe, expect, it } from "vitest";
import { FsError } from "../../../../src/errors.ts";
import { slabs } from "../../../../src/memory/slabs.ts";
import type { OperationContext } from "../../../../src/sftp/context.ts";
import { Handles, UNKNOWN_END } from "../../../../src/sftp/handles.ts";
import { read } from "../../../../src/sftp/operations/read.ts";
import { MAX_DATA, PacketType } from "../../../../src/sftp/wire/constants.ts";
import { frameRoom, recycle } from "../../../../src/sftp/wire/frame-memory.ts";
import { FrameQueue } from "../../../../src/sftp/wire/frames.ts";
import type { OpenFile } from "../../../../src/vfs/types.ts";
import { Requests, u64 } from "../../../support/sftp-client-packets.ts";

const KIB = 1024;
const requests = new Requests();

function queueOf(frame: Buffer): FrameQueue {
  const frames = new FrameQueue();
  frames.push(frame);
  return frames;
}

/**
 * A file of `size` bytes, open by the handle 1, and how many bytes were asked of it each time.
 * @param expectedEnd what was known of the size
 */
function open(size: number, failsAt = Number.POSITIVE_INFINITY, expectedEnd = UNKNOWN_END) {
  const asked: number[] = [];
  const file = {
    flags: { read: true },
    read: async (_: Buffer, __: number, length: number, position: number) => {
      asked.push(length);
      if (asked.length >= failsAt) throw new FsError("EIO");
      return Math.max(0, Math.min(length, size - position));
    },
  } as unknown as OpenFile;
  const handles = new Handles(64);
  handles.add({ kind: "file", file, expectedEnd });
  const context = { handles } as unknown as OperationContext;
  const start = (position: number, length: number) =>
    read.start(context, 5, queueOf(requests.read(u64(1), position, length)));
  return { asked, start };
}

/** The reply's type and bytes of data; its memory goes back. */
async function take(reply: Promise<Buffer>): Promise<[type: number, bytes: number]> {
  const frame = await reply;
  recycle(frame);
  return [frame.readUInt8(4), frame.readUInt8(4) === PacketType.DATA ? frame.readUInt32BE(9) : 0];
}

describe("how much a READ asks of the file", () => {
  it("is little of a small file, and nothing more", async () => {
    const { asked, start } = open(1000);
    expect(await take(start(0, 255 * KIB))).toEqual([PacketType.DATA, 1000]);
    expect(await take(start(1000, 255 * KIB))).toEqual([PacketType.STATUS, 0]);
    expect(asked).toEqual([32 * KIB, 1]);
  });

  it("is a byte more than a file has whose size is known", async () => {
    const { asked, start } = open(4 * KIB, undefined, 4 * KIB);
    expect(await take(start(0, 255 * KIB))).toEqual([PacketType.DATA, 4 * KIB]);
    expect(await take(start(4 * KIB, 255 * KIB))).toEqual([PacketType.STATUS, 0]);
    expect(asked).toEqual([4 * KIB + 1, 1]);
  });

  it("is all of it when the file has grown or is shorter than was known", async () => {
    const grown = open(100 * KIB, undefined, 4 * KIB);
    expect(await take(grown.start(0, 255 * KIB))).toEqual([PacketType.DATA, 100 * KIB]);
    const cut = open(2 * KIB, undefined, 4 * KIB);
    expect(await take(cut.start(0, 32 * KIB))).toEqual([PacketType.DATA, 2 * KIB]);
    expect(await take(cut.start(4 * KIB, 32 * KIB))).toEqual([PacketType.STATUS, 0]);
  });

  it("is the rest, once, of a file that has more, and then all at once", async () => {
    const { asked, start } = open(1000 * KIB);
    expect(await take(start(0, 255 * KIB))).toEqual([PacketType.DATA, 255 * KIB]);
    expect(await take(start(255 * KIB, 255 * KIB))).toEqual([PacketType.DATA, 255 * KIB]);
    expect(asked).toEqual([32 * KIB, 223 * KIB, 255 * KIB]);
  });

  it("is at most what one reply takes", async () => {
    const { asked, start } = open(1000 * KIB);
    expect(await take(start(0, 2 ** 32 - 1))).toEqual([PacketType.DATA, MAX_DATA]);
    expect(asked.reduce((sum, length) => sum + length)).toBe(MAX_DATA);
  });
});

describe("the memory of a READ", () => {
  it("comes back when the file can't be read, at once or in the middle", async () => {
    const before = slabs.bytesOut;
    for (const failsAt of [1, 2]) {
      const { asked, start } = open(1000 * KIB, failsAt);
      await expect(start(0, 255 * KIB)).rejects.toThrow(FsError);
      expect([asked.length, slabs.bytesOut]).toEqual([failsAt, before]);
    }
  });

  it("is known before it starts", () => {
    const room = (frame: Buffer) => read.replyRoom?.(queueOf(frame));
    expect(room(requests.read(u64(1), 0, 0))).toBe(frameRoom(0));
    expect(room(requests.read(u64(1), 0, 100 * KIB))).toBe(frameRoom(100 * KIB));
    expect(room(requests.read(u64(1), 0, 2 ** 32 - 1))).toBe(frameRoom(MAX_DATA));
    expect(room(requests.stat("short"))).toBe(0);
  });
});
