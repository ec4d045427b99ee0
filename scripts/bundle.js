// Puts the program that tsc compiled into few files: most of a short command's time went into finding
// and reading modules. Workers, and what else is found by its place, stay where tsc put them.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { clientProgram } from "./client-program.js";

const SOURCES = fileURLToPath(new URL("../dist/src/", import.meta.url));
const BUNDLE = join(SOURCES, "program");
const ENTRY = join(SOURCES, "main.js");

/**
 * Have native parts, need files of their own, or are what a server loads only when it is asked for it:
 * a later build must not take that away from one that runs.
 */
const EXTERNAL = [
  "@napi-rs/blake-hash",
  "@zxcvbn-ts/*",
  "argon2",
  "better-sqlite3",
  "blessed",
  "moorage-sqlite-node20",
  "otpauth",
  "pino",
  "pino-pretty",
  "prom-client",
  "ssh2",
  "uqr",
];
const STAYS = /\/metrics\/text\.js$/;

/** A module goes on knowing its own place. */
const places = {
  name: "places",
  setup({ onLoad, onResolve }) {
    onResolve({ filter: STAYS }, ({ path, resolveDir }) => {
      return { path: relative(BUNDLE, join(resolveDir, path)), external: true };
    });
    onLoad({ filter: /\/dist\/(src|admin)\/.*\.js$/ }, ({ path }) => {
      const text = readFileSync(path, "utf8");
      if (!text.includes("import.meta.url")) return undefined;
      const place = `new URL(${JSON.stringify(relative(BUNDLE, path))}, import.meta.url).href`;
      return { contents: text.replaceAll("import.meta.url", place), loader: "js" };
    });
  },
};

const { outputFiles } = await build({
  entryPoints: [ENTRY],
  outdir: BUNDLE,
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20",
  // Commander is CommonJS.
  banner: {
    js: 'import { createRequire as requireOf } from "node:module"; const require = requireOf(import.meta.url);',
  },
  external: EXTERNAL,
  plugins: [places],
  chunkNames: "[name]-[hash]",
  entryNames: "entry-[hash]",
  write: false,
  logLevel: "warning",
});

const external = EXTERNAL.filter((name) => name !== "ssh2");
outputFiles.push(await clientProgram(SOURCES, BUNDLE, external));

/** What runs meanwhile sees the old program or the new one, each whole. */
function replace(path, contents) {
  const fresh = `${path}.${process.pid}`;
  writeFileSync(fresh, contents);
  renameSync(fresh, path);
}

mkdirSync(BUNDLE, { recursive: true });
const names = new Set(outputFiles.map(({ path }) => basename(path)));
for (const { path, contents } of outputFiles) replace(path, contents);
const [main] = [...names].filter((name) => name.startsWith("entry-"));
replace(ENTRY, `import "./program/${main}";\n`);
for (const name of readdirSync(BUNDLE)) if (!names.has(name)) rmSync(join(BUNDLE, name));
