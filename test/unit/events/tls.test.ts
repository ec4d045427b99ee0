import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { Poster } from "../../../src/events/post.ts";
import { receiver, SECRET } from "./world.ts";

const root = mkdtempSync(join(tmpdir(), "moorage-events-tls-"));
afterAll(() => rmSync(root, { recursive: true }));

beforeAll(() => {
  const request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
  const files = ["-keyout", join(root, "key"), "-out", join(root, "certificate")];
  const names = ["-subj", "/CN=t", "-addext", "subjectAltName=DNS:good.example,IP:127.0.0.1"];
  execFileSync("openssl", [...request.split(" "), ...files, ...names], { stdio: "ignore" });
});

async function attempt(host: string, caFile: string) {
  let requests = 0;
  const files = {
    key: readFileSync(join(root, "key")),
    cert: readFileSync(join(root, "certificate")),
  };
  const server = createServer(files, (_, response) => {
    requests += 1;
    response.writeHead(204).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  const to = receiver({ url: `https://${host}:${port}/`, allow: ["127.0.0.1"], caFile });
  const resolve = async () => [{ address: "127.0.0.1", family: 4 }];
  const poster = new Poster(to, { root, env: { SECRET } }, resolve);
  onTestFinished(() => poster.close());
  const outcome = await poster.send("id", "{}", new AbortController().signal);
  return { ...outcome, requests };
}

test("a certificate of the receiver's own authority, for its name or its address", async () => {
  for (const host of ["good.example", "127.0.0.1"]) {
    expect(await attempt(host, "certificate")).toMatchObject({ ok: true, requests: 1 });
  }
});

test("attack: somebody else answers, with a certificate that nobody knows", async () => {
  const outcome = await attempt("good.example", "");
  expect(outcome).toMatchObject({ ok: false, requests: 0 });
  expect(outcome.text).toMatch(/SELF_SIGNED|SIGNATURE|VERIFY/);
});

test("attack: somebody else answers, with a good certificate of another name", async () => {
  expect(await attempt("other.example", "certificate")).toMatchObject({
    ok: false,
    text: "ERR_TLS_CERT_ALTNAME_INVALID",
    requests: 0,
  });
});
