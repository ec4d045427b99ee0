import { accessSync, constants, statSync } from "node:fs";
import { isAbsolute, join, relative } from "node:path";
import { shellWord } from "../control/secrets.ts";

export interface Whereabouts {
  /** of the shell that started this */
  readonly path: string | undefined;
  /** the program as it runs, absolute */
  readonly program: string;
  readonly directory: string;
}

/**
 * How a person runs this program in that directory: by its name where the shell finds it, else by
 * Node.js. A shell has no part of the PATH that npm adds for what it runs.
 */
export function ownCall({ path = "", program, directory }: Whereabouts): string {
  const places = path.split(":").filter((place) => isAbsolute(place) && !isOfNpm(place));
  if (places.some((place) => isProgram(join(place, "moorage")))) return "moorage";
  const below = relative(directory, program);
  const isBelow = below !== "" && !below.startsWith("..") && !isAbsolute(below);
  return `node ${shellWord(isBelow ? below : program)}`;
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
