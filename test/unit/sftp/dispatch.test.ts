import { describe, expect, it } from "vitest";
import { requestAt } from "../../../src/sftp/dispatch.ts";
import { MAX_PACKET, PacketType } from "../../../src/sftp/wire/constants.ts";
import { FrameQueue } from "../../../src/sftp/wire/frames.ts";
import { frame, Requests, str, u32 } from "../../support/sftp-client-packets.ts";

/** What may run beside a request, and the room that its reply wants. */
function looked(request: Buffer) {
  const frames = new FrameQueue();
  frames.push(request);
  const { kind, replyRoom } = requestAt(frames);
  return { kind, room: replyRoom?.(frames) ?? 0 };
}

const { LSTAT, FSTAT, REALPATH, STAT, READLINK, READ, OPEN, SYMLINK } = PacketType;

describe("a request", () => {
  it("may overlap others only where it changes nothing", () => {
    const types = Array.from({ length: SYMLINK - OPEN + 1 }, (_, index) => OPEN + index);
    const observing = types.filter((type) => looked(frame(type, u32(1))).kind === "observe");
    const expected = [LSTAT, FSTAT, REALPATH, STAT, READLINK, READ];
    expect(observing).toEqual(expected.sort((a, b) => a - b));
  });

  it("that is extended is known by its name", () => {
    const requests = new Requests();
    const serial = { kind: "serial", room: 0 };
    for (const name of ["check-file", "check-file-handle", "check-file-name"]) {
      expect(looked(requests.extended(name))).toEqual({ kind: "observe", room: MAX_PACKET });
    }
    for (const name of ["copy-data", "fsync@openssh.com", "unknown@nowhere", "x".repeat(1000)]) {
      expect(looked(requests.extended(name))).toEqual(serial);
    }
    const cut = str("check-file").subarray(0, 10);
    for (const rest of [Buffer.alloc(0), Buffer.alloc(3), cut]) {
      expect(looked(frame(PacketType.EXTENDED, u32(1), rest))).toEqual(serial);
    }
  });
});
