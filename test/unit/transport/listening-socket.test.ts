import { connect, type Socket } from "node:net";
import { expect, test } from "vitest";
import { ListeningSocket } from "../../../src/transport/listening-socket.ts";

const HERE = { host: "127.0.0.1", port: 0 };

test.each([true, false])(
  "who comes before anybody takes connections waits (paused: %s)",
  async (paused) => {
    let came = 0;
    const socket = await ListeningSocket.open({ ...HERE, paused }, () => {
      came += 1;
    });
    expect(came).toBe(1);
    const client = connect(socket.address.port, "127.0.0.1");
    client.write("hello");
    await new Promise((resolve) => client.once("connect", resolve));
    // Another one, so that the first has been accepted for sure when it is.
    const accepted = new Promise<Socket>((resolve) => {
      setImmediate(() => socket.take(resolve, () => {}));
    });
    const taken = await accepted;
    const read = new Promise<string>((resolve) => taken.once("data", (data) => resolve(`${data}`)));
    taken.resume();
    expect(await read).toBe("hello");
    taken.destroy();
    client.destroy();
    socket.close();
    expect(socket.listening).toBe(false);
  },
);

test("what fails as it begins to listen closes it", async () => {
  const socket = await ListeningSocket.open({ ...HERE, paused: false });
  const { port } = socket.address;
  socket.close();
  const failing = ListeningSocket.open({ host: "127.0.0.1", port, paused: false }, () => {
    throw new Error("no");
  });
  await expect(failing).rejects.toThrow("no");
  const again = await ListeningSocket.open({ host: "127.0.0.1", port, paused: false });
  again.close();
});

test("an address that is taken is the system's error", async () => {
  const socket = await ListeningSocket.open({ ...HERE, paused: false });
  await expect(ListeningSocket.open({ ...socket.address, paused: false })).rejects.toMatchObject({
    code: "EADDRINUSE",
    syscall: "listen",
  });
  socket.close();
});
