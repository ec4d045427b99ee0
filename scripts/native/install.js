// npm's install step of this package, after all dependencies are there: compiles the native part of
// ssh2 (ciphers that work in place) in ssh2's own directory, where ssh2 looks for it. ssh2's own
// install step isn't used: what it compiles doesn't compile on Node.js 26, and ends the process on
// Node.js 24.19 and later (see ssh2.h). Without a compiler there is no native part: the ciphers are
// then those of Node.js, and slower. That is no error.
import { spawnSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const HEADER = fileURLToPath(new URL("ssh2.h", import.meta.url));
const PROGRAMS = ["python3", "make", process.env.CXX ?? "g++"];

const { resolve } = createRequire(import.meta.url);
const directory = join(dirname(resolve("ssh2/package.json")), "lib/protocol/crypto");
const built = join(directory, "build/Release/sshcrypto.node");

/** @param {string} command */
function runs(command) {
  return spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0;
}

/** @returns {string | undefined} why there is no native part */
function compile() {
  // npm puts its node-gyp into the PATH of install steps.
  const missing = PROGRAMS.filter((program) => !runs(program));
  if (missing.length > 0) return `there is no ${missing.join(", ")}`;
  const [openssl] = process.versions.openssl.split(".");
  const { status, stdout, stderr, error } = spawnSync(
    "node-gyp",
    ["rebuild", `--target=${process.version}`, `--real_openssl_major=${openssl}`],
    {
      cwd: directory,
      encoding: "utf8",
      env: { ...process.env, CXXFLAGS: `${process.env.CXXFLAGS ?? ""} -include "${HEADER}"` },
    },
  );
  if (status === 0 && existsSync(built)) return undefined;
  if (process.env.npm_config_loglevel === "verbose") process.stderr.write(`${stdout}${stderr}`);
  return error?.message ?? "it did not compile (npm ci --loglevel verbose says more)";
}

rmSync(join(directory, "build"), { recursive: true, force: true });
const why = compile();
if (why !== undefined) {
  rmSync(join(directory, "build"), { recursive: true, force: true });
  process.stderr.write(
    `moorage: no native ciphers, because ${why}. Everything works, transfers take more of the ` +
      "processor. To change it, install python3, make and g++, and run npm ci again.\n",
  );
}
