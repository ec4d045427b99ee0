import { execFileSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer as createNetServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { Poster } from "../../../src/events/post.ts";
import type { Resolve } from "../../../src/events/resolver.ts";
import type { Outcome, Receiver } from "../../../src/events/types.ts";
import { listener, receiver, SECRET } from "./world.ts";

const SOURCE = { root: "/nowhere", env: { SECRET } };
const LOOPBACK = ["127.0.0.0/8", "::1"];

function poster(change: Partial<Receiver>, resolve?: Resolve, env = SOURCE.env): Poster {
  const made = new Poster(receiver({ allow: LOOPBACK, ...change }), { ...SOURCE, env }, resolve);
  onTestFinished(() => made.close());
  return made;
}

function send(to: Poster, body = "{}"): Promise<Outcome> {
  return to.send("the-id", body, new AbortController().signal);
}

describe("a post", () => {
  test("is JSON, and signed as Standard Webhooks has it", async () => {
    const { port, received } = await listener();
    const outcome = await send(poster({ url: `http://127.0.0.1:${port}/hook?a=b` }), '{"a":1}');
    expect(outcome).toEqual({ ok: true, text: "answered 204" });
    const { path, headers, body } = received[0] ?? {};
    expect({ path, body }).toEqual({ path: "/hook?a=b", body: '{"a":1}' });
    const at = headers?.["webhook-timestamp"];
    const key = Buffer.alloc(24, "s");
    const wanted = createHmac("sha256", key).update(`the-id.${at}.{"a":1}`).digest("base64");
    expect(headers).toMatchObject({
      "content-type": "application/json",
      "webhook-id": "the-id",
      "webhook-signature": `v1,${wanted}`,
    });
    expect(Math.abs(Number(at) - Date.now() / 1000)).toBeLessThan(600);
  });

  test("has a signature by each secret while one replaces another", async () => {
    const { port, received } = await listener();
    const two = `${SECRET}\n${Buffer.alloc(32, "t").toString("base64")}\n`;
    await send(poster({ url: `http://127.0.0.1:${port}` }, undefined, { SECRET: two }));
    expect(received[0]?.headers["webhook-signature"]).toMatch(/^v1,\S{44} v1,\S{44}$/);
  });

  test("goes over one connection, one after the other", async () => {
    const ports = new Set<number | undefined>();
    const { port } = await listener((response) => {
      ports.add(response.socket?.remotePort);
      response.writeHead(200).end("thanks");
    });
    const to = poster({ url: `http://127.0.0.1:${port}` });
    for (let times = 0; times < 3; times += 1) expect(await send(to)).toMatchObject({ ok: true });
    expect(ports.size).toBe(1);
  });

  test("on a connection that was closed meanwhile goes over a new one", async () => {
    const { port, received } = await listener((response) => {
      // Without saying so, as a server that is restarted.
      response.writeHead(204).end(() => setImmediate(() => response.socket?.resetAndDestroy()));
    });
    const to = poster({ url: `http://127.0.0.1:${port}` });
    for (let times = 0; times < 5; times += 1) expect(await send(to)).toMatchObject({ ok: true });
    expect(received.length).toBeGreaterThanOrEqual(5);
  });

  test.each([
    [500, "answered 500", false],
    [404, "answered 404", false],
    [429, "answered 429", false],
    [422, "answered 422", true],
    [400, "answered 400", true],
  ])("that is answered %i failed", async (status, text, refused) => {
    const { port } = await listener((response) => response.writeHead(status).end());
    const outcome = await send(poster({ url: `http://127.0.0.1:${port}` }));
    expect(outcome).toEqual({ ok: false, text, refused });
  });

  test("to where nobody listens says so", async () => {
    const server = createNetServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    await new Promise((resolve) => server.close(resolve));
    const outcome = await send(poster({ url: `http://127.0.0.1:${port}` }));
    expect(outcome).toEqual({ ok: false, text: "ECONNREFUSED", refused: false });
  });
});

describe("attack: the URL leads to the machine itself", () => {
  test.each([
    "127.0.0.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "127.1",
    "0",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "localhost",
    "127.0.0.1.",
  ])("as %s", async (host) => {
    const { port, received } = await listener();
    const outcome = await send(poster({ url: `https://${host}:${port}/`, allow: ["192.0.2.1"] }));
    expect(outcome).toMatchObject({ ok: false });
    expect(outcome.text).toMatch(/ is this machine, and not in `allow`$/);
    expect(received).toEqual([]);
  });

  test("to the addresses of metadata services", async () => {
    for (const host of ["169.254.169.254", "[fd00:ec2::254]", "100.100.100.200"]) {
      const outcome = await send(poster({ url: `https://${host}/latest`, allow: [] }));
      expect(outcome.text).toContain("not in `allow`");
    }
  });

  test("by a name", async () => {
    const { port, received } = await listener();
    const resolve: Resolve = async () => [{ address: "127.0.0.1", family: 4 }];
    const to = poster({ url: `https://good.example:${port}/`, allow: [] }, resolve);
    expect(await send(to)).toMatchObject({
      ok: false,
      text: "127.0.0.1 is this machine, and not in `allow`",
    });
    expect(received).toEqual([]);
  });
});

describe("attack: a name that leads elsewhere the next time (DNS rebinding)", () => {
  test("a connection goes to the address that was looked at, and the name is asked once for it", async () => {
    const { port, received } = await listener((response) => {
      response.writeHead(204, { connection: "close" }).end();
    });
    const answers = ["127.0.0.1", "127.0.0.2", "127.0.0.1"];
    let asked = 0;
    const resolve: Resolve = async () => {
      asked += 1;
      return [{ address: answers.shift() ?? "", family: 4 }];
    };
    const to = poster({ url: `http://name.example:${port}/`, allow: ["127.0.0.1"] }, resolve);
    expect(await send(to)).toMatchObject({ ok: true });
    expect(asked).toBe(1);
    expect((await send(to)).text).toContain("127.0.0.2 is not in `allow`");
    expect(await send(to)).toMatchObject({ ok: true });
    expect([asked, received.length]).toEqual([3, 2]);
    expect(received[0]?.headers.host).toBe(`name.example:${port}`);
  });

  test("of several addresses only one that may be is connected to", async () => {
    const { port, received } = await listener();
    const resolve: Resolve = async () => [
      { address: "169.254.169.254", family: 4 },
      { address: "127.0.0.1", family: 4 },
    ];
    const to = poster({ url: `http://name.example:${port}/`, allow: ["127.0.0.1"] }, resolve);
    expect(await send(to)).toMatchObject({ ok: true });
    expect(received).toHaveLength(1);
  });
});

describe("attack: what a receiver answers", () => {
  test("a redirect to loopback is not followed", async () => {
    const target = await listener();
    const { port } = await listener((response) => {
      response.writeHead(307, { location: `http://127.0.0.1:${target.port}/` }).end();
    });
    const outcome = await send(poster({ url: `http://127.0.0.1:${port}` }));
    expect(outcome.text).toBe("answered 307: redirects are not followed");
    expect(target.received).toEqual([]);
  });

  test("a response without end is not read to its end", async () => {
    let sent = 0;
    let close = (): void => {};
    const closed = new Promise<void>((resolve) => {
      close = resolve;
    });
    const { port } = await listener((response) => {
      response.writeHead(200);
      const more = (): void => {
        while (response.write(Buffer.alloc(16_384))) sent += 16_384;
      };
      response
        .on("drain", more)
        .on("close", close)
        .on("error", () => {});
      more();
    });
    expect(await send(poster({ url: `http://127.0.0.1:${port}` }))).toMatchObject({ ok: true });
    await closed;
    // What the sockets of both ends hold is all that could be sent besides.
    expect(sent).toBeLessThan(32_000_000);
  });

  test("headers without end are a failure", async () => {
    const { port } = await listener((response) => {
      response.socket?.write("HTTP/1.1 200 OK\r\n");
      const line = `x: ${"y".repeat(1_000)}\r\n`;
      for (let times = 0; times < 100; times += 1) response.socket?.write(line);
    });
    const outcome = await send(poster({ url: `http://127.0.0.1:${port}` }));
    expect(outcome).toMatchObject({ ok: false, text: "HPE_HEADER_OVERFLOW" });
  });

  test("no answer at all ends in time", async () => {
    const { port } = await listener(() => {});
    const outcome = await send(poster({ url: `http://127.0.0.1:${port}`, timeout: 50 }));
    expect(outcome).toEqual({ ok: false, text: "no answer in time", refused: false });
  });

  test("a receiver that reads slowly, or not at all, ends in time", async () => {
    const server = createNetServer((socket) => socket.pause());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };
    const to = poster({ url: `http://127.0.0.1:${port}`, timeout: 50 });
    const outcome = await send(to, "x".repeat(20_000_000));
    expect(outcome.text).toBe("no answer in time");
  });

  test("status lines and interim answers without end, in time", async () => {
    const { port } = await listener((response) => {
      const timer = setInterval(() => response.writeProcessing(), 1);
      response.on("close", () => clearInterval(timer));
    });
    const outcome = await send(poster({ url: `http://127.0.0.1:${port}`, timeout: 50 }));
    expect(outcome.text).toBe("no answer in time");
  });

  test("a name that is not resolved ends in time, and is not asked for again meanwhile", async () => {
    let asked = 0;
    const resolve: Resolve = () => {
      asked += 1;
      return new Promise(() => {});
    };
    const to = poster({ url: "https://name.example/", timeout: 50 }, resolve);
    expect((await send(to)).text).toBe("no answer in time");
    expect((await send(to)).text).toBe("no answer in time");
    expect(asked).toBe(1);
  });
});

describe("secrets", () => {
  test.each([
    [undefined, "variable SECRET is not set"],
    ["", "variable SECRET must have 1 to 4 lines"],
    ["c2hvcnQ=", "each at least 16 bytes"],
    ["not base64 !!", "in base64"],
  ])("%j is none, and the message does not have it", async (value, text) => {
    const env = { SECRET: value } as { SECRET: string };
    const { port, received } = await listener();
    const outcome = await send(poster({ url: `http://127.0.0.1:${port}` }, undefined, env));
    expect(outcome.text).toContain(text);
    if (value) expect(outcome.text).not.toContain(value);
    expect(received).toEqual([]);
  });

  test("a file that is none, or has no end, or never begins, is not read", async () => {
    const directory = mkdtempSync(join(tmpdir(), "moorage-pipe-"));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const pipe = join(directory, "pipe");
    execFileSync("mkfifo", [pipe]);
    for (const file of ["/dev/zero", "/etc", "/nowhere/at-all", pipe]) {
      const { port } = await listener();
      const to = poster({ url: `http://127.0.0.1:${port}`, secretFile: file, secretEnv: "" });
      expect((await send(to)).text).toMatch(/is no file|can't be read/);
    }
  });
});
