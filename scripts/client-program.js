// The client's commands as one file of CommonJS, with ssh2 in it. Half of the time until the prompt went
// into finding, reading and compiling modules, many of them for what a client never does.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, relative } from "node:path";
import { build } from "esbuild";

/** Commands that are not the client's: its program never gets there. */
const OTHERS = /\/dist\/src\/cli\/commands\/(?!all|connect|put|get|sync)[^/]*\.js$/;

/** Parts of ssh2 that a client doesn't need: they load much of Node.js. */
const UNUSED = /\/(http-agents|server|keygen)\.js$|^cpu-features$/;

/** Called seldom, and not before the prompt. */
const SELDOM = /^(node:)?child_process$/;

/** ssh2's only file that can't be in another one. */
const NATIVE = "ssh2/lib/protocol/crypto/build/Release/sshcrypto.node";

/** Loads a module of Node.js when one of its functions is called. */
function later(name) {
  const module = createRequire(import.meta.url)(name);
  const lines = Object.keys(module)
    .filter((key) => typeof module[key] === "function")
    .map((key) => `exports.${key} = (...all) => require("${name}").${key}(...all);`);
  return lines.join("\n");
}

/** A plugin that puts what `contents` makes in the place of the modules that match. */
function instead(name, filter, contents, from = /./) {
  return {
    name,
    setup({ onLoad, onResolve }) {
      onResolve({ filter }, ({ path, resolveDir, namespace }) =>
        namespace === name || !from.test(resolveDir) ? undefined : { path, namespace: name },
      );
      onLoad({ filter: /.*/, namespace: name }, ({ path }) => ({ contents: contents(path) }));
    },
  };
}

/** What stays where it is. */
function notHere(bundle) {
  return {
    name: "not-here",
    setup({ onResolve }) {
      onResolve({ filter: /^\.\// }, ({ path, resolveDir }) => {
        const file = join(resolveDir, path);
        return OTHERS.test(file) ? { path: relative(bundle, file), external: true } : undefined;
      });
      onResolve({ filter: /\.node$/ }, () => ({ path: NATIVE, external: true }));
    },
  };
}

/** Modules go on knowing their own place, and what they require is put into the file. */
function asCommonJs(bundle) {
  return {
    name: "as-commonjs",
    setup({ onLoad }) {
      onLoad({ filter: /\/dist\/src\/.*\.js$/ }, ({ path }) => {
        const place = `new URL(${JSON.stringify(relative(bundle, path))}, HERE).href`;
        const contents = readFileSync(path, "utf8")
          .replace("const require = createRequire(import.meta.url);", "")
          .replaceAll("createRequire(import.meta.url)(", "require(")
          .replace(/await import\(("[^"]*ml-kem-noble[^"]*")\)/, "require($1)")
          .replaceAll("import.meta.url", place);
        return { contents, loader: "js" };
      });
    },
  };
}

/**
 * In its first line is a digest: what was kept compiled is of this program alone.
 * @param sources what tsc made
 * @param bundle where the program is to lie
 * @param external packages that stay outside
 */
export async function clientProgram(sources, bundle, external) {
  // The ssh2 that is put in can't become another one later: it is looked at now.
  const { checkSsh2 } = await import(join(sources, "ssh/self-check.js"));
  checkSsh2();
  const { outputFiles } = await build({
    entryPoints: [join(sources, "client-program.js")],
    outdir: bundle,
    bundle: true,
    format: "cjs",
    platform: "node",
    target: "node20",
    banner: { js: 'const HERE = require("node:url").pathToFileURL(__filename).href;' },
    external,
    alias: { "@noble/hashes/sha3.js": join(sources, "ssh/sha3.js") },
    plugins: [
      instead("unused", UNUSED, () => "module.exports = {};", /\/ssh2\//),
      instead("seldom", SELDOM, later),
      instead("checked", /\/self-check\.js$/, () => "export function checkSsh2() {}"),
      notHere(bundle),
      asCommonJs(bundle),
    ],
    entryNames: "client",
    outExtension: { ".js": ".cjs" },
    write: false,
    logLevel: "warning",
  });
  const [{ path, text }] = outputFiles;
  const digest = createHash("sha256").update(text).digest("hex").slice(0, 16);
  return { path, contents: `//${digest}\n${text}` };
}
