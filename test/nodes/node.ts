import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";

/** A Node.js of its own, from the npm package `node`. */
export interface NodeProgram {
  /** as it was asked for: "24" */
  readonly name: string;
  /** "24.21.0" */
  readonly version: string;
  readonly executable: string;
  /** The environment in which it is the `node` of every program, npm and node-gyp included. */
  env(path?: string): NodeJS.ProcessEnv;
}

/** What npm tells the scripts it runs, about this project: not for other projects. */
const OF_NPM = /^npm_|^INIT_CWD$|^NODE_OPTIONS$/i;

function cleanEnv(): NodeJS.ProcessEnv {
  const entries = Object.entries(process.env).filter(([name]) => !OF_NPM.test(name));
  return Object.fromEntries(entries);
}

/** @param directory a new one, for the program */
export function installNode(name: string, directory: string): NodeProgram {
  mkdirSync(directory, { recursive: true });
  const args = ["install", "--silent", "--prefix", directory, `node@${name}`];
  execFileSync("npm", args, { env: cleanEnv(), stdio: ["ignore", "ignore", "inherit"] });
  const executable = join(directory, "node_modules/node/bin/node");
  const ask = "console.log(process.versions.node, process.platform + '-' + process.arch)";
  const told = execFileSync(executable, ["--eval", ask], { encoding: "utf8" });
  const [version = "", platform = ""] = told.trim().split(" ");
  // Its headers, for what is compiled.
  const headers = join(directory, `node_modules/node/node_modules/node-${platform}`);
  return {
    name,
    version,
    executable,
    env(path = process.env.PATH ?? "") {
      const PATH = `${dirname(executable)}:${path}`;
      return {
        ...cleanEnv(),
        PATH,
        npm_config_nodedir: headers,
        npm_config_update_notifier: "false",
      };
    },
  };
}
