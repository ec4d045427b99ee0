import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { loadConfig } from "../../../src/config/load.ts";
import { EVENT_GROUPS, EVENT_KINDS, kindsOf } from "../../../src/events/kinds.ts";
import { Poster } from "../../../src/events/post.ts";
import { SecretError, secretsOf, signatureHeaders } from "../../../src/events/secret.ts";
import { listener, receiver, SECRET } from "./world.ts";

const TEXT = readFileSync(
  fileURLToPath(new URL("../../../docs/events.md", import.meta.url)),
  "utf8",
);

function blocks(language: string): string[] {
  return [...TEXT.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, "gms"))].map(
    ([, code = ""]) => code,
  );
}

function place(): string {
  const made = mkdtempSync(join(tmpdir(), "moorage-events-"));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}

type IsGenuine = (headers: Record<string, unknown>, body: string, secret: string) => boolean;

async function example(): Promise<IsGenuine> {
  const file = join(place(), "example.mjs");
  writeFileSync(file, blocks("js")[0] ?? "");
  return ((await import(pathToFileURL(file).href)) as { isGenuine: IsGenuine }).isGenuine;
}

test("the example of a receiver takes what is sent, and nothing that was changed", async () => {
  const isGenuine = await example();
  const hook = await listener();
  const old = Buffer.alloc(32, "o").toString("base64");
  const env = { SECRET: `${old}\n${SECRET}` };
  const to = receiver({ url: `http://127.0.0.1:${hook.port}/`, allow: ["127.0.0.1"] });
  const poster = new Poster(to, { root: "/", env });
  await poster.send("some-id", '{"path":"/é"}', new AbortController().signal);
  poster.close();
  const { headers, body } = hook.received[0] ?? { headers: {}, body: "" };
  expect(isGenuine(headers, body, SECRET)).toBe(true);
  expect(isGenuine(headers, body, `${old}\n`)).toBe(true);
  expect(isGenuine(headers, body, Buffer.alloc(32, "x").toString("base64"))).toBe(false);
  expect(isGenuine(headers, `${body} `, SECRET)).toBe(false);
  expect(isGenuine({ ...headers, "webhook-id": "another" }, body, SECRET)).toBe(false);
  expect(isGenuine({ ...headers, "webhook-signature": "v1," }, body, SECRET)).toBe(false);
  expect(isGenuine({}, body, SECRET)).toBe(false);
});

test("attack: what was sent an hour ago is sent again", async () => {
  const isGenuine = await example();
  const now = Math.floor(Date.now() / 1000);
  const secrets = await secretsOf(
    { secretFile: "", secretEnv: "S" },
    { root: "/", env: { S: SECRET } },
  );
  const headers = (at: number) => signatureHeaders("id", at, "{}", secrets);
  expect(isGenuine(headers(now), "{}", SECRET)).toBe(true);
  expect(isGenuine(headers(now - 3_600), "{}", SECRET)).toBe(false);
  expect(isGenuine({ ...headers(now - 3_600), "webhook-timestamp": `${now}` }, "{}", SECRET)).toBe(
    false,
  );
});

test("the examples of settings are settings", () => {
  const names = blocks("toml").flatMap((text) => {
    const root = place();
    writeFileSync(join(root, "moorage.toml"), text);
    return loadConfig({ root, env: {} }).events.receivers.map(({ name }) => name);
  });
  expect(names).toEqual(["intake", "scan", "local"]);
});

test("all groups are listed, with kinds that there are", () => {
  const rows = [...TEXT.matchAll(/^\| `(\w+)` \| (.*) \|$/gm)].filter(([, name = ""]) =>
    EVENT_GROUPS.includes(name),
  );
  expect(rows.map(([, name]) => name).sort()).toEqual([...EVENT_GROUPS].sort());
  for (const [, group = "", text = ""] of rows) {
    const names = [...text.matchAll(/`([a-z-]+)`/g)].map(([, name = ""]) => name);
    const kinds = names.filter((name) => !EVENT_GROUPS.includes(name));
    for (const kind of kinds) expect(EVENT_KINDS).toContain(kind);
    if (!text.includes("…") && kinds.length === names.length && kinds.length > 0) {
      expect(new Set(kinds)).toEqual(kindsOf([group]));
    }
  }
});

test("a secret may be in a file below the instance, with a line end", async () => {
  const root = place();
  writeFileSync(join(root, "s"), `${SECRET}\n`);
  const of = { secretFile: "s", secretEnv: "" };
  expect(await secretsOf(of, { root, env: {} })).toEqual([Buffer.alloc(24, "s")]);
  writeFileSync(join(root, "s"), "x".repeat(5_000));
  await expect(secretsOf(of, { root, env: {} })).rejects.toThrow(SecretError);
});
