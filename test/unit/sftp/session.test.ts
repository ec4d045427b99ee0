import { describe, expect, it } from "vitest";
import { PacketType } from "../../../src/sftp/wire/constants.ts";
import { MemoryFs } from "../../support/memory-fs.ts";
import { randomDelay, serveMemory, startMemory } from "../../support/sftp-client-memory.ts";
import { frame, Requests, u32 } from "../../support/sftp-client-packets.ts";

const init = (version: number) => frame(PacketType.INIT, u32(version));

describe("INIT", () => {
  it("of any version is answered with 3 and every extension, as OpenSSH's server does", async () => {
    for (const version of [0, 1, 2, 3, 4, 6, 0xffffffff]) {
      const { client } = serveMemory(new MemoryFs());
      const answer = await client.init(version);
      expect(answer.version).toBe(3);
      expect(Object.fromEntries(answer.extensions)).toEqual({
        "limits@openssh.com": "1",
        "posix-rename@openssh.com": "1",
        "statvfs@openssh.com": "2",
        "fstatvfs@openssh.com": "2",
        "hardlink@openssh.com": "1",
        "fsync@openssh.com": "1",
        "lsetstat@openssh.com": "1",
        "copy-data": "1",
        "expand-path@openssh.com": "1",
        "home-directory": "1",
        "users-groups-by-id@openssh.com": "1",
        "spaces@moorage": "1",
      });
    }
  });
});

describe("a second INIT", () => {
  it("is answered again, in order with what is under way, and the channel goes on", async () => {
    const { client } = await startMemory({ delay: randomDelay(4) });
    const handle = await client.open("f", 0x1a);
    client.send(client.requests.write(handle, 0, "data"));
    const written = client.reply();
    const again = client.init();
    expect([(await written).code, (await again).version]).toEqual([0, 3]);
  });
});

describe("a protocol error ends the channel", () => {
  const requests = new Requests();
  const cases: [string, Buffer[]][] = [
    ["an INIT without a version", [frame(PacketType.INIT, Buffer.from([3]))]],
    ["a request before INIT", [requests.stat("/")]],
    ["a frame of no bytes", [init(3), u32(0)]],
    ["a frame over 256 KiB", [init(3), u32(256 * 1024 + 2000)]],
    ["a frame of 4 GiB", [init(3), u32(0xffffffff)]],
    ["a request without an id", [init(3), frame(PacketType.STAT, Buffer.from([0, 0]))]],
    ["text", [Buffer.from("GET / HTTP/1.1\r\n\r\n")]],
  ];
  for (const [what, frames] of cases) {
    it(`: ${what}`, async () => {
      const { client, channel, errors, session } = serveMemory(new MemoryFs());
      client.send(...frames);
      await client.closed;
      expect(channel.destroyed).toBe(true);
      expect(errors.length).toBe(1);
      await session.close();
    });
  }

  it("after the replies to what came before it, with all files closed", async () => {
    const { fs, client, session } = await startMemory({ delay: randomDelay(4) });
    const r = client.requests;
    const handle = await client.open("f", 0x1a);
    const before = [r.write(handle, 0, "data"), r.stat("f"), r.mkdir("d")];
    client.send(...before, u32(0), r.mkdir("e"));
    await client.closed;
    await session.close();
    expect(fs.openFiles).toBe(0);
    expect(fs.calls).toContain("write");
    expect(fs.calls).not.toContain("closeDirectory");
    expect(fs.calls.filter((call) => call === "makeDirectory").length).toBeLessThanOrEqual(1);
  });
});

describe("the client's EOF", () => {
  it("is answered with exit status 0 after every reply, with all handles closed", async () => {
    const { fs, client, channel, session } = await startMemory({ delay: randomDelay(8) });
    const r = client.requests;
    const handle = await client.open("f", 0x1a);
    await client.call(r.opendir("/"));
    const requests = Array.from({ length: 200 }, (_, index) => r.write(handle, index * 9, "data"));
    client.send(...requests, r.stat("f").subarray(0, 7));
    client.end();
    for (const request of requests) expect((await client.reply()).id).toBe(request.readUInt32BE(5));
    await client.closed;
    expect(channel.exitStatus).toBe(0);
    expect([fs.openFiles, fs.openDirectories, session.openHandles]).toEqual([0, 0, 0]);
  });

  it("ends a channel that never said anything", async () => {
    const { client, channel } = serveMemory(new MemoryFs());
    client.end();
    await client.closed;
    expect(channel.exitStatus).toBe(0);
  });
});

describe("a lost connection", () => {
  it("stops, waits for what runs and closes all handles", async () => {
    const { fs, client, channel, session } = await startMemory({ delay: randomDelay(2) });
    const r = client.requests;
    const handle = await client.open("f", 0x1a);
    await client.open("g", 0x1a);
    const requests = Array.from({ length: 500 }, (_, index) => r.write(handle, index * 9, "data"));
    client.send(...requests);
    await client.reply();
    channel.disconnect();
    await session.close();
    expect([fs.running, fs.openFiles, session.openHandles]).toEqual([0, 0, 0]);
    const calls = fs.calls.length;
    await new Promise((resolve) => setImmediate(resolve));
    expect(fs.calls.length).toBe(calls);
  });
});

describe("close", () => {
  it("ends the channel once operations and handles are done, also when called twice", async () => {
    const { fs, client, channel, session } = await startMemory({ delay: randomDelay(6) });
    const handle = await client.open("f", 0x1a);
    client.send(client.requests.write(handle, 0, "data"), client.requests.stat("f"));
    await Promise.all([session.close(), session.close()]);
    expect([fs.running, fs.openFiles, channel.destroyed]).toEqual([0, 0, true]);
    await session.close();
  });

  it("reports a handle that fails to close and closes the others", async () => {
    let failing = false;
    const fail = (operation: string) => (failing && operation === "close" ? "EIO" : undefined);
    const { client, session, errors, fs } = await startMemory({ fail });
    await client.open("f", 0x1a);
    await client.open("g", 0x1a);
    failing = true;
    await session.close();
    expect(errors).toEqual(["close: Input/output error", "close: Input/output error"]);
    expect(fs.calls.filter((call) => call === "close").length).toBe(2);
  });
});

describe("options", () => {
  it("maxHandles bounds open files and directories together", async () => {
    const { client, session } = await startMemory({}, { maxHandles: 64 });
    const r = client.requests;
    const handles: Buffer[] = [];
    for (let index = 0; index < 64; index++) {
      const request = index % 2 ? r.opendir("/") : r.open(`f${index}`, 0x1a);
      handles.push((await client.call(request)).handle);
    }
    expect(session.openHandles).toBe(64);
    const [file, directory] = await client.all(r.open("more", 0x1a), r.opendir("/"));
    expect([file?.code, directory?.code]).toEqual([4, 4]);
    expect(file?.text).toMatch(/too many open handles/i);
    expect((await client.call(r.stat("more"))).code).toBe(2);
    await client.ok(r.close(handles[0] as Buffer));
    await client.open("more", 0x1a);
  });

  it("onActivity is called for requests", async () => {
    let active = 0;
    const onActivity = () => {
      active++;
    };
    const { client } = await startMemory({}, { onActivity });
    const before = active;
    await client.call(client.requests.stat("/"));
    expect(active).toBeGreaterThan(before);
  });
});
