import { accessSync, constants, statSync } from "node:fs";
import { isAbsolute, join, relative } from "node:path";
import { shellWord } from "../control/secrets.ts";

export interface Whereabouts {
  /** the PATH of the shell that started this */
  readonly path: string | undefined;
  /** the absolute path of the program that runs */
  readonly program: string;
  readonly directory: string;
}

export interface OwnCall {
  /** the command, as a shell takes it */
  readonly call: string;
  /** true when the command has a path relative to the directory, and so works only there */
  readonly isBelow: boolean;
}

/**
 * How a person runs this program in that directory: by its name where the shell finds it, else with
 * Node.js. What npm adds to the PATH of the programs it runs doesn't count, because the person's shell
 * does not have it.
 */
export function ownCall({ path = "", program, directory }: Whereabouts): OwnCall {
  const places = path.split(":").filter((place) => isAbsolute(place) && !isOfNpm(place));
  if (places.some((place) => isProgram(join(place, "moorage")))) {
    return { call: "moorage", isBelow: false };
  }
  const below = relative(directory, program);
  const isBelow = below !== "" && !below.startsWith("..") && !isAbsolute(below);
  return { call: `node ${shellWord(isBelow ? below : program)}`, isBelow };
}

function isOfNpm(place: string): boolean {
  return /\/node_modules\/\.bin\/?$|\/node-gyp-bin\/?$/.test(place);
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
