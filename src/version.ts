import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The version in package.json, found from src/ and from dist/src/ alike. */
function packageVersion(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (directory !== dirname(directory)) {
    const file = join(directory, "package.json");
    if (existsSync(file))
      return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
    directory = dirname(directory);
  }
  throw new Error("package.json is missing: the installation is not complete");
}

export const VERSION: string = packageVersion();
