import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ControlError } from "../control/errors.ts";
import { ownFiles } from "./own-files.ts";

/** The process that the instance's pid file names; undefined when there is none. */
export function readPidFile(root: string): number | undefined {
  try {
    const text = readFileSync(join(root, ownFiles(root).pid), "latin1").trim();
    return /^[1-9]\d{0,9}$/.test(text) ? Number(text) : undefined;
  } catch {
    return undefined;
  }
}

/** The file that names the one server of an instance that was started into the background. */
export class PidFile {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /**
   * Writes this process's number, 0600.
   * @param isServer tells a server of this instance that lives from what a crash left behind
   * @throws ControlError when one is there
   */
  static async claim(root: string, isServer: (pid: number) => Promise<boolean>): Promise<PidFile> {
    const path = join(root, ownFiles(root).pid);
    const draft = `${path}.${process.pid}`;
    writeFileSync(draft, `${process.pid}\n`, { mode: 0o600, flag: "w" });
    try {
      // A link is made by one process only, however many try.
      linkSync(draft, path);
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== "EEXIST") throw thrown;
      const pid = readPidFile(root);
      if (pid !== undefined && pid !== process.pid && (await isServer(pid))) {
        throw new ControlError(
          `a server of this instance runs in the background already (pid ${pid}): use \`moorage restart\`, or \`moorage stop\` first`,
        );
      }
      renameSync(draft, path);
    } finally {
      rmSync(draft, { force: true });
    }
    return new PidFile(path);
  }

  /** Removes the file, unless it is another process's by now. */
  remove(): void {
    try {
      if (readFileSync(this.#path, "latin1").trim() === `${process.pid}`) rmSync(this.#path);
    } catch {
      // It is gone already, and so is its use.
    }
  }
}
