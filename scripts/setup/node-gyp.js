#!/usr/bin/env node
// Stands in npm's PATH before npm's own node-gyp, so that every install step of a dependency that
// compiles something comes by here. It compiles what is worth it, and ssh2 so that it is safe.
const { execFileSync, spawnSync } = require("node:child_process");
const { join } = require("node:path");

/** Whether better-sqlite3 (13 and later) has a native part ready-made for this machine. */
function isReadyMade() {
  try {
    return execFileSync(process.execPath, ["lib/binding.js"], { encoding: "utf8" }).trim() === "1";
  } catch {
    return false;
  }
}

/** @returns {NodeJS.ProcessEnv | undefined} the compiler's environment; undefined: nothing to do */
function environment() {
  const { npm_package_name: name, CXXFLAGS = "", ...env } = process.env;
  switch (name) {
    // ssh2 only asks it which ciphers to prefer, and is told that by us.
    case "cpu-features":
      return undefined;
    // npm compiles all that has a binding.gyp, though this package asks it not to.
    case "better-sqlite3":
      return isReadyMade() ? undefined : process.env;
    case "ssh2":
      return { ...env, CXXFLAGS: `${CXXFLAGS} -include "${join(__dirname, "ssh2.h")}"` };
    default:
      return process.env;
  }
}

const env = environment();
if (env !== undefined) {
  const args = [process.env.npm_config_node_gyp ?? "", ...process.argv.slice(2)];
  process.exitCode = spawnSync(process.execPath, args, { env, stdio: "inherit" }).status ?? 1;
}
