import { once } from "node:events";
import { readSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { proxied } from "../../../src/transport/proxied.ts";

const HEADER = "PROXY TCP4 203.0.113.9 192.0.2.1 40000 2222\r\n";

/** A connection as a supervisor gets it, and its other end. */
async function pair(): Promise<{ near: Socket; far: Socket }> {
  const server = createServer({ pauseOnConnect: true });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const far = connect(port, "127.0.0.1");
  const [near] = (await once(server, "connection")) as [Socket];
  onTestFinished(() => {
    for (const socket of [near, far]) socket.destroy();
    server.close();
  });
  return { near, far };
}

/** What the system has for whoever reads the connection next; empty: nothing yet. */
function waiting(socket: Socket): string {
  const { fd } = (socket as unknown as { _handle: { fd: number } })._handle;
  const buffer = Buffer.alloc(100);
  try {
    return buffer.toString("latin1", 0, readSync(fd, buffer));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return "";
    throw error;
  }
}

test("what comes behind the header before another process has the connection is given to it", async () => {
  const { near, far } = await pair();
  const arrival = proxied(near);
  far.write(`${HEADER}one `);
  const { from, head, rest } = await arrival;
  expect({ from: from.address, head: head.toString() }).toEqual({
    from: "203.0.113.9",
    head: "one ",
  });
  far.write("two ");
  await expect.poll(() => near.readableLength, { interval: 1 }).toBe(4);
  expect(rest?.().toString()).toBe("two ");
  // From here on the other process reads.
  far.write("three");
  await expect.poll(() => waiting(near), { interval: 1 }).toBe("three");
  expect(near.readableLength).toBe(0);
});

test("one that nobody hands on goes on with what was read", async () => {
  const { near, far } = await pair();
  const arrival = proxied(near);
  far.write(`${HEADER}one `);
  const { head } = await arrival;
  far.write("two ");
  await expect.poll(() => near.readableLength, { interval: 1 }).toBe(4);
  near.unshift(head);
  near.resume();
  const pieces: string[] = [];
  near.on("data", (piece) => pieces.push(piece.toString()));
  far.write("three");
  await expect.poll(() => pieces.join(""), { interval: 1 }).toBe("one two three");
});
