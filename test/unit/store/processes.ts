import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import type { OpenOptions } from "../../../src/store/store.ts";
import { databaseOf } from "../../support/store-engine.ts";

const PROJECT = join(import.meta.dirname, "..", "..", "..");

/** The store compiled into a directory of its own, for child processes that run it with plain node. */
export async function compileStore(): Promise<{ directory: string; remove(): Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), "moorage-compiled-"));
  await writeFile(join(directory, "package.json"), '{"type":"module"}');
  await symlink(join(PROJECT, "node_modules"), join(directory, "node_modules"));
  await symlink(join(PROJECT, "db"), join(directory, "db"));
  const config = {
    extends: join(PROJECT, "tsconfig.json"),
    compilerOptions: { rootDir: PROJECT, outDir: directory, sourceMap: false },
    include: [],
    files: ["src/store/store.ts", "src/store/postgres/worker.js"].map((file) =>
      join(PROJECT, file),
    ),
  };
  await writeFile(join(directory, "tsconfig.json"), JSON.stringify(config));
  const tsc = join(PROJECT, "node_modules", "typescript", "bin", "tsc");
  await promisify(execFile)(process.execPath, [tsc, "-p", directory, "--noCheck"]);
  return { directory, remove: () => rm(directory, { recursive: true, force: true }) };
}

/** A child that runs `body` with a `store` open on `root`; `say(value)` sends a line of JSON. */
export class StoreChild {
  readonly process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(directory: string, root: string, body: string, options: OpenOptions) {
    const script = `
      import { openStore } from "${directory}/src/store/store.js";
      const store = await openStore(${JSON.stringify(root)}, "server", "child", ${JSON.stringify(options)});
      const say = (value) => console.log(JSON.stringify(value));
      ${body}`;
    const args = ["--input-type=module", "--eval", script];
    const child = spawn(process.execPath, args, {
      cwd: directory,
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.process = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /** @param directory of {@link compileStore} */
  static async start(directory: string, root: string, body: string): Promise<StoreChild> {
    const database = await databaseOf(root);
    return new StoreChild(directory, root, body, database === undefined ? {} : { database });
  }

  /** The next thing the child said. */
  async heard(): Promise<unknown> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("the child ended before it said anything");
    return JSON.parse(value);
  }

  async exited(): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      await once(this.process, "exit");
    }
  }

  async kill(): Promise<void> {
    this.process.kill("SIGKILL");
    await this.exited();
  }
}
