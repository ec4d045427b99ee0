import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { onTestFinished } from "vitest";
import type { Io } from "../../../src/cli/io.ts";
import { run } from "../../../src/cli/run.ts";

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** An instance that is still to be made, and its command line. Removed after the test. */
export interface World {
  readonly root: string;
  /** @param answer what is typed on a terminal; without it there is none */
  moorage(args: string | readonly string[], answer?: string): Promise<Outcome>;
}

/** Cheap hashing, so that the tests are quick. */
const CHEAP = { MOORAGE_AUTH_ARGON2_MEMORY: "1MiB", MOORAGE_AUTH_ARGON2_TIME: "1" };

export function world(env: Record<string, string> = {}): World {
  const root = mkdtempSync(join(tmpdir(), "moorage-cli-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  return {
    root,
    async moorage(args, answer) {
      const stdin: PassThrough & { isTTY?: boolean } = new PassThrough();
      stdin.isTTY = answer !== undefined;
      stdin.end(answer ?? "");
      let [out, err] = ["", ""];
      const io: Io = {
        env: { ...CHEAP, MOORAGE_ROOT: root, ...env },
        stdin,
        out: (text) => {
          out += text;
        },
        err: (text) => {
          err += text;
        },
        colour: false,
        errTerminal: answer !== undefined,
      };
      const code = await run(typeof args === "string" ? args.split(" ") : args, io);
      return { code, out, err };
    },
  };
}
