import { connect, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { MetricsEndpoint, type Pages, plainPage } from "../../../src/metrics/endpoint.ts";
import { ask } from "../../support/metrics.ts";

let endpoint: MetricsEndpoint | undefined;
const errors: unknown[] = [];

afterEach(async () => {
  errors.length = 0;
  await endpoint?.close();
});

async function serve(pages: Pages): Promise<{ port: number }> {
  endpoint = new MetricsEndpoint(pages, (error) => errors.push(error));
  return { port: await endpoint.listen({ host: "127.0.0.1", port: 0 }) };
}

const PAGES: Pages = {
  "/metrics": async () => plainPage(200, "figures\n"),
  "/broken": () => Promise.reject(new Error("secret of the inside")),
};

test("GET and HEAD of what there is; all else is not found", async () => {
  const at = await serve(PAGES);
  expect(await ask(at, "/metrics")).toMatchObject({ status: 200, text: "figures\n" });
  expect(await ask(at, "/metrics?x=1")).toMatchObject({ status: 200 });
  const head = await ask(at, "/metrics", { method: "HEAD" });
  expect(head).toMatchObject({ status: 200, text: "", headers: { "content-length": "8" } });
  for (const path of ["/", "/metrics/", "/../metrics", "/toString", "/__proto__", "*"]) {
    expect(await ask(at, path)).toMatchObject({ status: 404, text: "not found\n" });
  }
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
    expect(await ask(at, "/metrics", { method })).toMatchObject({ status: 404 });
  }
});

test("what a page fails by is for the log, not for who asks", async () => {
  const at = await serve(PAGES);
  expect(await ask(at, "/broken")).toMatchObject({ status: 503, text: "unavailable\n" });
  expect(errors).toHaveLength(1);
});

test("a body is not read: the connection ends with the answer", async () => {
  const at = await serve(PAGES);
  const answer = await ask(at, "/metrics", { method: "POST", body: "x".repeat(1000) });
  expect(answer).toMatchObject({ status: 404, headers: { connection: "close" } });
});

test("long headers and what is no HTTP end the connection", async () => {
  const at = await serve(PAGES);
  await expect(ask(at, `/${"x".repeat(5_000)}`)).rejects.toThrow();
  const socket = connect({ ...at, host: "127.0.0.1" });
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.on("error", () => {});
  socket.write("SSH-2.0-OpenSSH\r\n");
  await closed;
});

test("no more connections than there are places for", async () => {
  const { port } = await serve(PAGES);
  const open = Array.from({ length: 40 }, () => connect({ port, host: "127.0.0.1" }));
  const closed: Socket[] = [];
  await new Promise<void>((resolve) => {
    for (const socket of open) {
      socket.on("error", () => {});
      // An end that is not read is not seen.
      socket.resume();
      socket.once("close", () => {
        if (closed.push(socket) === 24) resolve();
      });
    }
  });
  const [one] = open.filter((socket) => !closed.includes(socket));
  const said = new Promise<string>((resolve) => one?.once("data", (data) => resolve(`${data}`)));
  one?.write("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  expect(await said).toMatch(/^HTTP\/1\.1 200 /);
  for (const socket of open) socket.destroy();
});
