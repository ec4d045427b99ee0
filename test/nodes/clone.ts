import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Finished, run } from "./commands.ts";
import type { NodeProgram } from "./node.ts";

/** This file runs from dist/test/nodes. */
const REPOSITORY = fileURLToPath(new URL("../../../", import.meta.url));

const INSTALL_SECONDS = 900;
const COMPILERS =
  /^(python|g?make$|cc$|c\+\+|gcc|g\+\+|cpp|clang|.*-(gcc|g\+\+|cpp)(-\d+)?$|[cg][89]9)/;

/** What is committed, in a directory of its own. */
export function clone(directory: string): void {
  execFileSync("git", ["clone", "--quiet", REPOSITORY, directory], { stdio: "pipe" });
}

/** Whether this machine compiles what an install wants compiled. */
export function hasCompiler(): boolean {
  const programs = ["python3", "make", process.env.CXX ?? "g++"];
  return programs.every((program) => spawnSync(program, ["--version"]).status === 0);
}

/** @returns a PATH with all programs but compilers; its links are made in `directory` */
export function pathWithoutCompilers(directory: string): string {
  mkdirSync(directory);
  const seen = new Set<string>();
  for (const folder of (process.env.PATH ?? "").split(":")) {
    for (const name of list(folder)) {
      if (seen.has(name) || COMPILERS.test(name) || name === "node") continue;
      seen.add(name);
      symlinkSync(join(folder, name), join(directory, name));
    }
  }
  return directory;
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** `npm ci`, as README says it; npm's own output is part of an error. */
export function install(node: NodeProgram, directory: string, path?: string): Promise<Finished> {
  return run("npm", ["ci"], { cwd: directory, env: node.env(path), seconds: INSTALL_SECONDS });
}
