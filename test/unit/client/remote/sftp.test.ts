import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { ByteChannel } from "../../../../src/channel.ts";
import { Operations } from "../../../../src/client/remote/operations.ts";
import { SftpClientChannel, statusError } from "../../../../src/client/remote/sftp.ts";
import { PacketType } from "../../../../src/sftp/wire/constants.ts";
import { Writer } from "../../../../src/sftp/wire/writer.ts";

/** A channel whose other end is the test. */
class FakeChannel implements ByteChannel {
  onData: (chunk: Buffer) => void = () => {};
  onEnd: () => void = () => {};
  onClose: () => void = () => {};
  onDrain: () => void = () => {};
  queuedBytes = 0;
  readonly isFull = false;
  readonly sent: Buffer[] = [];
  consumed = 0;
  destroyed = false;
  write(data: Buffer): void {
    this.sent.push(data);
  }
  consume(bytes: number): void {
    this.consumed += bytes;
  }
  end(): void {}
  destroy(): void {
    this.destroyed = true;
  }
}

function version(...extensions: string[]): Buffer {
  const writer = new Writer(PacketType.VERSION).u32(3);
  for (const text of extensions) writer.text(text);
  return writer.finish();
}

async function started(...extensions: string[]) {
  const raw = new FakeChannel();
  const reasons: string[] = [];
  const channel = new SftpClientChannel(raw, (reason) => reasons.push(reason));
  const hello = channel.start();
  raw.onData(version(...extensions));
  await hello;
  return { raw, channel, operations: new Operations(channel), reasons };
}

function ok(id: number): Buffer {
  return new Writer(PacketType.STATUS).u32(id).u32(0).text("").text("").finish();
}

const handle = { id: Buffer.from("h"), path: "/f" };

