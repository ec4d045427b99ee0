import { describe, expect, it } from "vitest";
import { FsError } from "../../../../src/errors.ts";
import { okReplies, statusReply } from "../../../../src/sftp/replies.ts";
import { readAttrs, toChange, writeAttrs } from "../../../../src/sftp/wire/attrs.ts";
import { PacketType } from "../../../../src/sftp/wire/constants.ts";
import { MalformedError, Reader } from "../../../../src/sftp/wire/reader.ts";
import { Writer } from "../../../../src/sftp/wire/writer.ts";
import { type ByteString, fromText } from "../../../../src/vfs/path.ts";
import { attrs, str, u32, u64 } from "../../../support/sftp-client-packets.ts";

const OWNER = { uid: 1042, gid: 1043, user: "ada", group: "users" };

describe("Reader", () => {
  it("reads 64-bit numbers exactly below 2^53 and as Infinity from there on", () => {
    const values = [0n, 1n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n - 1n];
    for (const value of values) expect(new Reader(u64(value)).u64()).toBe(Number(value));
    for (const value of [2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]) {
      expect(new Reader(u64(value)).u64()).toBe(Number.POSITIVE_INFINITY);
    }
  });

  it("refuses every field that the frame is too short for", () => {
    const fields: ((reader: Reader) => unknown)[] = [
      (reader) => reader.u32(),
      (reader) => reader.u64(),
      (reader) => reader.string(),
      (reader) => reader.path(),
      (reader) => reader.handle(),
    ];
    for (const field of fields) {
      for (const short of [Buffer.alloc(0), Buffer.from([0, 0, 1])]) {
        expect(() => field(new Reader(short))).toThrow(MalformedError);
      }
    }
    expect(() => new Reader(Buffer.concat([u32(0xffffffff), Buffer.alloc(9)])).string()).toThrow(
      MalformedError,
    );
  });

  it("refuses paths over PATH_MAX and keeps bytes that are not UTF-8", () => {
    expect(() => new Reader(str(Buffer.alloc(4097, "a"))).path()).toThrow(FsError);
    expect(new Reader(str(Buffer.from([0xff, 0x2f]))).path()).toBe("\xff/");
  });

  it("takes only strings of eight bytes for handles", () => {
    expect(new Reader(str(u64(5))).handle()).toBe(5);
    for (const length of [0, 4, 7, 9, 256]) {
      expect(new Reader(str(Buffer.alloc(length))).handle()).toBe(-1);
    }
  });
});

describe("Writer", () => {
  it("writes length, type and fields, and grows", () => {
    const long = "x".repeat(1000) as ByteString;
    const frame = new Writer(PacketType.NAME, 16)
      .u32(7)
      .u64(2 ** 40 + 3)
      .u64(2n ** 64n - 1n)
      .bytes(long)
      .text("é")
      .string(Buffer.from([1]))
      .finish();
    const expected = Buffer.concat([
      Buffer.from([PacketType.NAME]),
      u32(7),
      u64(2 ** 40 + 3),
      u64(2n ** 64n - 1n),
      str(long),
      str("é"),
      str(Buffer.from([1])),
    ]);
    expect(frame).toEqual(Buffer.concat([u32(expected.length), expected]));
  });
});

describe("attributes", () => {
  it("reads each combination of fields", () => {
    for (let bits = 0; bits < 16; bits++) {
      const sent = {
        ...(bits & 1 && { size: 77 }),
        ...(bits & 2 && { owner: [1, 2] as const }),
        ...(bits & 4 && { permissions: 0o100644 }),
        ...(bits & 8 && { times: [3, 4] as const }),
        extended: [["name@example", "data"]] as const,
      };
      const reader = new Reader(Buffer.concat([attrs(sent), u32(9)]));
      expect(readAttrs(reader)).toEqual({
        ...(bits & 1 && { size: 77 }),
        ...(bits & 2 && { owner: { uid: 1, gid: 2 } }),
        ...(bits & 4 && { permissions: 0o100644 }),
        ...(bits & 8 && { times: { atime: 3, mtime: 4 } }),
      });
      expect(reader.u32()).toBe(9);
    }
  });

  it("hands on each extended pair, in order", () => {
    const seen: string[] = [];
    const extended = [
      ["a@example", "1"],
      ["b@example", ""],
      ["a@example", "2"],
    ] as const;
    const reader = new Reader(Buffer.concat([attrs({ size: 7, extended }), u32(9)]));
    expect(readAttrs(reader, (type, data) => seen.push(`${type}=${data}`))).toEqual({ size: 7 });
    expect(seen).toEqual(["a@example=1", "b@example=", "a@example=2"]);
    expect(reader.u32()).toBe(9);
  });

  it("refuses a count of extended pairs that lies", () => {
    const lie = Buffer.concat([u32(0x80000000), u32(0xffffffff), str("a"), str("b")]);
    expect(() => readAttrs(new Reader(lie))).toThrow(MalformedError);
  });

  it("masks the file type off permissions and refuses sizes no file has", () => {
    expect(toChange({ permissions: 0o100755 })).toEqual({ permissions: 0o755 });
    expect(toChange({ permissions: 0o4755 })).toEqual({ permissions: 0o4755 });
    expect(() => toChange({ size: Number.POSITIVE_INFINITY })).toThrow(FsError);
  });

  it("writes all fields, the owner's ids, and times within uint32", () => {
    const stat = { mode: 0o100600, nlink: 1, size: 2 ** 33, atime: -5, mtime: 2 ** 33 };
    const frame = writeAttrs(new Writer(PacketType.ATTRS), stat, OWNER).finish();
    const expected = [u32(15), u64(2 ** 33), u32(1042), u32(1043), u32(0o100600), u32(0)];
    expect(frame.subarray(5)).toEqual(Buffer.concat([...expected, u32(0xffffffff)]));
  });
});

describe("STATUS", () => {
  it("has a message and an empty language tag", () => {
    const body = Buffer.concat([u32(9), u32(4), str(fromText("why")), str("")]);
    const whole = Buffer.concat([u32(body.length + 1), Buffer.from([PacketType.STATUS]), body]);
    expect(statusReply(9, 4, "why")).toEqual(whole);
  });

  it("is made for many requests at once", () => {
    const each = [1, 0xffffffff].map((id) => statusReply(id, 0, "Success"));
    expect(okReplies([1, 0xffffffff])).toEqual(Buffer.concat(each));
  });
});
