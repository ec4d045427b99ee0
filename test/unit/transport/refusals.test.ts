import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { plainPacket, Refusals } from "../../../src/transport/refusals.ts";

test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 100, 255])(
  "a packet of %i bytes is well-formed",
  (length) => {
    const payload = Buffer.alloc(length, 7);
    const packet = plainPacket(payload);
    const padding = packet[4] ?? 0;
    // RFC 4253 section 6
    expect(packet.length % 8).toBe(0);
    expect(padding).toBeGreaterThanOrEqual(4);
    expect(packet.readUInt32BE(0)).toBe(packet.length - 4);
    expect(packet.subarray(5, packet.length - padding)).toEqual(payload);
  },
);

test("attack: many refused connections that stay open hold at most 256 sockets", async () => {
  const refusals = new Refusals("Test", () => 256);
  const accepted: Socket[] = [];
  const server = createServer((socket) => {
    accepted.push(socket);
    refusals.refuse(socket, "no");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const clients: Socket[] = [];
  onTestFinished(() => {
    for (const client of clients) client.destroy();
    server.close();
  });
  const reached = Array.from({ length: 400 }, async () => {
    // Half open: it doesn't close when the server has said all.
    const client = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    clients.push(client);
    client.on("error", () => {});
    await once(client, "connect").catch(() => {});
  });
  await Promise.all(reached);
  while (accepted.length < 400) await once(server, "connection");
  expect(accepted.filter((socket) => !socket.destroyed).length).toBeLessThanOrEqual(256);
});