describe("the client's end of an SFTP channel", () => {
  it("learns the extensions", async () => {
    const { channel } = await started("posix-rename@openssh.com", "1");
    expect([...channel.extensions]).toEqual([["posix-rename@openssh.com", "1"]]);
  });

  it("measures the line by answers to requests that were alone on their way", async () => {
    let now = 0;
    const clock = vi.spyOn(performance, "now").mockImplementation(() => now);
    onTestFinished(() => clock.mockRestore());
    const raw = new FakeChannel();
    const channel = new SftpClientChannel(raw, () => {});
    const answer = (id: number): void => raw.onData(ok(id));
    const ask = (): number => {
      const id = channel.id();
      void channel.send(id, Buffer.alloc(0));
      return id;
    };
    raw.onData(version());
    await channel.start();
    answer(0xffffffff);
    expect(channel.roundTrip).toBe(Number.POSITIVE_INFINITY);
    const alone = ask();
    now = 30;
    const behind = ask();
    now = 40;
    answer(behind);
    expect(channel.roundTrip).toBe(Number.POSITIVE_INFINITY);
    answer(alone);
    expect(channel.roundTrip).toBe(40);
    const quicker = ask();
    now = 45;
    answer(quicker);
    const slower = ask();
    now = 60;
    answer(slower);
    expect(channel.roundTrip).toBe(5);
  });

  it("takes a list of nothing for the end of a directory", async () => {
    const { raw, operations } = await started();
    const list = operations.readdir(handle);
    raw.onData(new Writer(PacketType.NAME).u32(1).u32(0).finish());
    expect(await list).toBeUndefined();
  });

  it("reads replies however they are cut", async () => {
    const data = Buffer.from("some bytes of a file");
    const reply = Buffer.concat([
      new Writer(PacketType.DATA).u32(1).string(data).finish(),
      new Writer(PacketType.STATUS).u32(2).u32(1).text("the end").text("").finish(),
      new Writer(PacketType.DATA).u32(3).string(Buffer.alloc(0)).finish(),
      new Writer(PacketType.HANDLE).u32(4).text("handle").finish(),
    ]);
    for (let size = 1; size <= reply.length; size++) {
      const { raw, operations } = await started();
      const before = raw.consumed;
      const reads = [1, 2, 3].map(() => operations.read(handle, 0, 20));
      const open = operations.open("/f", 1);
      for (let at = 0; at < reply.length; at += size) raw.onData(reply.subarray(at, at + size));
      expect((await reads[0])?.equals(data)).toBe(true);
      expect(await reads[1]).toBeUndefined();
      expect((await reads[2])?.length).toBe(0);
      expect((await open).id.toString()).toBe("handle");
      expect(raw.consumed - before).toBe(reply.length);
    }
  });

  it.each([
    ["a length no frame has", Buffer.from([0xff, 0xff, 0xff, 0xff, 103, 0, 0, 0, 1])],
    ["a length of nothing", Buffer.from([0, 0, 0, 0, 101, 0, 0, 0, 1])],
    ["a reply to nothing", new Writer(PacketType.STATUS).u32(77).u32(0).finish()],
    ["data whose length lies", Buffer.from([0, 0, 0, 12, 103, 0, 0, 0, 1, 0, 1, 0, 0, 1, 2, 3])],
    ["a status without a code", new Writer(PacketType.STATUS).u32(1).finish()],
    ["a second hello", version()],
    ["text", Buffer.from("This account is currently not available.\n")],
  ])("gives up on %s", async (_, bytes) => {
    const { raw, operations, reasons } = await started();
    const read = operations.read(handle, 0, 20);
    raw.onData(bytes);
    await expect(read).rejects.toMatchObject({ lost: true });
    expect(raw.destroyed).toBe(true);
    expect(reasons).toHaveLength(1);
    await expect(operations.read(handle, 0, 20)).rejects.toMatchObject({ lost: true });
  });

  it("takes in an answer that nobody waits for any more", async () => {
    const { raw, channel, operations } = await started();
    const late = operations.checkFile("/f", "sha256", undefined);
    await Promise.race([late, Promise.resolve()]);
    const digest = Buffer.alloc(32, 7);
    const reply = new Writer(PacketType.EXTENDED_REPLY).u32(1).text("sha256").raw(digest);
    raw.onData(reply.finish());
    expect(channel.lost).toBe(false);
    const stat = operations.stat("/f");
    raw.onData(new Writer(PacketType.ATTRS).u32(2).u32(0).finish());
    expect(await stat).toMatchObject({ size: 0 });
  });

  it("doesn't take a filesystem without blocks for a full one", async () => {
    const statvfs = async (blocks: number, free: number) => {
      const { raw, operations } = await started("statvfs@openssh.com", "2");
      const space = operations.space("/");
      const reply = new Writer(PacketType.EXTENDED_REPLY).u32(1);
      for (const value of [512, 1024, blocks, free, free, 0, 0, 0, 0, 0, 255]) reply.u64(value);
      raw.onData(reply.finish());
      return space;
    };
    expect(await statvfs(0, 0)).toBeUndefined();
    expect(await statvfs(8, 0)).toEqual({ totalBytes: 8192, freeBytes: 0 });
  });

  it("rejects all that waits when the connection is gone", async () => {
    const { raw, operations } = await started();
    const calls = [operations.stat("/a"), operations.remove("/b")];
    raw.onClose();
    for (const call of calls) await expect(call).rejects.toMatchObject({ lost: true });
  });

  it("refuses a list that claims more than it holds", async () => {
    const { raw, operations } = await started();
    const list = operations.readdir(handle);
    raw.onData(new Writer(PacketType.NAME).u32(1).u32(0xffffffff).finish());
    await expect(list).rejects.toThrow(/damaged/);
  });

  it("refuses a reply of another kind than asked for", async () => {
    const { raw, operations } = await started();
    const stat = operations.stat("/f");
    raw.onData(new Writer(PacketType.HANDLE).u32(1).text("h").finish());
    await expect(stat).rejects.toThrow(/^\/f: the server's answer/);
  });
});

describe("a status as a line", () => {
  it.each([
    [2, "No such file", "/f: no such file or directory"],
    [3, "", "/f: permission denied"],
    [4, "Failure", "/f: the server refuses it"],
    [4, "Quota exceeded: 1 of 2 bytes used", "/f: Quota exceeded: 1 of 2 bytes used"],
    [4, "two\nlines\u001b[2J", "/f: two lines [2J"],
    [99, "", "/f: the server answers status 99"],
  ])("%i %j", (code, text, expected) => {
    expect(statusError("/f", code, text).message).toBe(expected);
  });
});
