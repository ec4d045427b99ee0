import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { builtinModules } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const built = (name: string): string =>
  fileURLToPath(new URL(`../../dist/src/${name}`, import.meta.url));

test("the client's program needs no package but native parts", () => {
  const text = readFileSync(built("program/client.cjs"), "utf8");
  const names = [...text.matchAll(/\b(?:require|import)\("([^"]+)"\)/g)].map(([, name]) => name);
  const foreign = new Set(names.map((name = "") => name.replace(/^node:/, "")));
  // Commands that are not the client's.
  for (const name of foreign) if (/^\.\.\/cli\/commands\//.test(name)) foreign.delete(name);
  for (const name of builtinModules) foreign.delete(name);
  expect([...foreign].sort()).toEqual([
    "@napi-rs/blake-hash",
    "ssh2/lib/protocol/crypto/build/Release/sshcrypto.node",
  ]);
});

test.each(["connect", "get", "put", "sync"])("it has all of %s", (command) => {
  const text = `
    process.argv = ["node", "moorage", "${command}", "--help"];
    process.on("exit", () => console.log(process.moduleLoadList.join(" ")));
    require(${JSON.stringify(built("program/client.cjs"))});`;
  const said = execFileSync(process.execPath, ["-e", text], { encoding: "utf8" });
  expect(said).toContain(`moorage ${command} [options]`);
  // They take long to load, and no client speaks with them.
  expect(said).not.toMatch(/NativeModule (https?|tls|child_process)\b/);
});

test("what was kept compiled is taken by the next start", () => {
  const directory = mkdtempSync(join(tmpdir(), "moorage-compiled-"));
  try {
    const env = { ...process.env, XDG_CACHE_HOME: directory };
    const start = (): number => {
      execFileSync(process.execPath, [built("moorage.cjs"), "connect", "--help"], { env });
      const kept = join(directory, "moorage/compiled");
      const [name = "none"] = readdirSync(kept).filter((name) =>
        name.startsWith("client-connect-"),
      );
      return statSync(join(kept, name)).ino;
    };
    // What is not taken is made anew, as another file.
    expect(start()).toBe(start());
  } finally {
    rmSync(directory, { recursive: true });
  }
});
